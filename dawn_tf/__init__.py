"""DAWN for TensorFlow / Keras 3: learning that does not forget the rare classes.

`dawn_tf.DAWN` is the network, `dawn_tf.losses` and `dawn_tf.metrics` go into `compile`,
`dawn_tf.data` feeds `fit`, `dawn_tf.training` runs the whole recipe.

Sub-packages load on first use. `models`, `layers`, `losses`, `metrics` and `ops` need Keras
alone, so they also run on the JAX backend of a machine without TensorFlow.
"""

import importlib

__version__ = "0.1.0"

_SUBPACKAGES = (
    "data",
    "evaluation",
    "export",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "training",
)
__all__ = ["DAWN", "__version__", *_SUBPACKAGES]


def __getattr__(name):
    if name == "DAWN":
        return importlib.import_module("dawn_tf.models").DAWN
    if name in _SUBPACKAGES:
        return importlib.import_module(f"dawn_tf.{name}")
    raise AttributeError(f"module 'dawn_tf' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
