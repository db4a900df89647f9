import keras
from keras import ops

from dawn_tf.losses import per_class
from dawn_tf.losses.base import PerExampleLoss
from dawn_tf.losses.inputs import pixel_axes, prepare


@keras.saving.register_keras_serializable("dawn_tf")
class SoftDice(PerExampleLoss):
    """One minus the soft Dice overlap, averaged over the classes present.

    Per class `sum(|y - p|) / sum(y + p)` over the pixels that are not void, with `p` the softmax
    of the logits and `y` the labels. For labels of 0 and 1 that is one minus the Dice overlap
    `2 * sum(y * p) / sum(y + p)`; for soft labels it still is 0 where `p = y` and nowhere else.
    Classes without a true pixel are left out; an all-void image scores 0.
    After [Milletari et al., 2016](https://arxiv.org/abs/1606.04797), with plain sums below, and
    [Wang et al., 2023](https://arxiv.org/abs/2303.16296), the first Dice semimetric loss.

    Over a batch the sum of `|y - p|` is shared out: an example's value is its part of it times
    the number of examples, so the values average to the loss of the batch.

    Args:
        class_weights: One weight per class in the average, or `None` for equal ones.
        per_image: Sums over each image; `False`, or labels `(batch,)`: over the whole batch.
        ignore_class: Label of void pixels, or `None`.
        label_smoothing: Share of each label given to all classes alike, in `[0, 1)`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: Integer labels, `(batch, ...)`, or distributions, `(batch, ..., num_classes)`.
        y_pred: Logits, `(batch, ..., num_classes)`.

    Raises:
        ValueError: If a class weight is below 0.
    """

    def __init__(
        self,
        class_weights=None,
        per_image=True,
        ignore_class=None,
        label_smoothing=0.0,
        **kwargs,
    ):
        super().__init__(ignore_class, label_smoothing, **kwargs)
        self.class_weights = per_class.to_list(class_weights, "class_weights")
        self.per_image = per_image

    def values(self, y_true, y_pred):
        return soft_dice(
            y_true,
            y_pred,
            self.class_weights,
            self.per_image,
            self.ignore_class,
            self.label_smoothing,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "class_weights": self.class_weights,
            "per_image": self.per_image,
        }


def soft_dice(
    y_true,
    y_pred,
    class_weights=None,
    per_image=True,
    ignore_class=None,
    label_smoothing=0.0,
):
    """The value of `SoftDice` for each example, `(batch,)`."""
    inputs = prepare(y_true, y_pred, ignore_class, label_smoothing)
    class_weights = per_class.to_list(class_weights, "class_weights")
    p = ops.exp(inputs.log_p)
    return soft_dice_term(p, inputs, class_weights, per_image) + inputs.poison


def soft_dice_term(p, inputs, class_weights=None, per_image=True):
    """The Dice loss of probabilities `p` and prepared `Inputs`, `(batch,)`."""
    y, valid, axes = inputs.y, inputs.valid[..., None], pixel_axes(inputs.valid)
    difference = ops.sum(ops.abs(y - p) * valid, axis=axes)
    size, present = ops.sum((y + p) * valid, axis=axes), inputs.present
    if not (per_image and axes):
        size = ops.mean(size, axis=0, keepdims=True)
        present = ops.any(present, axis=0, keepdims=True)
    loss = ops.divide_no_nan(difference, size)
    return per_class.mean_over_classes(loss, ops.cast(present, "float32"), class_weights)
