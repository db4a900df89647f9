"""Calibration and decision of a run, chosen on validation, on probabilities that are known."""

import dataclasses
import json

import numpy as np
import pytest

from dawn_tf.calibration import SCALINGS, decide
from dawn_tf.data import DataSplits
from dawn_tf.data.records import Records
from dawn_tf.training import TrainConfig
from dawn_tf.training.scoring import calibrator_of, check_calibration, score

NAMES = ["common", "middle", "rare"]


class Overconfident:
    """Gives the probabilities it is given, so that a data set can hold them as its inputs."""

    def predict_on_batch(self, x):
        return np.asarray(x)


def part(seed, shape, task):
    rng = np.random.default_rng(seed)
    y = rng.choice(3, shape, p=[0.7, 0.2, 0.1]).astype("int32")
    z = 2 * np.eye(3)[y] + rng.normal(size=(*shape, 3))
    p = np.exp(4 * z) / np.exp(4 * z).sum(-1, keepdims=True)  # Four times too sure.
    labels = y if task == "classification" else y.reshape(len(y), -1).max(1)
    ids = np.array([str(i) for i in range(len(y))])
    return Records(p.astype("float32"), y, ids, labels, NAMES, task)


def splits(task):
    shape = (300,) if task == "classification" else (6, 5, 7)
    parts = {name: part(i, shape, task) for i, name in enumerate(("train", "val", "test"))}
    counts = np.bincount(parts["train"].y.reshape(-1), minlength=3)
    return DataSplits("made", task, "made", NAMES, counts, parts, [])


@pytest.mark.parametrize("task", ["classification", "segmentation"])
@pytest.mark.parametrize("name", SCALINGS)
def test_a_map_is_fitted_on_validation_and_reported_before_and_after(name, task):
    data = splits(task)
    config = TrainConfig(calibration=name, decision="argmax")
    scores, outputs = score(Overconfident(), config, data, batch_size=4)
    val, test = data.parts["val"], data.parts["test"]
    fitted = SCALINGS[name]().fit(val.x.reshape(-1, 3), val.y.reshape(-1))
    revived = calibrator_of(json.loads(json.dumps(scores)))
    np.testing.assert_allclose(revived.matrix, fitted.matrix, rtol=1e-3, atol=1e-4)
    if task == "classification":
        np.testing.assert_allclose(
            outputs["test"]["probabilities"], fitted.transform(test.x), atol=1e-4
        )
    before, after = scores["test"]["before_calibration"], scores["test"]["calibration"]
    truth = np.eye(3)[test.y]
    assert before["brier"] == pytest.approx(((test.x - truth) ** 2).sum(-1).mean(), rel=1e-5)
    calibrated = fitted.transform(test.x)
    assert after["brier"] == pytest.approx(((calibrated - truth) ** 2).sum(-1).mean(), rel=1e-3)
    assert after["log_loss"] < before["log_loss"]


def test_the_decision_is_chosen_on_calibrated_probabilities():
    data = splits("classification")
    config = TrainConfig(calibration="vector", decision="class_weights")
    scores, outputs = score(Overconfident(), config, data, batch_size=100)
    chosen = decide(outputs["val"]["probabilities"], scores["decision"]["value"])
    assert scores["val"]["accuracy"] == np.mean(chosen == data.parts["val"].y)
    plain, _ = score(Overconfident(), TrainConfig(decision="class_weights"), data, batch_size=100)
    assert plain["calibration"]["map"] == "none" and calibrator_of(plain) is None
    assert "before_calibration" not in plain["test"]
    assert scores["decision"]["value"] != plain["decision"]["value"]


def test_the_prior_that_probabilities_are_right_for_is_kept():
    data = splits("classification")
    scores, outputs = score(
        Overconfident(), TrainConfig(calibration="vector", decision="argmax"), data, 100
    )
    shares = np.bincount(data.parts["val"].y, minlength=3) / 300
    np.testing.assert_allclose(scores["calibration"]["prior"], shares)
    # And right for it they are, class by class.
    np.testing.assert_allclose(outputs["val"]["probabilities"].mean(0), shares, atol=1e-3)
    scores, _ = score(Overconfident(), TrainConfig(calibration="temperature"), data, 100)
    assert scores["calibration"]["prior"] is None


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_a_class_without_validation_examples_takes_only_a_temperature(task):
    data = splits(task)
    val = data.parts["val"]
    y = np.minimum(val.y, 1)  # None of "rare".
    counts = np.stack([(y == c).reshape(len(y), -1).sum(1) for c in range(3)], 1)
    data.parts["val"] = dataclasses.replace(val, y=y, pixel_counts=counts)
    check_calibration("temperature", data)
    with pytest.raises(ValueError, match="none of rare"):
        check_calibration("vector", data)
