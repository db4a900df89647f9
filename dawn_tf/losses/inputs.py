"""From labels and logits to what every loss computes with."""

from typing import Any, NamedTuple

from keras import ops

# Infinite logits (a masked class, a float16 overflow) become this large: sums over 10^8 pixels
# stay below the 3.4e38 of float32, while finite logits of any real use are left as they are.
LARGEST_LOGIT = 1e30

# How far from 1 a distribution may sum: half-precision labels round by up to 0.004.
SUM_TOLERANCE = 0.01


class Inputs(NamedTuple):
    """A batch, prepared. `...` is any number of axes in space, none for labels `(batch,)`."""

    log_p: Any  # Log-softmax of the logits, `(batch, ..., num_classes)`.
    y: Any  # The labels as distributions, smoothed, of the same shape; all 0 at void pixels.
    valid: Any  # 1 where the label counts, else 0; `(batch, ...)`.
    poison: Any  # NaN for examples with an impossible label, else 0; `(batch,)`.
    present: Any  # Whether an example has any of a class, before smoothing; `(batch, num_classes)`.
    hard: bool  # Whether `y` is known to be 0 and 1 only: integer labels that are not smoothed.


def prepare(y_true, y_pred, ignore_class=None, label_smoothing=0.0):
    """Checks the shapes and gives `Inputs`, all of it float32.

    Void pixels get constant logits, so nothing that the network says there, NaN included, has a
    value or a gradient. A label that is neither void nor possible can't raise inside a graph; the
    value of its example is NaN instead, and the gradient is that of the other pixels. Possible
    are whole numbers in `0..num_classes - 1`, and distributions without a negative share whose
    sum is 1 within 0.01.

    Infinite logits are taken as the large finite numbers `LARGEST_LOGIT`; a NaN at a pixel that
    counts makes its example's value NaN, as it should: it is the network that is broken.

    Args:
        y_true: Integer labels, `(batch, ...)` or `(batch, ..., 1)`; or soft labels, a
            distribution over the classes at every pixel, `(batch, ..., num_classes)`, all 0 at
            void pixels.
        y_pred: Logits, `(batch, ..., num_classes)`.
        ignore_class: Label of void pixels, or `None`. Soft labels with a share of it are void.
        label_smoothing: Share of each label given to all classes alike, in `[0, 1)`: labels
            become `(1 - label_smoothing) * y + label_smoothing / num_classes`.

    Raises:
        ValueError: If the shapes do not fit each other, or there is one class only.
    """
    labels, logits = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    soft = len(labels.shape) == len(logits.shape)
    if soft and labels.shape[-1] == 1:
        labels, soft = ops.squeeze(labels, axis=-1), False
    check_shapes(tuple(labels.shape), tuple(logits.shape))

    labels = ops.cast(labels, "float32")  # Not integers: a NaN label must be seen as such.
    read = read_soft if soft else read_integers
    y, possible, void = read(labels, logits.shape[-1], ignore_class)
    valid = ops.logical_and(possible, ops.logical_not(void))
    broken = ops.logical_not(ops.logical_or(possible, void))
    broken = ops.any(broken, axis=pixel_axes(broken))

    num_classes = logits.shape[-1]
    # All classes of a valid pixel and none of another. XLA makes a loop over vectors of this
    # comparison, but not of a mask that is broadcast: two to three times the whole cross-entropy.
    counted = ops.arange(num_classes) < ops.where(valid, num_classes, 0)[..., None]
    logits = ops.clip(ops.cast(logits, "float32"), -LARGEST_LOGIT, LARGEST_LOGIT)
    logits = ops.where(counted, logits, 0.0)
    y = ops.where(counted, y, 0.0)
    present = ops.any(y > 0, axis=pixel_axes(valid))
    valid = ops.cast(valid, "float32")
    if label_smoothing:
        y = (1.0 - label_smoothing) * y + label_smoothing / num_classes * valid[..., None]
    return Inputs(
        log_p=ops.log_softmax(logits, axis=-1),
        y=y,
        valid=valid,
        poison=ops.where(broken, float("nan"), 0.0),
        present=present,
        hard=not (soft or label_smoothing),
    )


def read_integers(labels, num_classes, ignore_class):
    """One-hot labels, and which labels are possible and which void."""
    possible = ops.logical_and(labels >= 0, labels < num_classes)
    possible = ops.logical_and(possible, labels == ops.floor(labels))
    void = ops.zeros_like(possible) if ignore_class is None else labels == ignore_class
    y = labels[..., None] == ops.arange(num_classes, dtype="float32")
    return ops.cast(y, "float32"), possible, void


def read_soft(labels, num_classes, ignore_class):
    """The distributions as they are, and which of them are possible and which void."""
    total = ops.sum(labels, axis=-1)
    not_negative = ops.all(labels >= 0, axis=-1)
    possible = ops.logical_and(not_negative, ops.abs(total - 1.0) <= SUM_TOLERANCE)
    void = ops.logical_and(not_negative, total == 0)
    if ignore_class is not None and 0 <= ignore_class < num_classes:
        void = ops.logical_or(void, ops.logical_and(possible, labels[..., ignore_class] > 0))
    return labels, possible, void


def check_shapes(labels, logits):
    """`ValueError` unless `labels` fit `logits` of two or more classes."""
    classless = logits[:-1] if len(labels) == len(logits) - 1 else logits
    fit = len(logits) >= 2 and len(labels) == len(classless)
    if not fit or any(
        a != b for a, b in zip(labels, classless, strict=False) if None not in (a, b)
    ):
        raise ValueError(
            "Expected integer labels of shape (batch, ...), or soft labels (batch, ..., "
            "num_classes), and logits of shape (batch, ..., num_classes). Received: "
            f"y_true.shape={labels}, y_pred.shape={logits}. Give each pixel of the logits the "
            "index of its class, or a distribution over the classes."
        )
    if logits[-1] is None or logits[-1] < 2:
        raise ValueError(
            "Expected logits of two or more classes. Received: "
            f"y_pred.shape={logits}. For one sigmoid output z, pass `ops.stack([0 * z, z], -1)`."
        )


def check_label_smoothing(label_smoothing):
    """`label_smoothing` as a float; `ValueError` unless it is in `[0, 1)`."""
    if not 0.0 <= label_smoothing < 1.0:
        raise ValueError(
            "Expected label_smoothing in [0, 1). Received: "
            f"label_smoothing={label_smoothing}. Use 0 for the labels as they are."
        )
    return float(label_smoothing)


def pixel_axes(labels):
    """The axes of `labels` in space: all but the batch."""
    return tuple(range(1, len(labels.shape)))
