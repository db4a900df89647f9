"""Scores of a classifier, and the threshold of a binary one, from its probabilities."""

import numpy as np
from sklearn.metrics import average_precision_score, confusion_matrix

from dawn_tf.calibration import decide
from dawn_tf.evaluation.calibration import Calibration
from dawn_tf.evaluation.checks import check_labels_and_probabilities
from dawn_tf.evaluation.confusion_scores import confusion_scores


def classification_scores(y_true, probabilities, class_names, minority, decision=None):
    """All scores of a classifier on one split, ready for `metrics.json`.

    Absent classes: see `confusion_scores`. Average precision is the exact step-wise area of
    scikit-learn, not a trapezoid; it is `None` for a class without true examples.

    Args:
        y_true: Integer labels, `(n,)`.
        probabilities: Probabilities, `(n, num_classes)`; two columns for two classes.
        class_names: Name of each class.
        minority: Indices of the minority classes, as of `dawn_tf.metrics.minority_classes`.
        decision: From probabilities to a class, as in `dawn_tf.calibration.decide`.

    Returns:
        Dict with `accuracy`, `macro_precision`, `macro_recall`, `macro_f1`,
        `balanced_accuracy`, `pr_auc` (two classes: average precision of class 1; more: mean of
        one-vs-rest average precision over classes with true examples), `minority_recall`,
        `per_class`, `confusion_matrix` (true classes as rows), `calibration`, `decision` and
        `num_examples`.

    Raises:
        ValueError: If shapes, labels, probabilities (NaN) or the decision are not usable.
    """
    y_true, probabilities = np.asarray(y_true), np.asarray(probabilities)
    check_labels_and_probabilities(y_true, probabilities, class_names, minority, decision)
    labels = np.arange(len(class_names))
    matrix = confusion_matrix(y_true, decide(probabilities, decision), labels=labels)
    scores = confusion_scores(matrix, class_names, minority)
    del scores["miou"]  # A score of masks.

    precisions = [
        float(average_precision_score(y_true == c, probabilities[:, c]))
        if matrix[c].any()
        else None
        for c in labels
    ]
    for one, average_precision in zip(scores["per_class"].values(), precisions, strict=True):
        del one["iou"]
        one["average_precision"] = average_precision

    calibration = Calibration()
    calibration.update(y_true, probabilities)
    return {
        **scores,
        "pr_auc": pr_auc(precisions),
        "calibration": calibration.scores(),
        "decision": decision if decision is None else np.asarray(decision, float).tolist(),
        "num_examples": len(y_true),
    }


def pr_auc(average_precisions):
    """One number of the classes' average precisions; `None` stands for a class without truth."""
    if len(average_precisions) == 2:
        return average_precisions[1]
    return float(np.mean([p for p in average_precisions if p is not None]))


def choose_threshold(y_true, p1):
    """The threshold on the probability of class 1 that maximises macro-F1, exactly.

    Every distinct set of predictions is tried, from none to all positive. Thresholds between
    two neighbouring scores predict alike: the middle one is taken, or the upper score where
    float32 has none between, so that a float32 server decides the same. Of equally good cuts
    the highest wins. Predicting no positive at all is the next float above the largest score.
    Choose on validation data and apply to test data.

    Args:
        y_true: Labels 0 and 1, `(n,)`, both present.
        p1: Probability of class 1, `(n,)`.

    Returns:
        Threshold as a float; predict 1 iff `p1 >= threshold`.

    Raises:
        ValueError: If a class is missing, a label is another, or `p1` has a NaN.
    """
    y_true, p1 = np.asarray(y_true), np.asarray(p1)
    if y_true.shape != p1.shape or set(np.unique(y_true)) != {0, 1} or np.isnan(p1).any():
        raise ValueError(
            "Expected labels 0 and 1, both present, and as many probabilities without NaN. "
            f"Received: labels {np.unique(y_true).tolist()}, y_true.shape={y_true.shape}, "
            f"p1.shape={p1.shape}. Choose the threshold on a split that has both classes."
        )
    scores, group = np.unique(p1, return_inverse=True)
    positives = np.bincount(group, y_true)[::-1].cumsum()
    predicted = np.bincount(group)[::-1].cumsum()
    scores = scores[::-1]
    # Entry k predicts the k highest distinct scores as positive.
    hits, predicted = np.append(0, positives), np.append(0, predicted)
    n, truth = len(y_true), y_true.sum()
    f1 = 2 * hits / (truth + predicted)
    true_negatives = n - truth - predicted + hits
    f0 = 2 * true_negatives / (2 * n - truth - predicted)
    best = int(np.argmax(f1 + f0))

    if best == 0:
        return float(np.nextafter(scores[0], np.inf, dtype="float32"))
    upper = float(scores[best - 1])
    if best == len(scores):
        return upper
    lower = float(scores[best])
    middle = float(np.float32((upper + lower) / 2))
    return middle if lower < middle <= upper else upper
