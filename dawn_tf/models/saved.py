import pathlib

import keras


def load_model(path):
    """A model from a `.keras` file, for inference; nothing in the file is run as code.

    Keras's safe mode: the file may name registered classes of Keras and of this package alone,
    and hold no Python code (a `Lambda` layer). That leaves the size: a file from a stranger may
    still ask for a network larger than memory.

    Args:
        path: File that `model.save` wrote, ending in ".keras".

    Raises: `ValueError` for a file that holds anything else, or is damaged.
    """
    path = pathlib.Path(path)
    if path.suffix != ".keras":
        raise ValueError(
            f"Expected a file that ends in .keras. Received: {path}. Older formats can hold code; "
            "save the model anew with model.save."
        )
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # A damaged zip or HDF5 file can raise anything.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(
            f"Expected a model without code of its own, as model.save writes it. Received: {path} "
            f"({reason[0]}). Train or export it anew."
        ) from error
