import math

import keras
from keras import ops

from dawn_tf.losses import per_class
from dawn_tf.losses.base import PerExampleLoss
from dawn_tf.losses.inputs import LARGEST_LOGIT
from dawn_tf.ops.lovasz import sorted_weights


@keras.saving.register_keras_serializable("dawn_tf")
class LovaszHinge(PerExampleLoss):
    """Lovász hinge: the convex extension of the Jaccard loss for labels of 0 and 1.

    The sum of the hinge errors `max(0, 1 - z * (2 * y - 1))` of logits `z` and labels `y`, times
    the weights of `dawn_tf.ops.lovasz`. For logits of -1 and 1 it is `2 * (1 - IoU)`; beyond
    the margin 1 a right pixel costs nothing. An all-void image scores 0.
    After [Berman et al., 2018](https://arxiv.org/abs/1705.08790), and
    [Yu and Blaschko, 2015](https://proceedings.mlr.press/v37/yub15.html).

    Over a batch the sum is shared out: an example's value is the part of its own pixels times
    the number of examples, so the values average to the loss of the batch.

    The hinge knows sets only: a label between 0 and 1 is impossible, so its example is NaN, and
    there is no label smoothing.

    Args:
        multi_label: Whether the last axis holds several labels that do not exclude each other;
            their losses are averaged.
        classes: "all" averages over every label, an empty one counting its largest error;
            "present" over those with a true pixel.
        class_weights: One weight per label in the average, or `None` for equal ones.
        per_image: Sums over each image; `False`, or no axes in space: over the whole batch.
        ignore_class: Label of void pixels, or `None`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: Labels of 0 and 1, `(batch, ...)`; with `multi_label`, `(batch, ..., num_labels)`.
        y_pred: Logits of that shape. Without `multi_label` either may have a last axis of 1.

    Raises:
        ValueError: If the shapes differ, `classes` is none of the above, a weight is below 0, or
            there is label smoothing.
    """

    def __init__(
        self,
        multi_label=False,
        classes="all",
        class_weights=None,
        per_image=True,
        ignore_class=None,
        **kwargs,
    ):
        super().__init__(ignore_class, **kwargs)
        if self.label_smoothing:
            raise ValueError(
                "Expected no label smoothing: the hinge is of sets. Received: label_smoothing="
                f"{self.label_smoothing}. Use LovaszSoftmax for soft labels."
            )
        check_classes(classes)
        self.multi_label = multi_label
        self.classes = classes
        self.class_weights = per_class.to_list(class_weights, "class_weights")
        self.per_image = per_image

    # Not `values`, to be compiled: TensorFlow's own sort is several times faster than that of XLA.
    def call(self, y_true, y_pred):
        return lovasz_hinge(
            y_true,
            y_pred,
            self.multi_label,
            self.classes,
            self.class_weights,
            self.per_image,
            self.ignore_class,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "multi_label": self.multi_label,
            "classes": self.classes,
            "class_weights": self.class_weights,
            "per_image": self.per_image,
        }


def lovasz_hinge(
    y_true,
    y_pred,
    multi_label=False,
    classes="all",
    class_weights=None,
    per_image=True,
    ignore_class=None,
):
    """The value of `LovaszHinge` for each example, `(batch,)`."""
    check_classes(classes)
    class_weights = per_class.to_list(class_weights, "class_weights")
    labels, logits = to_columns(y_true, y_pred, multi_label)
    y = ops.cast(labels == 1, "float32")
    void = ops.zeros_like(labels == 1) if ignore_class is None else labels == ignore_class
    possible = ops.logical_or(labels == 0, labels == 1)
    valid = ops.logical_and(possible, ops.logical_not(void))
    broken = ops.logical_not(ops.logical_or(possible, void))
    y = ops.where(valid, y, 0.0)
    logits = ops.where(valid, logits, 0.0)  # What is said at void pixels, NaN included, is gone.
    valid = ops.cast(valid, "float32")

    batch, num_labels = ops.shape(logits)[0], logits.shape[-1]
    axes, pixels = tuple(range(1, len(logits.shape) - 1)), math.prod(ops.shape(logits)[1:-1])
    each_image = per_image and axes
    images, size = (batch, pixels) if each_image else (1, batch * pixels)

    def to_rows(x):
        x = ops.transpose(ops.reshape(x, (images, size, num_labels)), (0, 2, 1))
        return ops.reshape(x, (images * num_labels, size))

    errors = ops.relu(1.0 - logits * (2.0 * y - 1.0)) * valid
    rows = to_rows(errors)
    # The order alone matters, and the weights are for errors up to 1.
    rows = ops.divide_no_nan(rows, ops.max(rows, axis=-1, keepdims=True))
    weights = sorted_weights(rows, to_rows(y), to_rows(valid), hard=True)
    weights = ops.transpose(ops.reshape(weights, (images, num_labels, size)), (0, 2, 1))
    loss = ops.sum(errors * ops.reshape(weights, ops.shape(logits)), axis=axes)
    if not each_image:
        loss = loss * ops.cast(batch, "float32")

    counted = ops.ones((1, num_labels), "float32")
    if classes == "present":
        present = ops.any(ops.reshape(y, (images, size, num_labels)) > 0, axis=1)
        counted = ops.cast(present, "float32")
    loss = per_class.mean_over_classes(loss, counted, class_weights)
    broken = ops.any(broken, axis=tuple(range(1, len(logits.shape))))
    return loss + ops.where(broken, float("nan"), 0.0)


def to_columns(y_true, y_pred, multi_label):
    """Labels and logits, float32 `(batch, ..., num_labels)`; `ValueError` if their shapes differ.

    Without `multi_label` a last axis of 1 of either is dropped and both get one at the end.
    """
    labels, logits = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    given = tuple(labels.shape), tuple(logits.shape)
    labels, logits = ops.cast(labels, "float32"), ops.cast(logits, "float32")
    if not multi_label:
        ranks = len(labels.shape), len(logits.shape)
        if ranks[1] >= max(2, ranks[0]) and logits.shape[-1] == 1:
            logits = ops.squeeze(logits, axis=-1)
        if len(labels.shape) == len(logits.shape) + 1 and labels.shape[-1] == 1:
            labels = ops.squeeze(labels, axis=-1)
        labels, logits = labels[..., None], logits[..., None]
    same = len(labels.shape) == len(logits.shape) and not any(
        a != b for a, b in zip(labels.shape, logits.shape, strict=True) if None not in (a, b)
    )
    if not same or len(logits.shape) < 2:
        raise ValueError(
            "Expected labels and logits of the same shape, (batch, ...), or (batch, ..., "
            f"num_labels) with `multi_label=True`. Received: y_true.shape={given[0]}, "
            f"y_pred.shape={given[1]}. For classes that exclude each other, use LovaszSoftmax."
        )
    return labels, ops.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)


def check_classes(classes):
    if classes not in ("present", "all"):
        raise ValueError(
            f'Expected classes "present" or "all". Received: classes={classes!r}. To favour some '
            "labels, set `class_weights`."
        )
