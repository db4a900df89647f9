"""From integer labels and logits to what every loss computes with."""

from typing import Any, NamedTuple

from keras import ops

# Infinite logits (a masked class, a float16 overflow) become this large: sums over 10^8 pixels
# stay below the 3.4e38 of float32, while finite logits of any real use are left as they are.
LARGEST_LOGIT = 1e30


class Inputs(NamedTuple):
    """A batch, prepared. `...` is any number of axes in space, none for labels `(batch,)`."""

    log_p: Any  # Log-softmax of the logits, `(batch, ..., num_classes)`.
    y: Any  # One-hot labels of the same shape; all 0 at void pixels.
    valid: Any  # 1 where the label counts, else 0; `(batch, ...)`.
    poison: Any  # NaN for examples with an impossible label, else 0; `(batch,)`.


def prepare(y_true, y_pred, ignore_class=None):
    """Checks the shapes and gives `Inputs`, all of it float32.

    Void pixels get constant logits, so nothing that the network says there, NaN included, has a
    value or a gradient. A label that is neither `ignore_class` nor a whole number in
    `0..num_classes - 1` can't raise inside a graph; the value of its example is NaN instead, and
    the gradient is that of the other pixels.

    Args:
        y_true: Integer labels, `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Logits, `(batch, ..., num_classes)`.
        ignore_class: Label of void pixels, or `None`.

    Raises:
        ValueError: If the shapes do not fit each other, or there is one class only.
    """
    labels, logits = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(labels.shape) == len(logits.shape) and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, axis=-1)
    check_shapes(tuple(labels.shape), tuple(logits.shape))
    num_classes = logits.shape[-1]

    labels = ops.cast(labels, "float32")  # Not integers: a NaN label must be seen as such.
    possible = ops.logical_and(labels >= 0, labels < num_classes)
    possible = ops.logical_and(possible, labels == ops.floor(labels))
    void = ops.zeros_like(possible) if ignore_class is None else labels == ignore_class
    valid = ops.logical_and(possible, ops.logical_not(void))
    broken = ops.logical_not(ops.logical_or(possible, void))
    broken = ops.any(broken, axis=pixel_axes(broken))

    logits = ops.clip(ops.cast(logits, "float32"), -LARGEST_LOGIT, LARGEST_LOGIT)
    logits = ops.where(valid[..., None], logits, 0.0)
    y = labels[..., None] == ops.arange(num_classes, dtype="float32")
    return Inputs(
        log_p=ops.log_softmax(logits, axis=-1),
        y=ops.cast(ops.logical_and(y, valid[..., None]), "float32"),
        valid=ops.cast(valid, "float32"),
        poison=ops.where(broken, float("nan"), 0.0),
    )


def check_shapes(labels, logits):
    """`ValueError` unless `labels` is `logits` without its last axis, of two or more classes."""
    fit = len(logits) >= 2 and len(labels) == len(logits) - 1
    if not fit or any(a != b for a, b in zip(labels, logits, strict=False) if None not in (a, b)):
        raise ValueError(
            "Expected integer labels of shape (batch, ...) and logits of shape "
            f"(batch, ..., num_classes). Received: y_true.shape={labels}, y_pred.shape={logits}. "
            "For one-hot labels, pass `ops.argmax(y_true, axis=-1)`."
        )
    if logits[-1] is None or logits[-1] < 2:
        raise ValueError(
            "Expected logits of two or more classes. Received: "
            f"y_pred.shape={logits}. For one sigmoid output z, pass `ops.stack([0 * z, z], -1)`."
        )


def pixel_axes(labels):
    """The axes of `labels` in space: all but the batch."""
    return tuple(range(1, len(labels.shape)))
