"""From a model and batches to the scores of a split."""

import numpy as np

from dawn_tf.calibration import decide
from dawn_tf.evaluation.calibration import Calibration
from dawn_tf.evaluation.scores import classification_scores
from dawn_tf.evaluation.segmentation_scores import SegmentationScorer


def evaluate(
    model,
    batches,
    task,
    class_names,
    minority,
    decision=None,
    ignore_class=None,
    from_logits=True,
    calibrator=None,
):
    """Scores of a model on one split.

    Args:
        model: Keras model giving `(batch, ..., num_classes)`, or a dict with it as `"output"`.
        batches: Iterable of `(x, y)`, for instance a batched `tf.data.Dataset`; y are integers.
        task: `"classification"` or `"segmentation"`.
        class_names: Name of each class.
        minority: Indices of the minority classes.
        decision: From probabilities to a class, as in `dawn_tf.calibration.decide`.
        ignore_class: Label to leave out, or `None`.
        from_logits: Whether the model gives logits, which then go through softmax.
        calibrator: A fitted map of `dawn_tf.calibration.SCALINGS` that the probabilities go
            through; the scores then have `before_calibration` too. `None` leaves them.

    Returns:
        `(scores, outputs)`: scores for `metrics.json`, of `classification_scores` or
        `SegmentationScorer.scores`; outputs are arrays for plots and statistics, `y_true`,
        `probabilities` and `y_pred` (the decided classes) or those of
        `SegmentationScorer.outputs`. `save_outputs` keeps them.

    Raises:
        ValueError: If `task` is unknown, or labels or predictions (NaN) are not usable.
    """
    if task not in ("classification", "segmentation"):
        raise ValueError(
            "Expected task 'classification' or 'segmentation'. "
            f"Received: task={task!r}. Pass the data set's task."
        )
    pairs, before = predict(model, batches, from_logits), Calibration()
    if calibrator is not None:
        pairs = _calibrated(pairs, calibrator, ignore_class, before)
    scores, outputs = _score(pairs, task, class_names, minority, decision, ignore_class)
    if calibrator is not None:
        scores["before_calibration"] = before.scores()
    return scores, outputs


def predict(model, batches, from_logits=True):
    """Yields `(labels, probabilities)` of each batch as numpy arrays."""
    for x, y in batches:
        predictions = model.predict_on_batch(np.asarray(x))  # Of TensorFlow on any backend.
        if isinstance(predictions, dict):
            predictions = predictions["output"]
        predictions = np.asarray(predictions, "float32")
        yield np.asarray(y), softmax(predictions) if from_logits else predictions


def softmax(logits):
    """Probabilities over the last axis."""
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def labelled(y_true, probabilities, ignore_class):
    """Labels `(n,)` and probabilities `(n, num_classes)` of a batch, void labels left out."""
    y_true, probabilities = y_true.reshape(-1), probabilities.reshape(-1, probabilities.shape[-1])
    if ignore_class is None:
        return y_true, probabilities
    kept = y_true != ignore_class
    return y_true[kept], probabilities[kept]


def _calibrated(pairs, calibrator, ignore_class, before):
    for y_true, probabilities in pairs:
        before.update(*labelled(y_true, probabilities, ignore_class))
        yield y_true, calibrator.transform(probabilities).astype("float32")


def _score(pairs, task, class_names, minority, decision, ignore_class):
    if task == "segmentation":
        scorer = SegmentationScorer(class_names, minority, decision, ignore_class)
        for y_true, probabilities in pairs:
            scorer.update(y_true, probabilities)
        return scorer.scores(), scorer.outputs()

    pairs = [labelled(y, p, ignore_class) for y, p in pairs]
    if not pairs:
        raise ValueError(
            "Expected at least one batch. Received: none. Check the split's size and that the "
            "dataset is not an exhausted iterator."
        )
    y_true, probabilities = map(np.concatenate, zip(*pairs, strict=True))
    scores = classification_scores(y_true, probabilities, class_names, minority, decision)
    y_pred = decide(probabilities, decision)
    return scores, {"y_true": y_true, "probabilities": probabilities, "y_pred": y_pred}
