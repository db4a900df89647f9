"""What every test may use: the real data's folder, and a quiet, seeded backend."""

import os
import pathlib
import sys

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def data_dir():
    """Folder with the real data sets, or a skip that says how to name it."""
    if "DAWN_DATA_DIR" not in os.environ:
        pytest.skip("real data: set DAWN_DATA_DIR to the folder that holds it")
    return pathlib.Path(os.environ["DAWN_DATA_DIR"])


@pytest.fixture(autouse=True)
def seeded():
    import keras

    keras.utils.set_random_seed(0)
    yield
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework import config

        # A run switches it on for its process, where Keras then compiles nothing by XLA.
        config.disable_op_determinism()


@pytest.fixture
def value_and_gradient():
    """`f(function, x) -> (value, gradient)` as arrays, on either backend."""
    import keras
    import numpy as np

    def compute(function, x):
        x = keras.ops.convert_to_tensor(x)
        if keras.backend.backend() == "jax":
            import jax

            value, gradient = jax.value_and_grad(function)(x)
        else:
            import tensorflow as tf

            with tf.GradientTape() as tape:
                tape.watch(x)
                value = function(x)
            gradient = tape.gradient(value, x)
        return np.asarray(value), np.asarray(gradient)

    return compute
