import keras
from keras import ops

from dawn_tf.losses import per_class
from dawn_tf.losses.base import PerExampleLoss
from dawn_tf.losses.inputs import pixel_axes, prepare


@keras.saving.register_keras_serializable("dawn_tf")
class Focal(PerExampleLoss):
    """Softmax focal loss, the mean over the pixels that are not void.

    Per pixel the sum over the classes of `y * alpha * (1 - p)**gamma * -log(p)`, with `p` the
    softmax of the logits and `y` the labels, 1 at the class of the pixel or soft. `gamma=0` is
    cross-entropy; an all-void image scores 0.
    After [Lin et al., 2017](https://arxiv.org/abs/1708.02002), Eq. 5, for many classes.

    Args:
        gamma: How much easy pixels count less, at least 0.
        alpha: One factor per class, or `None` for 1. The mean is not divided by it.
        ignore_class: Label of void pixels, or `None`.
        label_smoothing: Share of each label given to all classes alike, in `[0, 1)`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: Integer labels, `(batch, ...)`, or distributions, `(batch, ..., num_classes)`.
        y_pred: Logits, `(batch, ..., num_classes)`.

    Raises:
        ValueError: If `gamma` or an `alpha` is below 0.
    """

    def __init__(self, gamma=2.0, alpha=None, ignore_class=None, label_smoothing=0.0, **kwargs):
        super().__init__(ignore_class, label_smoothing, **kwargs)
        self.gamma = check_gamma(gamma, "gamma")
        self.alpha = per_class.to_list(alpha, "alpha")

    def values(self, y_true, y_pred):
        return focal(
            y_true, y_pred, self.gamma, self.alpha, self.ignore_class, self.label_smoothing
        )

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma, "alpha": self.alpha}


def focal(y_true, y_pred, gamma=2.0, alpha=None, ignore_class=None, label_smoothing=0.0):
    """The value of `Focal` for each example, `(batch,)`."""
    inputs = prepare(y_true, y_pred, ignore_class, label_smoothing)
    gamma, alpha = check_gamma(gamma, "gamma"), per_class.to_list(alpha, "alpha")
    return focal_term(inputs, gamma, alpha) + inputs.poison


def focal_term(inputs, gamma, alpha=None):
    """The focal loss of prepared `Inputs`, `(batch,)`."""
    y, log_p = inputs.y, inputs.log_p
    weights = y if alpha is None else y * per_class.to_tensor(alpha, y.shape[-1], "alpha")
    if inputs.hard:  # One class per pixel: the power is taken of that one.
        log_p, weights = ops.sum(y * log_p, axis=-1), ops.sum(weights, axis=-1)
    loss = -weights * log_p
    if gamma:
        # expm1 takes 1 - p from log p without rounding p to 1. At p = 1 itself the slope of the
        # power is infinite for gamma < 1; the floor, far below the smallest nonzero 1 - p that
        # float32 logits give, makes the gradient 0.
        loss = loss * ops.power(ops.maximum(-ops.expm1(log_p), 1e-12), gamma)
    if not inputs.hard:
        loss = ops.sum(loss, axis=-1)
    axes = pixel_axes(loss)
    return ops.divide_no_nan(ops.sum(loss, axis=axes), ops.sum(inputs.valid, axis=axes))


def check_gamma(gamma, name):
    """`gamma` as a float; `ValueError` if it is negative or not finite."""
    if not 0.0 <= gamma < float("inf"):
        raise ValueError(
            f"Expected {name} >= 0. Received: {name}={gamma}. Use 0 for cross-entropy."
        )
    return float(gamma)
