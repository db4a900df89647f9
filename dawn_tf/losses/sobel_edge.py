import keras
from keras import ops

from dawn_tf.losses import per_class
from dawn_tf.losses.base import PerExampleLoss
from dawn_tf.losses.inputs import prepare
from dawn_tf.ops.sobel import edge_difference, touches


@keras.saving.register_keras_serializable("dawn_tf")
class SobelEdge(PerExampleLoss):
    """Difference between the edges of the prediction and those of the truth.

    Mean over pixels and classes of `|m(p) - m(y)|`, or of its square, with `m` the Sobel gradient
    magnitude (`dawn_tf.ops.sobel`), `p` the softmax of the logits and `y` the labels, one-hot or
    soft. All classes count: one that is absent from the truth is charged for the edges predicted
    for it. Void pixels and the eight neighbours of each are left out, as their gradients would
    be those of the void. Where neither has an edge, value and gradient are 0.
    After DAWN, the edge term of the total loss, whose norm the paper leaves open.

    Args:
        norm: "l1" for the absolute difference, "l2" for its square.
        class_weights: One weight per class in the mean, or `None` for equal ones.
        ignore_class: Label of void pixels, or `None`.
        label_smoothing: Share of each label given to all classes alike, in `[0, 1)`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: Integer labels, `(batch, height, width)`, or distributions, `(batch, height,
            width, num_classes)`.
        y_pred: Logits, `(batch, height, width, num_classes)`.

    Raises:
        ValueError: If labels have no height and width, for another `norm`, or a weight below 0.
    """

    def __init__(
        self, norm="l1", class_weights=None, ignore_class=None, label_smoothing=0.0, **kwargs
    ):
        super().__init__(ignore_class, label_smoothing, **kwargs)
        check_norm(norm)
        self.norm = norm
        self.class_weights = per_class.to_list(class_weights, "class_weights")

    def values(self, y_true, y_pred):
        return sobel_edge(
            y_true,
            y_pred,
            self.norm,
            self.class_weights,
            self.ignore_class,
            self.label_smoothing,
        )

    def get_config(self):
        return {**super().get_config(), "norm": self.norm, "class_weights": self.class_weights}


def sobel_edge(
    y_true, y_pred, norm="l1", class_weights=None, ignore_class=None, label_smoothing=0.0
):
    """The value of `SobelEdge` for each image, `(batch,)`."""
    check_norm(norm)
    inputs = prepare(y_true, y_pred, ignore_class, label_smoothing)
    class_weights = per_class.to_list(class_weights, "class_weights")
    p = ops.exp(inputs.log_p)
    return sobel_edge_term(p, inputs, norm, class_weights) + inputs.poison


def sobel_edge_term(p, inputs, norm, class_weights=None):
    """The edge loss of probabilities `p` and prepared `Inputs`, `(batch,)`."""
    if len(p.shape) != 4:
        raise ValueError(
            "Expected labels of shape (batch, height, width) for the edge loss. Received: "
            f"y_pred.shape={tuple(p.shape)}. Set `w_edge=0`, or leave SobelEdge out."
        )
    void = 1.0 - inputs.valid[..., None]
    total = edge_difference(p, inputs.y, void, squared=norm == "l2")
    pixels = ops.sum(ops.cast(touches(void) == 0, "float32"), axis=(1, 2))
    loss = ops.divide_no_nan(total, pixels)
    return per_class.mean_over_classes(loss, ops.ones_like(loss), class_weights)


def check_norm(norm):
    if norm not in ("l1", "l2"):
        raise ValueError(f'Expected norm "l1" or "l2". Received: norm={norm!r}. Use "l1".')
