"""What a model card says of a run."""

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score

from dawn_tf.calibration import decide
from dawn_tf.data.description import class_sizes
from dawn_tf.evaluation.statistics import (
    SCORES,
    ConfusionSample,
    example_interval,
    mean_recall,
    score_interval,
)

_KINDS = {"classification": "one class", "segmentation": "a class for each pixel"}
_FEW = 30  # Test examples below which a recall says little.


def model_card(config, data, metrics, outputs, minority):
    """The card of a finished run, JSON-able.

    Intervals are at 95 %: of recalls Wilson's, of other scores of classes BCa bootstraps over
    test examples (or groups, where they come in such), of Dice percentile bootstraps over test
    images. Scores of pixels have none: pixels of one image are no separate witnesses.

    Args:
        config: Resolved `TrainConfig`.
        data: `DataSplits`.
        metrics: As in `metrics.json`.
        outputs: Arrays of the test part, as of `evaluate`.
        minority: Indices of the minority classes.
    """
    test = metrics["test"]
    is_mask = data.task == "segmentation"
    if is_mask:
        scores = _mask_scores(test, outputs)
    else:
        scores = _class_scores(test, outputs, data.parts["test"].groups, minority)
    for key in ("ece", "classwise_ece", "brier"):
        scores[key] = {"value": test["calibration"][key]}
    recall = {name: _recall(row, is_mask) for name, row in test["per_class"].items()}
    shape = "x".join(map(str, data.input_shape))
    things = "images" if len(data.input_shape) == 3 else "table rows"
    return {
        "task": data.task,
        "classes": list(data.class_names),
        "intended_use": (
            f"Gives {_KINDS[data.task]} and probabilities for {things} like those of "
            f"{data.name}, to a person or program that knows the limits below."
        ),
        "limits": _limits(config, data, metrics, recall),
        "data": {
            "name": data.name,
            "protocol": data.protocol,
            "input_shape": shape,
            "features": data.feature_names and list(data.feature_names),
            "notes": list(data.notes),
            "parts": {part: class_sizes(records) for part, records in data.parts.items()},
        },
        "model": {
            "model": config.model,
            "encoder": config.encoder,
            "recipe": config.loss or config.recipe,
            "networks": config.networks,
            "parameters": metrics["run"]["parameters"],
        },
        "scores": scores,
        "recall": recall,
        "decision": {"rule": metrics["decision"]["rule"], "value": metrics["decision"]["value"]},
        "calibration": _calibration(metrics, data),
        "versions": metrics["run"]["versions"],
        "commit": metrics["run"]["commit"],
    }


def _class_scores(test, outputs, groups, minority):
    y, p = outputs["y_true"], outputs["probabilities"]
    sample = ConfusionSample.from_labels(y, decide(p, test["decision"]), p.shape[1], groups)
    intervals = {
        name: score_interval(SCORES[name], sample)
        for name in ("macro_f1", "balanced_accuracy", "accuracy")
    }
    if test["minority_recall"] is not None:
        intervals["minority_recall"] = score_interval(mean_recall(minority), sample)
    if p.shape[1] == 2 and test["pr_auc"] is not None:
        intervals["pr_auc"] = example_interval(_average_precision, y, p[:, 1], resamples=200)
    return {name: _row(interval) for name, interval in intervals.items()}


def _average_precision(y, p):
    return average_precision_score(y, p) if y.any() else np.nan


def _mask_scores(test, outputs):
    dice = outputs["dice"].mean(1)
    interval = example_interval(np.mean, dice[np.isfinite(dice)])
    return {
        "dice_per_image_mean": _row(interval),
        "miou": {"value": test["miou"]},
        "macro_f1": {"value": test["macro_f1"]},
    }


def _row(interval):
    """An `Interval` as in the card; a score without variation in the sample has no interval."""
    low, high = float(interval.low), float(interval.high)
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        return {"value": float(interval.value)}
    return {"value": float(interval.value), "low": low, "high": high}


def _recall(row, is_mask):
    support = row["support"]
    recall = {"value": row["recall"], "support": support}
    if not is_mask and support:
        hits = round(row["recall"] * support)
        interval = binomtest(hits, support).proportion_ci(method="wilson")
        recall.update(low=float(interval.low), high=float(interval.high))
    return recall


def _limits(config, data, metrics, recall):
    limits = [
        "Measured on one division of one data set; nothing is known of data that was taken in "
        "another way.",
        "There is no check whether an input is like the training data: a picture of something "
        "else gets a class too.",
    ]
    few = [name for name, row in recall.items() if row["support"] < _FEW]
    if few and data.task == "classification":
        limits.append(
            f"The recall of {', '.join(few)} rests on fewer than {_FEW} test examples each."
        )
    if len(data.input_shape) == 3:
        height, width = data.input_shape[:2]
        limits.append(f"Images of another size are squashed to {height}x{width} pixels.")
    if config.calibration == "none":
        limits.append("Probabilities are the network's own, not calibrated on validation data.")
    if metrics["test"]["calibration"]["classwise_ece"] > 0.05:
        limits.append(
            "Probabilities of single classes are off by more than 0.05 on average (class-wise "
            "calibration error)."
        )
    limits.append(
        "Probabilities and decision suit the class shares of the validation part; other shares at "
        "work need class_shares."
    )
    return limits


def _calibration(metrics, data):
    card = {"map": metrics["calibration"]["map"]}
    if metrics["calibration"]["prior"] is not None:
        prior = zip(data.class_names, metrics["calibration"]["prior"], strict=True)
        card["class shares that probabilities are right for"] = [
            f"{name} {share:.4g}" for name, share in prior
        ]
    if "before_calibration" in metrics["test"]:
        card["calibration error before"] = metrics["test"]["before_calibration"]["ece"]
    return card
