"""Pickles of plain values and numpy arrays, read without running anything they name."""

import io
import pickle

import numpy as np

from dawn_tf.data.errors import DataError


def load_pickle(content, name):
    """The dictionary in a pickle of numbers, texts, lists, dictionaries and arrays of uint8.

    A pickle names functions to be called while it is read, which may be any. Here there are three
    names, those a numpy array needs, and none of them is called: an array is rebuilt from its
    shape and bytes. Texts of Python 2 are read as Latin-1.

    Args:
        content: Bytes of the pickle.
        name: Of its file, for errors.

    Returns: dict; arrays are those of its values that are arrays.

    Raises: `DataError` for a pickle that names anything else, is damaged or holds no dictionary.
    """
    try:
        values = _Unpickler(io.BytesIO(content), encoding="latin1").load()
        return {k: v.array if isinstance(v, _Array) else v for k, v in values.items()}
    except Exception as error:  # A pickle made to do harm can raise anything.
        raise DataError(
            f"Expected a pickle of lists and arrays. Received: {name!r}, which cannot be read "
            f"({error}). Fetch the archive again, from its publisher."
        ) from error


class _Dtype:
    def __init__(self, name, align, copy):
        self.name = name

    def __setstate__(self, state):
        """Byte order and the like: nothing that a dtype of one byte needs."""


class _Array:
    def __init__(self, subtype, shape, dtype):
        """The placeholder that numpy makes first, whatever its shape."""

    def __setstate__(self, state):
        _, shape, dtype, fortran_order, content = state
        if dtype.name not in ("u1", "uint8"):
            raise pickle.UnpicklingError(f"an array of {dtype.name}, not of uint8")
        content = content.encode("latin1") if isinstance(content, str) else content
        order = "F" if fortran_order else "C"
        self.array = np.frombuffer(content, "uint8").reshape(shape, order=order)


_KNOWN = {
    "numpy.ndarray": None,  # Handed to `_Array`, which makes nothing else.
    "numpy.dtype": _Dtype,
    "numpy.core.multiarray._reconstruct": _Array,
    "numpy._core.multiarray._reconstruct": _Array,  # Its name since numpy 2.
}


class _Unpickler(pickle._Unpickler):
    # Not the one in C: there a place in the memo is an index into a table, which ten bytes can
    # make larger than the memory. The one operation left out makes as many bytes as it is told.
    dispatch = {
        code: load
        for code, load in pickle._Unpickler.dispatch.items()
        if code != pickle.BYTEARRAY8[0]
    }

    def find_class(self, module, name):
        if f"{module}.{name}" not in _KNOWN:
            raise pickle.UnpicklingError(f"it wants to run {module}.{name}")
        return _KNOWN[f"{module}.{name}"]
