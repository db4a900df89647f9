"""Scores of a stack of confusion matrices, all at once, for resampling.

Each takes counts `(..., C, C)`, true classes as rows, and gives `(...)`, or `(..., C)` for the
scores of single classes. Absent classes count as in `dawn_tf.evaluation.confusion_scores`; the
single score of a class without true examples is NaN, as is the mean over no class.
"""

import numpy as np


def accuracy(matrix):
    """Share of right predictions."""
    hits, true, _ = _parts(matrix)
    count = true.sum(-1)
    return _divide(hits.sum(-1), count, count > 0)[()]


def balanced_accuracy(matrix):
    """Mean recall over classes with true examples."""
    return _mean(class_recall(matrix))


def macro_precision(matrix):
    """Mean precision over classes in truth or predictions."""
    hits, true, predicted = _parts(matrix)
    return _mean(_divide(hits, predicted, true + predicted > 0))


def macro_recall(matrix):
    """Mean recall over classes in truth or predictions."""
    hits, true, predicted = _parts(matrix)
    return _mean(_divide(hits, true, true + predicted > 0))


def macro_f1(matrix):
    """Mean F1 over classes in truth or predictions."""
    hits, true, predicted = _parts(matrix)
    return _mean(_divide(2 * hits, true + predicted, true + predicted > 0))


def miou(matrix):
    """Mean intersection over union, over classes in truth or predictions."""
    hits, true, predicted = _parts(matrix)
    return _mean(_divide(hits, true + predicted - hits, true + predicted > 0))


def class_precision(matrix):
    """Precision of each class."""
    hits, true, predicted = _parts(matrix)
    return _divide(hits, predicted, true > 0)


def class_recall(matrix):
    """Recall of each class."""
    hits, true, _ = _parts(matrix)
    return _divide(hits, true, true > 0)


def class_f1(matrix):
    """F1 of each class."""
    hits, true, predicted = _parts(matrix)
    return _divide(2 * hits, true + predicted, true > 0)


def class_iou(matrix):
    """Intersection over union of each class."""
    hits, true, predicted = _parts(matrix)
    return _divide(hits, true + predicted - hits, true > 0)


def mean_recall(classes):
    """The score "mean recall over these classes" (minority, many, medium, few), a function."""
    members = list(classes)
    return lambda matrix: _mean(class_recall(matrix)[..., members])


SCORES = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_precision": macro_precision,
    "macro_recall": macro_recall,
    "macro_f1": macro_f1,
    "miou": miou,
    "class_precision": class_precision,
    "class_recall": class_recall,
    "class_f1": class_f1,
    "class_iou": class_iou,
}


def _parts(matrix):
    matrix = np.asarray(matrix, "float64")
    return np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(-1), matrix.sum(-2)


def _divide(a, b, counted):
    quotient = np.divide(a, b, out=np.zeros(a.shape), where=b > 0)
    return np.where(counted, quotient, np.nan)


def _mean(values):
    """Over the last axis, without NaN; NaN where nothing else is there."""
    known = np.isfinite(values)
    count = known.sum(-1)
    total = np.where(known, values, 0).sum(-1)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)[()]
