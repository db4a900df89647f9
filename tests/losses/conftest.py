"""What the tests of several losses share, in numpy or on the backend at hand."""

import keras
import numpy as np
import pytest


@pytest.fixture
def random_case():
    """`f(shape, num_classes, scale, void) -> (labels, logits)`; `void`: the share of label 255."""
    rng = np.random.default_rng(0)

    def make(shape, num_classes=4, scale=2.0, void=0.0):
        labels = rng.integers(0, num_classes, shape)
        labels[rng.random(shape) < void] = 255
        return labels, rng.normal(scale=scale, size=(*shape, num_classes)).astype("float32")

    return make


@pytest.fixture
def softmax():
    """The softmax in float64."""

    def compute(logits):
        logits = np.asarray(logits, "float64")
        e = np.exp(logits - logits.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    return compute


@pytest.fixture
def numeric_gradient():
    """`f(function, x) -> gradient` of a float64 numpy function by central differences."""

    def compute(function, x, step=1e-5):
        x = np.array(x, "float64")
        gradient = np.zeros_like(x)
        for i in np.ndindex(x.shape):
            at = x[i]
            x[i] = at + step
            above = function(x)
            x[i] = at - step
            below = function(x)
            x[i] = at
            gradient[i] = (above - below) / (2 * step)
        return gradient

    return compute


@pytest.fixture(params=["graph", "xla"])
def compiled(request):
    """Compiles a function of arrays: as a graph or with XLA (JAX always compiles with XLA)."""

    def compute(function):
        if keras.backend.backend() == "jax":
            import jax

            return jax.jit(function)
        import tensorflow as tf

        return tf.function(function, jit_compile=request.param == "xla")

    return compute
