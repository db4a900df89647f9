"""Every score that the confusion matrix alone decides."""

import numpy as np


def confusion_scores(matrix, class_names, minority):
    """Overall and per-class scores of a confusion matrix.

    Absent classes count as in scikit-learn's defaults and in `dawn_tf.metrics`: a class in
    neither truth nor predictions is left out of macro means; one that is predicted but never
    true has precision, recall, F1 and IoU 0; balanced accuracy and minority recall are means
    over classes with true examples.

    Args:
        matrix: Integer counts, `(num_classes, num_classes)`, true classes as rows.
        class_names: Name of each class.
        minority: Indices of the minority classes.

    Returns:
        Dict with `accuracy`, `macro_precision`, `macro_recall`, `macro_f1`,
        `balanced_accuracy`, `minority_recall` (`None` if no minority class has true examples),
        `miou`, `per_class` (name -> `precision`, `recall`, `f1`, `iou`, `support`) and
        `confusion_matrix`.
    """
    hits, true, predicted = np.diagonal(matrix), matrix.sum(1), matrix.sum(0)
    values = {
        "precision": divide(hits, predicted),
        "recall": divide(hits, true),
        "f1": divide(2 * hits, true + predicted),
        "iou": divide(hits, true + predicted - hits),
    }
    present, has_truth = true + predicted > 0, true > 0
    rare = has_truth & np.isin(np.arange(len(matrix)), minority)
    recall = values["recall"]
    return {
        "accuracy": float(hits.sum() / matrix.sum()),
        "macro_precision": float(values["precision"][present].mean()),
        "macro_recall": float(recall[present].mean()),
        "macro_f1": float(values["f1"][present].mean()),
        "balanced_accuracy": float(recall[has_truth].mean()),
        "minority_recall": float(recall[rare].mean()) if rare.any() else None,
        "miou": float(values["iou"][present].mean()),
        "per_class": {
            name: {**{k: float(v[c]) for k, v in values.items()}, "support": int(true[c])}
            for c, name in enumerate(class_names)
        },
        "confusion_matrix": matrix.tolist(),
    }


def divide(a, b):
    """`a / b`, and 0 where `b` is 0."""
    return np.divide(a, b, out=np.zeros(len(a)), where=b > 0)
