"""State on disk that a killed run can trust: whole or absent, never half; and the one before it."""

import json
import pathlib
import sys

import numpy as np

from dawn_tf.evaluation import atomic


def save_state(path, variables, progress):
    """Writes the values of `variables` and the JSON-able `progress` to `path`, atomically.

    What `path` held before is kept beside it, as `<name>.before`.
    """
    path = pathlib.Path(path)
    for unfinished in path.parent.glob(f".{path.name}.*.tmp"):
        unfinished.unlink()  # Of a run that was killed while it wrote.
    arrays = {str(i): np.asarray(variable) for i, variable in enumerate(variables)}
    with atomic(path, former=_former(path)) as file:
        np.savez(file, progress=np.array(json.dumps(progress)), **arrays)


def has_state(path):
    """Whether there is a checkpoint at `path`, or the one before it."""
    return path.exists() or _former(path).exists()


def load_state(path, variables):
    """Assigns what `save_state` wrote to `variables`, in their order; returns the progress.

    If the file is damaged, which its checksums show, or missing, the one before it is taken, and
    stderr says so.

    Raises:
        ValueError: if there is no whole checkpoint of this model.
    """
    path = pathlib.Path(path)
    shapes = [tuple(variable.shape) for variable in variables]
    faults = []
    for source in (path, _former(path)):
        try:
            values, progress = _read(source, shapes)
        except Exception as error:  # A damaged zip file can raise anything.
            faults.append(f"{source.name}: {error or type(error).__name__}")
            continue
        if faults:
            print(
                f"WARNING: the checkpoint {path} cannot be read ({faults[0]}). "
                f"Going on from the one before it, {source.name}.",
                file=sys.stderr,
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return progress
    raise ValueError(
        f"Expected a whole checkpoint of this model's {len(shapes)} variables. Received: "
        f"{path.parent} with {'; '.join(faults)}. Remove that folder to train anew, or give "
        "another run folder (--out)."
    )


def _read(path, shapes):
    """`(values, progress)` of a checkpoint of variables of these shapes."""
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as state:
        values = [state[str(i)] for i in range(len(state.files) - 1)]
        progress = json.loads(str(state["progress"]))
    if [value.shape for value in values] != shapes:
        raise ValueError(f"{len(values)} variables of other shapes")
    return values, progress


def _former(path):
    return path.with_name(f"{path.name}.before")
