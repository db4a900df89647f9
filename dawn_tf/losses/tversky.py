import keras
from keras import ops

from dawn_tf.losses import per_class
from dawn_tf.losses.base import PerExampleLoss
from dawn_tf.losses.inputs import pixel_axes, prepare

# One minus the index below this is 0: the slope of its root is infinite there.
PERFECT = 1e-12


@keras.saving.register_keras_serializable("dawn_tf")
class Tversky(PerExampleLoss):
    """One minus the Tversky index, averaged over the classes present; focal with `gamma > 1`.

    Per class `TI = TP / (TP + alpha * FP + beta * FN)` and `(1 - TI)**(1 / gamma)`, with
    `FP = sum(max(p - y, 0))`, `FN = sum(max(y - p, 0))` and `TP = sum(min(y, p))` over the pixels
    that are not void, `p` the softmax of the logits and `y` the labels. Classes without a true
    pixel are left out; an all-void image scores 0.

    `alpha = beta = 0.5` is `SoftDice`, `alpha = beta = 1` the soft Jaccard loss; `beta > alpha`
    favours recall. After [Salehi et al., 2017](https://arxiv.org/abs/1706.05721), whose alpha too
    is that of the false positives, and
    [Abraham and Khan, 2019](https://arxiv.org/abs/1810.07842), whose alpha is that of the false
    negatives and whose power is `1 / gamma`, as here. Others, segmentation_models.pytorch for one,
    take the power `gamma`: their `gamma=0.75` is `gamma=4/3` here. For soft labels the sums are
    those of [Wang et al., 2023](https://arxiv.org/abs/2303.16296): 0 where `p = y`.

    Over a batch the index is that of all pixels, and an example's value its part of the sum
    `alpha * FP + beta * FN` times the number of examples, scaled so that the values average to
    the loss of the batch.

    Args:
        alpha: Weight of the false positives, at least 0.
        beta: Weight of the false negatives, above 0.
        gamma: At least 1; the paper advises 4/3, and `1..3` as its range.
        class_weights: One weight per class in the average, or `None` for equal ones.
        per_image: Sums over each image; `False`, or labels `(batch,)`: over the whole batch.
        ignore_class: Label of void pixels, or `None`.
        label_smoothing: Share of each label given to all classes alike, in `[0, 1)`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: Integer labels, `(batch, ...)`, or distributions, `(batch, ..., num_classes)`.
        y_pred: Logits, `(batch, ..., num_classes)`.

    Raises:
        ValueError: If `alpha`, `beta`, `gamma` or a class weight is out of its range.
    """

    def __init__(
        self,
        alpha=0.3,
        beta=0.7,
        gamma=1.0,
        class_weights=None,
        per_image=True,
        ignore_class=None,
        label_smoothing=0.0,
        **kwargs,
    ):
        super().__init__(ignore_class, label_smoothing, **kwargs)
        check_tversky(alpha, beta, gamma)
        self.alpha = alpha
        self.beta = beta
        self.gamma = gamma
        self.class_weights = per_class.to_list(class_weights, "class_weights")
        self.per_image = per_image

    def values(self, y_true, y_pred):
        return tversky(
            y_true,
            y_pred,
            self.alpha,
            self.beta,
            self.gamma,
            self.class_weights,
            self.per_image,
            self.ignore_class,
            self.label_smoothing,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "beta": self.beta,
            "gamma": self.gamma,
            "class_weights": self.class_weights,
            "per_image": self.per_image,
        }


def tversky(
    y_true,
    y_pred,
    alpha=0.3,
    beta=0.7,
    gamma=1.0,
    class_weights=None,
    per_image=True,
    ignore_class=None,
    label_smoothing=0.0,
):
    """The value of `Tversky` for each example, `(batch,)`."""
    check_tversky(alpha, beta, gamma)
    inputs = prepare(y_true, y_pred, ignore_class, label_smoothing)
    class_weights = per_class.to_list(class_weights, "class_weights")
    y, valid, axes = inputs.y, inputs.valid[..., None], pixel_axes(inputs.valid)
    over_batch = not (per_image and axes)

    p, present = ops.exp(inputs.log_p), inputs.present
    false_positives = ops.sum(ops.relu(p - y) * valid, axis=axes)
    false_negatives = ops.sum(ops.relu(y - p) * valid, axis=axes)
    wrong = alpha * false_positives + beta * false_negatives
    size = ops.sum(y * valid, axis=axes) - false_negatives + wrong
    if over_batch:
        size = ops.mean(size, axis=0, keepdims=True)
        present = ops.any(present, axis=0, keepdims=True)
    loss = ops.divide_no_nan(wrong, size)
    if gamma != 1:
        whole = ops.mean(loss, axis=0, keepdims=True) if over_batch else loss
        perfect = whole < PERFECT
        power = ops.power(ops.where(perfect, 1.0, whole), 1.0 / gamma - 1.0)
        loss = loss * ops.where(perfect, 0.0, power)
    loss = per_class.mean_over_classes(loss, ops.cast(present, "float32"), class_weights)
    return loss + inputs.poison


def check_tversky(alpha, beta, gamma):
    if not (0.0 <= alpha < float("inf") and 0.0 < beta < float("inf")):
        raise ValueError(
            "Expected alpha >= 0 and beta > 0. Received: "
            f"alpha={alpha}, beta={beta}. Use 0.5 and 0.5 for Dice."
        )
    if not 1.0 <= gamma < float("inf"):
        raise ValueError(
            f"Expected gamma >= 1. Received: gamma={gamma}. Use 1 for the plain Tversky loss; "
            "the power is 1 / gamma."
        )
