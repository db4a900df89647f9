"""Values and logit gradients of every loss on the backend of `KERAS_BACKEND`, to a `.npz` file.

`python backend_script.py out.npz`; run by `test_backends.py`, one process a backend.
"""

import sys

import keras
import numpy as np
from keras import ops

from dawn_tf import losses

COUNTS, WEIGHTS = [90, 30, 9, 1], [0.5, 1.0, 2.0, 0.1]
VOID = {"ignore_class": 255}
LOSSES = {
    "focal": losses.Focal(0.5, WEIGHTS, label_smoothing=0.1, **VOID),
    "dice": losses.SoftDice(WEIGHTS, **VOID),
    "dice_batch": losses.SoftDice(per_image=False, **VOID),
    "tversky": losses.Tversky(gamma=4 / 3, **VOID),
    "lovasz": losses.LovaszSoftmax(class_weights=WEIGHTS, **VOID),
    "lovasz_batch": losses.LovaszSoftmax("all", per_image=False, **VOID),
    "lovasz_binned": losses.LovaszSoftmax(method="binned", bins=64, **VOID),
    "edge": losses.SobelEdge("l1", WEIGHTS, **VOID),
    "edge_l2": losses.SobelEdge("l2", **VOID),
    "logit_adjusted": losses.LogitAdjusted(COUNTS, **VOID),
    "ldam": losses.LDAM(COUNTS, scale=3, **VOID),
    "label_aware": losses.LabelAwareSmoothing(COUNTS, **VOID),
    "dawn": losses.DAWNLoss.from_class_counts(COUNTS, **VOID),
    "dawn_binned": losses.DAWNLoss(per_image=False, lovasz_method="binned", **VOID),
    "hinge": losses.LovaszHinge(multi_label=True, **VOID),
}


def cases():
    """`name: (loss, labels, logits)`: masks, soft masks, rows, and logits in half precision."""
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(3, 6, 7, 4)).astype("float32")
    masks = rng.integers(0, 4, (3, 6, 7))
    masks[rng.random(masks.shape) < 0.1] = 255
    masks[2][masks[2] == 2] = 1
    soft = np.eye(4, dtype="float32")[np.minimum(masks, 3)]
    soft = 0.7 * soft + 0.3 * np.roll(soft, 1, axis=1)
    rows = masks[:, 0].reshape(-1), logits[:, 0].reshape(-1, 4)
    several = rng.random(logits.shape) < 0.3
    out = {}
    for name, loss in LOSSES.items():
        out[name] = loss, several if name == "hinge" else masks, logits
    for name in ("focal", "dice", "lovasz", "lovasz_binned", "tversky", "ldam", "dawn"):
        out[f"{name}/soft"] = LOSSES[name], soft, logits
    for name in ("dice", "tversky", "lovasz", "lovasz_binned", "dawn"):
        out[f"{name}/rows"] = LOSSES[name], *rows
    for dtype in ("bfloat16", "float16"):
        for name in ("focal", "ldam", "hinge", "dawn", "dawn_binned"):
            loss, labels, logits = out[name]
            out[f"{name}/{dtype}"] = loss, labels, ops.cast(logits, dtype)
    return {
        name: (loss, ops.convert_to_tensor(labels, "float32"), ops.convert_to_tensor(logits))
        for name, (loss, labels, logits) in out.items()
    }


def compilers(backend):
    """How the backend may run a function: by name, a function of functions."""
    if backend == "tensorflow":
        import tensorflow as tf

        return {
            "eager": lambda f: f,
            "graph": tf.function,
            "xla": lambda f: tf.function(f, jit_compile=True),
        }
    if backend == "jax":
        import jax

        return {"eager": lambda f: f, "xla": jax.jit}
    return {"eager": lambda f: f}


def differentiated(backend, loss):
    """A function of labels and logits: values of each example, and the gradient of their sum."""

    def value(z, y):
        each = loss.call(y, z)
        return ops.sum(each), each

    def with_jax(y, z):
        import jax

        (_, each), gradient = jax.value_and_grad(value, has_aux=True)(z, y)
        return each, gradient

    def with_tensorflow(y, z):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(z)
            total, each = value(z, y)
        return each, tape.gradient(total, z)

    def with_torch(y, z):
        z = z.detach().clone().requires_grad_()
        total, each = value(z, y)
        total.backward()
        return each, z.grad

    return {"jax": with_jax, "tensorflow": with_tensorflow, "torch": with_torch}[backend]


def main(path):
    backend, out, inputs = keras.backend.backend(), {}, cases()
    functions = {name: differentiated(backend, loss) for name, (loss, _, _) in inputs.items()}
    tensors = {name: (labels, logits) for name, (_, labels, logits) in inputs.items()}

    def compute(tensors):
        return {name: function(*tensors[name]) for name, function in functions.items()}

    for mode, compiled in compilers(backend).items():
        for name, (each, gradient) in compiled(compute)(tensors).items():
            out[f"{mode}:{name}:value"] = ops.convert_to_numpy(each)
            out[f"{mode}:{name}:gradient"] = ops.convert_to_numpy(ops.cast(gradient, "float32"))
    np.savez(path, **out)


if __name__ == "__main__":
    main(sys.argv[1])
