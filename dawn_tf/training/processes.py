"""Several processes, on one machine or on many, that train one network: Keras on JAX.

`keras.distribution.DataParallel` over `jax.distributed`: each process holds the weights and its
part of each batch, and a step is that of the whole batch, with the normalisation and the losses
that look at a batch. Keras 3 has no `fit` under TensorFlow's `MultiWorkerMirroredStrategy`
(keras-team/keras#20585).
"""

import contextlib

import keras
import numpy as np


def join(coordinator, process, processes):
    """Waits for all processes, and divides what is computed from now on among them.

    Args:
        coordinator: "host:port" of process 0, on which it listens.
        process: Number of this one, `0 <= process < processes`.
        processes: How many there are; 1 changes nothing.

    Raises: `ValueError` on another backend than JAX.
    """
    if processes == 1:
        return
    if keras.backend.backend() != "jax":
        raise ValueError(
            "Expected Keras on JAX for several processes. Received: "
            f"{keras.backend.backend()}. Set KERAS_BACKEND=jax, with dawn_tf[jax] installed."
        )
    keras.distribution.initialize(coordinator, processes, process)
    parallel = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(parallel)


@contextlib.contextmanager
def by_itself():
    """A block in which this process computes what it is told, without the others."""
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


def wait_for_all(point, processes):
    """Returns when all processes are at the `point` of that name."""
    if processes > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(point)


class FirstValidates:
    """Validation in process 0, whose scores all get: else they might not agree when to stop.

    Args:
        scores_of: Function from a model to its scores, a flat dict.
        model: The model in training, whose weights the processes share.
        copy: Function from a model to a copy of it.
        process: Number of this one.
        names: All the scores there may be.
    """

    def __init__(self, scores_of, model, copy, process, names):
        self.scores_of = scores_of
        self.model = model
        self.process = process
        self.names = names
        with by_itself():
            self.own = copy(model)

    def __call__(self):
        scores = {}
        if self.process == 0:
            with by_itself():
                self.own.set_weights(self.model.get_weights())
                scores = self.scores_of(self.own)
        return _from_first(np.array([scores.get(name, np.nan) for name in self.names]), self.names)


def _from_first(values, names):
    from jax.experimental import multihost_utils

    halves = values.astype("float64").view("uint32")  # JAX has float64 nowhere or everywhere.
    values = np.array(multihost_utils.broadcast_one_to_all(halves)).view("float64")
    return {name: float(v) for name, v in zip(names, values, strict=True) if np.isfinite(v)}
