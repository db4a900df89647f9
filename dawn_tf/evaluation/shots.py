"""Recall of the classes with many, medium and few training examples."""

import numpy as np

NAMES = ("many", "medium", "few")


def shot_groups(class_counts):
    """Which classes have many (> 100), medium (20..100) and few (< 20) training examples.

    The groups of [Kang et al., 2020](https://arxiv.org/abs/1910.09217), as their evaluation code
    has them. Published groups of long-tailed CIFAR count all its training images: where a
    validation part was cut from them, pass the sum of both parts' counts.

    Args:
        class_counts: Training examples of each class, `(num_classes,)`.

    Returns: dict with keys `NAMES`, of lists of class numbers.
    """
    counts = np.asarray(class_counts)
    members = (counts > 100, (counts >= 20) & (counts <= 100), counts < 20)
    return {
        name: np.flatnonzero(group).tolist() for name, group in zip(NAMES, members, strict=True)
    }


def shot_recall(confusion_matrix, class_counts):
    """Mean recall within each group of `shot_groups`.

    On a balanced test part the mean of all three, weighted by the numbers of their classes, is the
    accuracy.

    Args:
        confusion_matrix: Counts, true classes as rows, `(num_classes, num_classes)`.
        class_counts: As of `shot_groups`.

    Returns: dict with keys `NAMES`; each a dict with `recall`, the mean over the group's classes
    that have true examples (`None` if there are none), and `classes`, the numbers of all its
    classes.

    Raises: `ValueError` unless there is one count for each class.
    """
    matrix = np.asarray(confusion_matrix)
    if matrix.ndim != 2 or not len(matrix) == matrix.shape[1] == np.size(class_counts):
        raise ValueError(
            "Expected a square confusion matrix and a count for each class. Received: "
            f"confusion_matrix.shape={matrix.shape}, {np.size(class_counts)} class counts. "
            "Pass `splits.class_counts`."
        )
    true = matrix.sum(axis=1)
    recalls = np.diag(matrix) / np.maximum(true, 1)
    result = {}
    for name, classes in shot_groups(class_counts).items():
        present = [c for c in classes if true[c]]
        recall = float(recalls[present].mean()) if present else None
        result[name] = {"recall": recall, "classes": classes}
    return result
