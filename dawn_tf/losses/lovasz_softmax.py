import math

import keras
from keras import ops

from dawn_tf.losses import per_class
from dawn_tf.losses.base import PerExampleLoss
from dawn_tf.losses.inputs import pixel_axes, prepare
from dawn_tf.ops.lovasz import binned_weights, sort_keys, sorted_weights


@keras.saving.register_keras_serializable("dawn_tf")
class LovaszSoftmax(PerExampleLoss):
    """Lovász-softmax: the convex extension of the Jaccard loss `1 - IoU`, mean over classes.

    Per class the sum of the errors `|y - p|` times the weights of `dawn_tf.ops.lovasz`, with `p`
    the softmax of the logits and `y` the labels; for labels and predictions of 0 and 1 it is
    `1 - IoU`. Of soft labels the Jaccard loss counts the masses `y` and `1 - y`. An all-void
    image scores 0.
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
        label_smoothing: Share of each label given to all classes alike, in `[0, 1)`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: Integer labels, `(batch, ...)`, or distributions, `(batch, ..., num_classes)`.
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
        label_smoothing=0.0,
        **kwargs,
    ):
        super().__init__(ignore_class, label_smoothing, **kwargs)
        check_options(classes, method, bins)
        self.classes = classes
        self.class_weights = per_class.to_list(class_weights, "class_weights")
        self.per_image = per_image
        self.method = method
        self.bins = bins

    def sort_keys(self, y_true, y_pred):
        if self.method == "binned":
            return None
        inputs = prepare(y_true, y_pred, self.ignore_class, self.label_smoothing)
        return lovasz_keys(inputs, self.per_image)

    def values(self, y_true, y_pred, order=None):
        inputs = prepare(y_true, y_pred, self.ignore_class, self.label_smoothing)
        loss = lovasz_term(
            ops.exp(inputs.log_p),
            inputs,
            self.classes,
            self.class_weights,
            self.per_image,
            self.method,
            self.bins,
            order,
        )
        return loss + inputs.poison

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
    label_smoothing=0.0,
):
    """The value of `LovaszSoftmax` for each example, `(batch,)`."""
    check_options(classes, method, bins)
    inputs = prepare(y_true, y_pred, ignore_class, label_smoothing)
    class_weights = per_class.to_list(class_weights, "class_weights")
    p = ops.exp(inputs.log_p)
    loss = lovasz_term(p, inputs, classes, class_weights, per_image, method, bins)
    return loss + inputs.poison


def lovasz_term(p, inputs, classes, class_weights, per_image, method, bins, order=None):
    """The Lovász loss of probabilities `p` and prepared `Inputs`, `(batch,)`.

    `order`: the `flat_order` of `lovasz_keys` if it is known already.
    """
    images, size, num_classes = layout(p, per_image)
    y, valid = inputs.y, inputs.valid[..., None]
    errors = ops.abs(y - p) * valid
    pixels = errors, y, ops.broadcast_to(valid, ops.shape(y))
    pixels = [ops.reshape(x, (images, size, num_classes)) for x in pixels]
    if method == "exact":
        rows = (to_rows(x, images, size, num_classes) for x in pixels)
        weights = sorted_weights(*rows, inputs.hard, order)
        weights = ops.transpose(ops.reshape(weights, (images, num_classes, size)), (0, 2, 1))
    else:
        row = ops.arange(images)[:, None, None] * num_classes + ops.arange(num_classes)
        weights = binned_weights(*pixels, bins, row, images * num_classes, inputs.hard)
    axes = pixel_axes(inputs.valid)
    loss = ops.sum(errors * ops.reshape(weights, ops.shape(p)), axis=axes)
    if not (per_image and axes):
        loss = loss * ops.cast(ops.shape(p)[0], "float32")

    counted = ops.ones((1, num_classes), "float32")
    if classes == "present":
        present = inputs.present
        if not (per_image and axes):
            present = ops.any(present, axis=0, keepdims=True)
        counted = ops.cast(present, "float32")
    return per_class.mean_over_classes(loss, counted, class_weights)


def layout(p, per_image):
    """Images, pixels and classes of `p`, where a batch may be one image."""
    batch, pixels = ops.shape(p)[0], math.prod(ops.shape(p)[1:-1])
    images, size = (batch, pixels) if per_image and len(p.shape) > 2 else (1, batch * pixels)
    return images, size, p.shape[-1]


def to_rows(x, images, size, num_classes):
    """One row for each image and class."""
    x = ops.transpose(ops.reshape(x, (images, size, num_classes)), (0, 2, 1))
    return ops.reshape(x, (images * num_classes, size))


def lovasz_keys(inputs, per_image):
    """The `sort_keys` of the errors, one row for each image and class."""
    errors = ops.abs(inputs.y - ops.exp(inputs.log_p)) * inputs.valid[..., None]
    return to_rows(sort_keys(errors), *layout(errors, per_image))


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
