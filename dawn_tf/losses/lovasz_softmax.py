import math

import keras
from keras import ops

from dawn_tf.losses import per_class
from dawn_tf.losses.base import PerExampleLoss
from dawn_tf.losses.inputs import pixel_axes, prepare
from dawn_tf.ops.lovasz import binned_weights, sorted_weights


@keras.saving.register_keras_serializable("dawn_tf")
class LovaszSoftmax(PerExampleLoss):
    """Lovász-softmax: the convex extension of the Jaccard loss `1 - IoU`, mean over classes.

    Per class the sum of the errors `|y - p|` times the weights of `dawn_tf.ops.lovasz`, with `p`
    the softmax of the logits and `y` the one-hot labels; for a prediction of 0 and 1 it is
    `1 - IoU`. An all-void image scores 0.
    After [Berman et al., 2018](https://arxiv.org/abs/1705.08790), Eq. 12.

    Over a batch the sum is shared out: an example's value is the part of its own pixels times
    the number of examples, so the values average to the loss of the batch.

    Args:
        classes: "present" averages over the classes with a true pixel; "all" over every class, an
            absent one counting its largest error.
        class_weights: One weight per class in the average, or `None` for equal ones.
        per_image: Sums over each image; `False`, or labels `(batch,)`: over the whole batch.
        ignore_class: Label of void pixels, or `None`.
        method: "exact" sorts the pixels. "binned" counts them in bins of the error, in linear
            time and within `1 / bins` of the exact value.
        bins: Number of bins of "binned".
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: Integer labels, `(batch, ...)`.
        y_pred: Logits, `(batch, ..., num_classes)`.

    Raises:
        ValueError: If `classes`, `method` or `bins` is none of the above, or a weight below 0.
    """

    def __init__(
        self,
        classes="present",
        class_weights=None,
        per_image=True,
        ignore_class=None,
        method="exact",
        bins=1024,
        **kwargs,
    ):
        super().__init__(ignore_class=ignore_class, **kwargs)
        check_options(classes, method, bins)
        self.classes = classes
        self.class_weights = per_class.to_list(class_weights, "class_weights")
        self.per_image = per_image
        self.method = method
        self.bins = bins

    def call(self, y_true, y_pred):
        return lovasz_softmax(
            y_true,
            y_pred,
            self.classes,
            self.class_weights,
            self.per_image,
            self.ignore_class,
            self.method,
            self.bins,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "classes": self.classes,
            "class_weights": self.class_weights,
            "per_image": self.per_image,
            "method": self.method,
            "bins": self.bins,
        }


def lovasz_softmax(
    y_true,
    y_pred,
    classes="present",
    class_weights=None,
    per_image=True,
    ignore_class=None,
    method="exact",
    bins=1024,
):
    """The value of `LovaszSoftmax` for each example, `(batch,)`."""
    check_options(classes, method, bins)
    inputs = prepare(y_true, y_pred, ignore_class)
    class_weights = per_class.to_list(class_weights, "class_weights")
    p = ops.exp(inputs.log_p)
    loss = lovasz_term(p, inputs, classes, class_weights, per_image, method, bins)
    return loss + inputs.poison


def lovasz_term(p, inputs, classes, class_weights, per_image, method, bins):
    """The Lovász loss of probabilities `p` and prepared `Inputs`, `(batch,)`."""
    y, axes, num_classes = inputs.y, pixel_axes(inputs.valid), p.shape[-1]
    batch, pixels = ops.shape(p)[0], math.prod(ops.shape(p)[1:-1])
    images, size = (batch, pixels) if per_image and axes else (1, batch * pixels)

    def to_rows(x):
        x = ops.transpose(ops.reshape(x, (images, size, num_classes)), (0, 2, 1))
        return ops.reshape(x, (images * num_classes, size))

    valid = inputs.valid[..., None]
    errors = ops.abs(y - p) * valid
    rows = to_rows(errors), to_rows(y), to_rows(ops.broadcast_to(valid, ops.shape(y)))
    weights = sorted_weights(*rows) if method == "exact" else binned_weights(*rows, bins)
    weights = ops.transpose(ops.reshape(weights, (images, num_classes, size)), (0, 2, 1))
    loss = ops.sum(errors * ops.reshape(weights, ops.shape(p)), axis=axes)
    if not (per_image and axes):
        loss = loss * ops.cast(batch, "float32")

    counted = ops.ones((1, num_classes), "float32")
    if classes == "present":
        present = ops.any(ops.reshape(y, (images, size, num_classes)) > 0, axis=1)
        counted = ops.cast(present, "float32")
    return per_class.mean_over_classes(loss, counted, class_weights)


def check_options(classes, method, bins):
    if classes not in ("present", "all"):
        raise ValueError(
            f'Expected classes "present" or "all". Received: classes={classes!r}. To favour some '
            "classes, set `class_weights`."
        )
    if method not in ("exact", "binned"):
        raise ValueError(
            f'Expected method "exact" or "binned". Received: method={method!r}. Use "exact" '
            "unless the sort takes too long."
        )
    if bins != int(bins) or bins < 1:
        raise ValueError(f"Expected bins as a whole number >= 1. Received: bins={bins}. Use 1024.")
