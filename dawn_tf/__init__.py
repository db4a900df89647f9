"""DAWN for TensorFlow / Keras 3: learning that does not forget the rare classes.

`dawn_tf.DAWN` is the network, `dawn_tf.losses` and `dawn_tf.metrics` go into `compile`,
`dawn_tf.data` feeds `fit`, `dawn_tf.training` runs the whole recipe.

`models`, `layers`, `losses`, `metrics` and `ops` need Keras alone, so they also run on the JAX
backend of a machine without TensorFlow; the other sub-packages load on first use.
"""

import importlib

__version__ = "0.1.0"

_COMPUTE = ("layers", "losses", "metrics", "models", "ops")
_OTHERS = ("calibration", "data", "estimators", "evaluation", "export", "training")
__all__ = ["DAWN", "__version__", *_COMPUTE, *_OTHERS]


def __getattr__(name):
    if name == "DAWN":
        return importlib.import_module("dawn_tf.models").DAWN
    if name in (*_COMPUTE, *_OTHERS):
        return importlib.import_module(f"dawn_tf.{name}")
    raise AttributeError(f"module 'dawn_tf' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)


# After `import dawn_tf` Keras must know every class that a saved model can name.
try:
    for _name in _COMPUTE:
        importlib.import_module(f"dawn_tf.{_name}")
except ModuleNotFoundError as error:
    # Statistics and calibration need neither Keras nor a backend.
    if error.name not in ("keras", "tensorflow", "jax", "torch"):
        raise
