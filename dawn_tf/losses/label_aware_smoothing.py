import keras
import numpy as np
from keras import ops

from dawn_tf.losses import per_class
from dawn_tf.losses.base import PerExampleLoss
from dawn_tf.losses.class_weights import check_counts
from dawn_tf.losses.focal import focal_term
from dawn_tf.losses.inputs import prepare


@keras.saving.register_keras_serializable("dawn_tf")
class LabelAwareSmoothing(PerExampleLoss):
    """Cross-entropy with labels that are smoothed more the more common their class is.

    A label of class `c` becomes `1 - e_c` for `c` and `e_c / (num_classes - 1)` for each other
    class, with `e_c` from `smooth_tail` at the rarest class to `smooth_head` at the most common;
    a soft label becomes the same mixture of these. Common classes are so kept from
    overconfidence. The mean is over the pixels that are not void.
    After [Zhong et al., 2021](https://arxiv.org/abs/2104.00466), for the second stage of
    training. The authors' code shares `e_c` out over all classes, `c` included; this is the paper.

    Args:
        class_counts: Examples (or pixels) of each class in the training set, all above 0.
        smooth_head: `e` of the most common class, in `[0, 1)`, at least `smooth_tail`.
        smooth_tail: `e` of the rarest class, in `[0, 1)`.
        shape: How `e` rises with the count in between: "concave" (a quarter of a sine), "linear"
            or "convex".
        ignore_class: Label of void pixels, or `None`.
        label_smoothing: Share of each label given to all classes alike before all this.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: Integer labels, `(batch, ...)`, or distributions, `(batch, ..., num_classes)`.
        y_pred: Logits, `(batch, ..., num_classes)`.

    Raises:
        ValueError: If a class has no example, a smoothing is out of range, or for another `shape`.
    """

    def __init__(
        self,
        class_counts,
        smooth_head=0.3,
        smooth_tail=0.0,
        shape="concave",
        ignore_class=None,
        label_smoothing=0.0,
        **kwargs,
    ):
        super().__init__(ignore_class, label_smoothing, **kwargs)
        self.class_counts = check_counts(class_counts).tolist()
        check_smoothing(smooth_head, smooth_tail, shape)
        self.smooth_head = smooth_head
        self.smooth_tail = smooth_tail
        self.shape = shape

    def values(self, y_true, y_pred):
        return label_aware_smoothing(
            y_true,
            y_pred,
            self.class_counts,
            self.smooth_head,
            self.smooth_tail,
            self.shape,
            self.ignore_class,
            self.label_smoothing,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "class_counts": self.class_counts,
            "smooth_head": self.smooth_head,
            "smooth_tail": self.smooth_tail,
            "shape": self.shape,
        }


def label_aware_smoothing(
    y_true,
    y_pred,
    class_counts,
    smooth_head=0.3,
    smooth_tail=0.0,
    shape="concave",
    ignore_class=None,
    label_smoothing=0.0,
):
    """The value of `LabelAwareSmoothing` for each example, `(batch,)`."""
    inputs = prepare(y_true, y_pred, ignore_class, label_smoothing)
    num_classes = inputs.y.shape[-1]
    smoothing = class_smoothing(class_counts, smooth_head, smooth_tail, shape)
    smoothing = per_class.to_tensor(smoothing, num_classes, "class_counts")
    given_away = inputs.y * smoothing
    others = ops.sum(given_away, axis=-1, keepdims=True) - given_away
    y = inputs.y - given_away + others / (num_classes - 1)
    return focal_term(inputs._replace(y=y, hard=False), 0.0) + inputs.poison


def class_smoothing(class_counts, smooth_head=0.3, smooth_tail=0.0, shape="concave"):
    """`e` of each class, float64 `(num_classes,)`; `smooth_tail` for equally common classes."""
    check_smoothing(smooth_head, smooth_tail, shape)
    counts = check_counts(class_counts)
    rarest, span = counts.min(), np.ptp(counts)
    share = (counts - rarest) / (span or 1.0)
    if shape == "concave":
        share = np.sin(share * np.pi / 2)
    elif shape == "convex":
        share = 1 + np.sin(1.5 * np.pi + share * np.pi / 2)
    return smooth_tail + (smooth_head - smooth_tail) * share


def check_smoothing(smooth_head, smooth_tail, shape):
    if not 0.0 <= smooth_tail <= smooth_head < 1.0:
        raise ValueError(
            "Expected 0 <= smooth_tail <= smooth_head < 1. Received: "
            f"smooth_head={smooth_head}, smooth_tail={smooth_tail}. Use 0.3 and 0."
        )
    if shape not in ("concave", "linear", "convex"):
        raise ValueError(
            f'Expected shape "concave", "linear" or "convex". Received: shape={shape!r}. Use '
            '"concave".'
        )
