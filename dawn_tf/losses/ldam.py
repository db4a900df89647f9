import keras
import numpy as np
from keras import ops

from dawn_tf.losses import per_class
from dawn_tf.losses.base import PerExampleLoss
from dawn_tf.losses.class_weights import check_counts
from dawn_tf.losses.focal import focal_term
from dawn_tf.losses.inputs import prepare


@keras.saving.register_keras_serializable("dawn_tf")
class LDAM(PerExampleLoss):
    """Label-distribution-aware margins: cross-entropy that asks more of the rarer classes.

    Cross-entropy of `scale * (z - y * margin)`, with `z` the logits, `y` the labels and
    `margin` that of each class, `C / n**(1/4)` for `n` examples; `C` makes the largest
    `max_margin`. Of a soft or smoothed label every class gets its share of its margin. The mean is
    over the pixels that are not void; an all-void image scores 0.
    After [Cao et al., 2019](https://arxiv.org/abs/1906.07413), the cross-entropy form.

    The logits are meant to be cosines, those of `dawn_tf.layers.CosineHead`, whose size the
    `scale` sets. `CosineHead(scale=s)` with `LDAM(scale=1, max_margin=0.5 * s)` is the same loss,
    and the head's outputs then are logits that a softmax can take as they are. Deferred
    re-weighting (the paper's DRW) sets `class_weights` late in training.

    Args:
        class_counts: Examples (or pixels) of each class in the training set, all above 0.
        max_margin: Margin of the rarest class, above 0.
        scale: Factor of the logits, above 0.
        class_weights: One factor per class, or `None` for 1. The mean is not divided by it.
        ignore_class: Label of void pixels, or `None`.
        label_smoothing: Share of each label given to all classes alike, in `[0, 1)`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: Integer labels, `(batch, ...)`, or distributions, `(batch, ..., num_classes)`.
        y_pred: Logits, `(batch, ..., num_classes)`.

    Raises:
        ValueError: If a class has no example, or `max_margin`, `scale` or a weight is out of range.
    """

    def __init__(
        self,
        class_counts,
        max_margin=0.5,
        scale=30.0,
        class_weights=None,
        ignore_class=None,
        label_smoothing=0.0,
        **kwargs,
    ):
        super().__init__(ignore_class, label_smoothing, **kwargs)
        self.class_counts = check_counts(class_counts).tolist()
        self.max_margin = check_positive(max_margin, "max_margin", 0.5)
        self.scale = check_positive(scale, "scale", 30)
        self.class_weights = per_class.to_list(class_weights, "class_weights")

    def values(self, y_true, y_pred):
        return ldam(
            y_true,
            y_pred,
            self.class_counts,
            self.max_margin,
            self.scale,
            self.class_weights,
            self.ignore_class,
            self.label_smoothing,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "class_counts": self.class_counts,
            "max_margin": self.max_margin,
            "scale": self.scale,
            "class_weights": self.class_weights,
        }


def ldam(
    y_true,
    y_pred,
    class_counts,
    max_margin=0.5,
    scale=30.0,
    class_weights=None,
    ignore_class=None,
    label_smoothing=0.0,
):
    """The value of `LDAM` for each example, `(batch,)`."""
    margins = ldam_margins(class_counts, max_margin)
    scale = check_positive(scale, "scale", 30)
    class_weights = per_class.to_list(class_weights, "class_weights")
    logits = scale * ops.cast(y_pred, "float32")
    inputs = prepare(y_true, logits, ignore_class, label_smoothing)
    margins = per_class.to_tensor(scale * margins, inputs.y.shape[-1], "class_counts")
    # A log-softmax is the logits up to a constant, which the next one takes out again.
    log_p = ops.log_softmax(inputs.log_p - inputs.y * margins, axis=-1)
    return focal_term(inputs._replace(log_p=log_p), 0.0, class_weights) + inputs.poison


def ldam_margins(class_counts, max_margin=0.5):
    """The margin of each class, float64 `(num_classes,)`: `C / n**(1/4)`, at most `max_margin`."""
    margins = check_counts(class_counts) ** -0.25
    return margins * (check_positive(max_margin, "max_margin", 0.5) / np.max(margins))


def check_positive(value, name, usual):
    """`value` as a float; `ValueError` unless it is above 0 and finite."""
    if not 0.0 < value < float("inf"):
        raise ValueError(f"Expected {name} > 0. Received: {name}={value}. Use {usual}.")
    return float(value)
