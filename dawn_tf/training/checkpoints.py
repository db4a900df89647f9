"""State on disk that a killed run can trust: whole or absent, never half."""

import json

import numpy as np

from dawn_tf.evaluation import atomic


def save_state(path, variables, progress):
    """Writes the values of `variables` and the JSON-able `progress` to `path`, atomically."""
    arrays = {str(i): np.asarray(variable) for i, variable in enumerate(variables)}
    with atomic(path) as file:
        np.savez(file, progress=np.array(json.dumps(progress)), **arrays)


def load_state(path, variables):
    """Assigns what `save_state` wrote to `variables`, in their order; returns the progress.

    Raises:
        ValueError: if the file is not of this model.
    """
    with np.load(path) as state:
        values = [state[str(i)] for i in range(len(state.files) - 1)]
        progress = json.loads(str(state["progress"]))
    shapes = [tuple(variable.shape) for variable in variables]
    if [value.shape for value in values] != shapes:
        raise ValueError(
            f"Expected a checkpoint of {len(shapes)} variables shaped like this model's. "
            f"Received: {path} with {len(values)} others. Give another run folder (--out)."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return progress
