"""The scores of a run: calibration and decision chosen on validation, then both parts."""

import numpy as np

from dawn_tf.calibration import SCALINGS, choose_class_weights, choose_prior_power
from dawn_tf.data.pipeline import evaluation_batches
from dawn_tf.evaluation import choose_threshold, evaluate, predict
from dawn_tf.evaluation.evaluate import labelled
from dawn_tf.evaluation.shots import shot_recall
from dawn_tf.metrics import minority_classes
from dawn_tf.training.streams import label_names

# Maps that have offsets for the classes: their probabilities are right for validation's shares.
_WITH_OFFSETS = ("bias_corrected", "vector", "dirichlet")
_MOST_PIXELS = 1_000_000  # Of validation masks, that a calibration map is fitted on.


def score(model, config, data, batch_size):
    """`(scores, outputs)` on validation and, once everything is chosen and if asked, on test.

    Args:
        model: Gives probabilities.
        config: `TrainConfig`, for calibration, decision and `score_test`.
        data: `DataSplits` as it was read, whatever the model was trained on.
        batch_size: Examples at a time.

    Returns: scores of "val" and "test" with "calibration" and "decision", for `metrics.json`;
    arrays by part, with `groups` (numbers) where examples come in such.
    """
    options = {
        "task": data.task,
        "class_names": data.class_names,
        "minority": minority_classes(data.class_counts),
        "ignore_class": data.ignore_class,
        "from_logits": False,
    }
    parts = ("val", "test") if config.score_test else ("val",)
    batches = {part: evaluation_batches(data.parts[part], batch_size) for part in parts}
    labels, probabilities = _sample(model, batches["val"], data)
    calibration = {"map": config.calibration, "state": None, "prior": None}
    if config.calibration != "none":
        calibrator = SCALINGS[config.calibration]().fit(probabilities, labels)
        probabilities = calibrator.transform(probabilities).astype("float32")
        calibration["state"] = calibrator.get_config()
        options["calibrator"] = calibrator
        if config.calibration in _WITH_OFFSETS:
            # Each offset has moved its class's mean probability to its share.
            shares = np.bincount(labels, minlength=data.num_classes) / len(labels)
            calibration["prior"] = shares.tolist()
    # After calibration: the decision is on the probabilities that are reported.
    decision = {"rule": config.decision, "value": None}
    if config.decision != "argmax" and data.task == "classification":
        decision.update(_choose(config.decision, labels, probabilities, data))
    scores, outputs = {"calibration": calibration, "decision": decision}, {}
    for part in parts:
        scores[part], outputs[part] = evaluate(
            model, batches[part], decision=decision["value"], **options
        )
        add_shots(scores[part], data)
        if data.parts[part].groups is not None:
            outputs[part]["groups"] = np.unique(data.parts[part].groups, return_inverse=True)[1]
    return scores, outputs


def check_calibration(name, data):
    """Raises `ValueError` if a map with numbers for each class would be fitted without one."""
    val = data.parts["val"]
    if data.task == "segmentation":
        counts = val.pixel_counts.sum(0)
    else:
        counts = np.bincount(val.y, minlength=data.num_classes)
    absent = np.flatnonzero(counts == 0)
    if name in _WITH_OFFSETS and len(absent):
        names = [data.class_names[c] for c in absent]
        raise ValueError(
            f'Expected validation examples of every class for calibration="{name}". Received: none '
            f'of {", ".join(names)}. Use "temperature", which has one number for all classes.'
        )


def calibrator_of(metrics):
    """The fitted map that `metrics.json` holds, or `None`."""
    calibration = metrics.get("calibration", {"map": "none"})
    if calibration["map"] == "none":
        return None
    return SCALINGS[calibration["map"]].from_config(calibration["state"])


def add_shots(scores, data):
    """Adds the recall of classes with many, medium and few examples, where classes are many."""
    if data.task != "classification" or data.num_classes <= 2:
        return
    # The groups of the long-tail literature go by the whole training set, validation included.
    counts = sum(
        np.bincount(data.parts[part].sampling_labels, minlength=len(label_names(data)))
        for part in ("train", "val")
    )
    scores["shots"] = shot_recall(np.array(scores["confusion_matrix"]), counts)


def _sample(model, batches, data):
    """Labels `(n,)` and probabilities `(n, C)` of validation; of masks at most `_MOST_PIXELS`."""
    per_image = max(1, _MOST_PIXELS // len(data.parts["val"]))
    rng = np.random.default_rng(0)
    labels, probabilities = [], []
    for y, p in predict(model, batches, from_logits=False):
        images = len(y)
        y, p = labelled(y, p, data.ignore_class)
        if data.task == "segmentation":
            chosen = rng.permutation(len(y))[: images * per_image]
            y, p = y[chosen], p[chosen]
        labels.append(y)
        probabilities.append(p)
    return np.concatenate(labels), np.concatenate(probabilities)


def _choose(rule, y_true, probabilities, data):
    """The decision of highest macro-F1 on validation, for `metrics.json`."""
    if rule == "threshold":
        return {"value": choose_threshold(y_true, probabilities[:, 1])}
    if rule == "class_weights":
        return {"value": choose_class_weights(y_true, probabilities).tolist()}
    weights, power = choose_prior_power(y_true, probabilities, data.class_counts)
    return {"value": weights.tolist(), "prior_power": power}
