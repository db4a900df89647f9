"""What labels and probabilities must be before anything is computed from them."""

from dawn_tf.calibration import check_decision


def check_labels_and_probabilities(y_true, probabilities, class_names, minority, decision):
    """Raises `ValueError` unless labels `(n,)` and probabilities `(n, num_classes)` are usable."""
    num_classes = len(class_names)
    if y_true.ndim != 1 or probabilities.shape != (len(y_true), num_classes) or not len(y_true):
        raise ValueError(
            f"Expected n labels and (n, {num_classes}) probabilities, n at least 1. Received: "
            f"y_true.shape={y_true.shape}, probabilities.shape={probabilities.shape}. "
            "Pass one column for each of class_names, for two classes too."
        )
    if y_true.dtype.kind not in "iu" or y_true.min() < 0 or y_true.max() >= num_classes:
        raise ValueError(
            f"Expected integer labels in 0..{num_classes - 1}. Received: dtype={y_true.dtype}, "
            f"values {y_true.min()}..{y_true.max()}. Leave void labels out with ignore_class."
        )
    # NaN compares false, so it is caught here too.
    if not (probabilities.min() >= 0 and probabilities.max() <= 1 + 1e-3):
        raise ValueError(
            "Expected probabilities between 0 and 1 without NaN. Received: values "
            f"{probabilities.min()}..{probabilities.max()}. Apply softmax to logits; for NaN, "
            "look for the step where the training diverged."
        )
    if len(set(class_names)) < num_classes or not set(minority) <= set(range(num_classes)):
        raise ValueError(
            f"Expected distinct class names and minority indices in 0..{num_classes - 1}. "
            f"Received: class_names={list(class_names)}, minority={list(minority)}. "
            "Pass `splits.class_names` and `minority_classes(splits.class_counts)`."
        )
    check_decision(decision, num_classes)
