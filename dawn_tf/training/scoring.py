"""The scores of a run: the decision chosen on validation, then both parts."""

import numpy as np

from dawn_tf.calibration import choose_class_weights, choose_prior_power
from dawn_tf.data.pipeline import evaluation_batches
from dawn_tf.evaluation import choose_threshold, evaluate
from dawn_tf.evaluation.shots import shot_recall
from dawn_tf.metrics import minority_classes
from dawn_tf.training.streams import label_names


def score(model, config, data, batch_size):
    """`(scores, outputs)` on validation and, once everything is chosen, on test.

    Args:
        model: Gives probabilities.
        config: `TrainConfig`, for the decision.
        data: `DataSplits` as it was read, whatever the model was trained on.
        batch_size: Examples at a time.

    Returns: scores of "val" and "test" with the "decision", for `metrics.json`; arrays by part.
    """
    options = {
        "task": data.task,
        "class_names": data.class_names,
        "minority": minority_classes(data.class_counts),
        "ignore_class": data.ignore_class,
        "from_logits": False,
    }
    batches = {part: evaluation_batches(data.parts[part], batch_size) for part in ("val", "test")}
    decision = {"rule": config.decision, "value": None}
    if config.decision != "argmax" and data.task == "classification":
        _, raw = evaluate(model, batches["val"], **options)
        decision.update(_choose(config.decision, raw["y_true"], raw["probabilities"], data))
    scores, outputs = {"decision": decision}, {}
    for part in ("val", "test"):
        scores[part], outputs[part] = evaluate(
            model, batches[part], decision=decision["value"], **options
        )
        add_shots(scores[part], data)
    return scores, outputs


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


def _choose(rule, y_true, probabilities, data):
    """The decision of highest macro-F1 on validation, for `metrics.json`."""
    if rule == "threshold":
        return {"value": choose_threshold(y_true, probabilities[:, 1])}
    if rule == "class_weights":
        return {"value": choose_class_weights(y_true, probabilities).tolist()}
    weights, power = choose_prior_power(y_true, probabilities, data.class_counts)
    return {"value": weights.tolist(), "prior_power": power}
