import keras
from keras import ops


@keras.saving.register_keras_serializable("dawn_tf")
class ConfusionMatrixMetric(keras.metrics.Metric):
    """Base of the metrics that are a function of the confusion matrix.

    The matrix is accumulated over all batches and the score is taken once, in `result`, so a
    macro average is that of the whole epoch and not a mean of per-batch scores. Subclasses
    define `score(matrix)`; `matrix` is `(num_classes, num_classes)` with true classes as rows.

    Absent classes count as in scikit-learn's defaults: a class in neither truth nor
    predictions is left out of macro means, one that is predicted but never true has
    precision, recall and F1 of 0. If nothing was seen the score is 0.

    Every cell is an unevaluated sum of two float32 numbers (about 48 bits, error-free addition
    after [Dekker, 1971](https://doi.org/10.1007/BF01397083)). Plain float32 stops counting at
    2**24 pixels, which is 64 images of 512x512. Weights are summed in float32
    within a batch, to about 1e-5 relative.

    The result is NaN, rather than silently wrong, once a counted example has a label outside
    `0..num_classes - 1` or a NaN prediction. Examples of weight 0 are not counted.

    Args:
        num_classes: Number of classes, the last axis of `y_pred`.
        ignore_class: Label of examples or pixels to leave out ("void"), or `None`.
        name: Name of the metric.
        **kwargs: `dtype` of `keras.metrics.Metric`; the matrix is float32 whatever it is.

    Call arguments:
        y_true: Integer labels, `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Logits or probabilities, `(batch, ..., num_classes)`; the largest one wins.
        sample_weight: Optional weights, of the shape of `y_true` or `(batch,)`.

    Raises:
        ValueError: If the shapes do not fit each other or `num_classes`.
    """

    def __init__(self, num_classes, ignore_class=None, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.ignore_class = ignore_class
        cells = {"shape": (num_classes**2,), "initializer": "zeros", "dtype": "float32"}
        self.total = self.add_weight(name="total", **cells)
        self.remainder = self.add_weight(name="remainder", **cells)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred)
        labels = to_labels(y_true, y_pred, self.num_classes)
        counted = ops.ones_like(labels, "bool")
        if self.ignore_class is not None:
            counted = labels != self.ignore_class
        if sample_weight is not None:
            sample_weight = to_weights(sample_weight, labels)
            counted = ops.logical_and(counted, sample_weight != 0)

        outside = ops.logical_or(labels < 0, labels >= self.num_classes)
        undefined = ops.any(ops.isnan(y_pred), axis=-1)
        broken = ops.logical_and(counted, ops.logical_or(outside, undefined))
        counted = ops.logical_and(counted, ops.logical_not(broken))

        cell = labels * self.num_classes + ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        dropped = self.num_classes**2  # An extra cell, cut off below.
        cell = ops.reshape(ops.where(counted, cell, dropped), (-1,))
        if sample_weight is None:
            parts = count_cells(cell, dropped)
        else:
            parts = (sum_cells(cell, ops.reshape(sample_weight, (-1,)), dropped),)
        poison = ops.where(ops.any(broken), float("nan"), 0.0)
        self._accumulate([*parts, poison])

    def _accumulate(self, parts):
        total = ops.convert_to_tensor(self.total)
        remainder = ops.convert_to_tensor(self.remainder)
        for part in parts:
            # The remainder is carried into the total at each step: kept apart, as in plain
            # compensated summation, it would itself stop growing at 2**24.
            total, error = two_sum(total, part)
            total, remainder = two_sum(total, remainder + error)
        self.total.assign(total)
        self.remainder.assign(remainder)

    def confusion_matrix(self):
        """The matrix so far, `(num_classes, num_classes)` float32; rows are true classes."""
        cells = ops.add(self.total, self.remainder)
        return ops.reshape(cells, (self.num_classes, self.num_classes))

    def score(self, matrix):
        """The metric's value, a scalar, for a confusion matrix with true classes as rows."""
        raise NotImplementedError

    def result(self):
        matrix = self.confusion_matrix()
        # The scores' own comparisons would read NaN as "class absent".
        broken = ops.any(ops.isnan(matrix))
        return ops.where(broken, float("nan"), self.score(matrix))

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "ignore_class": self.ignore_class,
        }


