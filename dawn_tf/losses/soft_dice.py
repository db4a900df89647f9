import keras
from keras import ops

from dawn_tf.losses import per_class
from dawn_tf.losses.base import PerExampleLoss
from dawn_tf.losses.inputs import pixel_axes, prepare


@keras.saving.register_keras_serializable("dawn_tf")
class SoftDice(PerExampleLoss):
    """One minus the soft Dice overlap, averaged over the classes present.

    Per class `dice = 2 * sum(p * y) / (sum(p) + sum(y))` over the pixels that are not void, with
    `p` the softmax of the logits and `y` the one-hot labels. Classes without a true pixel are
    left out; an all-void image scores 0.
    After [Milletari et al., 2016](https://arxiv.org/abs/1606.04797), with plain sums below.

    Over a batch, `1 - dice = sum(p + y - 2 * p * y) / size`, `size` being the denominator above,
    is shared out: an example's value is its part of the sum times the number of examples, so the
    values average to the loss of the batch.

    Args:
        class_weights: One weight per class in the average, or `None` for equal ones.
        per_image: Sums over each image; `False`, or labels `(batch,)`: over the whole batch.
        ignore_class: Label of void pixels, or `None`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: Integer labels, `(batch, ...)`.
        y_pred: Logits, `(batch, ..., num_classes)`.

    Raises:
        ValueError: If a class weight is below 0.
    """

    def __init__(self, class_weights=None, per_image=True, ignore_class=None, **kwargs):
        super().__init__(ignore_class=ignore_class, **kwargs)
        self.class_weights = per_class.to_list(class_weights, "class_weights")
        self.per_image = per_image

    def call(self, y_true, y_pred):
        return soft_dice(y_true, y_pred, self.class_weights, self.per_image, self.ignore_class)

    def get_config(self):
        return {
            **super().get_config(),
            "class_weights": self.class_weights,
            "per_image": self.per_image,
        }


def soft_dice(y_true, y_pred, class_weights=None, per_image=True, ignore_class=None):
    """The value of `SoftDice` for each example, `(batch,)`."""
    inputs = prepare(y_true, y_pred, ignore_class)
    class_weights = per_class.to_list(class_weights, "class_weights")
    p = ops.exp(inputs.log_p)
    return soft_dice_term(p, inputs, class_weights, per_image) + inputs.poison


def soft_dice_term(p, inputs, class_weights=None, per_image=True):
    """The Dice loss of probabilities `p` and prepared `Inputs`, `(batch,)`."""
    y, valid, axes = inputs.y, inputs.valid[..., None], pixel_axes(inputs.valid)
    # |y - p| is p + y - 2py for one-hot y, without its rounding near 0.
    difference = ops.sum(ops.abs(y - p) * valid, axis=axes)
    size, present = ops.sum((y + p) * valid, axis=axes), ops.any(y > 0, axis=axes)
    if not (per_image and axes):
        size = ops.mean(size, axis=0, keepdims=True)
        present = ops.any(present, axis=0, keepdims=True)
    loss = ops.divide_no_nan(difference, size)
    return per_class.mean_over_classes(loss, ops.cast(present, "float32"), class_weights)