def to_labels(y_true, y_pred, num_classes):
    """`y_true` as int32 of shape `y_pred.shape[:-1]`; `ValueError` if that cannot be."""
    labels = ops.convert_to_tensor(y_true)
    if len(labels.shape) == len(y_pred.shape) and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, axis=-1)
    spatial = zip(labels.shape, y_pred.shape[:-1], strict=False)
    if (
        len(y_pred.shape) < 2
        or y_pred.shape[-1] != num_classes
        or len(labels.shape) != len(y_pred.shape) - 1
        or any(a != b for a, b in spatial if None not in (a, b))
    ):
        raise ValueError(
            "Expected integer labels of shape (batch, ...) and predictions of shape "
            f"(batch, ..., {num_classes}). Received: y_true.shape={tuple(labels.shape)}, "
            f"y_pred.shape={tuple(y_pred.shape)}. For one-hot labels, pass "
            "`ops.argmax(y_true, axis=-1)`; for one sigmoid output, pass both probabilities."
        )
    return ops.cast(labels, "int32")


def to_weights(sample_weight, labels):
    """`sample_weight` as float32 of the shape of `labels`; `(batch,)` is repeated."""
    weights = ops.cast(sample_weight, "float32")
    if len(weights.shape) == len(labels.shape) + 1 and weights.shape[-1] == 1:
        weights = ops.squeeze(weights, axis=-1)
    if len(weights.shape) == 1:
        weights = ops.reshape(weights, (-1,) + (1,) * (len(labels.shape) - 1))
    elif len(weights.shape) != len(labels.shape):
        raise ValueError(
            "Expected sample_weight of the shape of y_true or (batch,). Received: "
            f"sample_weight.shape={tuple(weights.shape)}, y_true.shape={tuple(labels.shape)}. "
            "Reduce or expand the weights to one of the two."
        )
    return ops.broadcast_to(weights, ops.shape(labels))


def count_cells(cell, num_cells):
    """How often each of `num_cells` occurs, as two float32 parts that are exact to 2**31."""
    counts = ops.segment_sum(ops.ones_like(cell), cell, num_segments=num_cells + 1)[:-1]
    thousands = counts // 4096 * 4096
    return ops.cast(thousands, "float32"), ops.cast(counts - thousands, "float32")


def sum_cells(cell, weights, num_cells):
    """Sum of the weights in each of `num_cells`, float32.

    Each cell is summed in several lanes first, so that no long running sum swallows the
    small weights of a batch of many pixels.
    """
    lanes = max(1, 2**16 // num_cells)
    lane = ops.arange(ops.shape(cell)[0], dtype="int32") % lanes
    index = ops.where(cell < num_cells, cell * lanes + lane, num_cells * lanes)
    sums = ops.segment_sum(weights, index, num_segments=num_cells * lanes + 1)[:-1]
    return ops.sum(ops.reshape(sums, (num_cells, lanes)), axis=1)


def two_sum(a, b):
    """Rounded sum of two floats and the exact rounding error ([Knuth, TAOCP 2, 4.2.2])."""
    total = a + b
    b_seen = total - a
    return total, (a - (total - b_seen)) + (b - b_seen)


def margins(matrix):
    """Correct, true and predicted examples of each class, each `(num_classes,)`."""
    return ops.diagonal(matrix), ops.sum(matrix, axis=1), ops.sum(matrix, axis=0)


def mean_where(values, chosen):
    """Mean of the chosen values; 0 if none is chosen."""
    chosen = ops.cast(chosen, values.dtype)
    return ops.divide_no_nan(ops.sum(values * chosen), ops.sum(chosen))
