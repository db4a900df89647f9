import keras
import numpy as np
import pytest

from dawn_tf.calibration import VectorScaling
from dawn_tf.evaluation import SegmentationScorer, classification_scores, evaluate


def batches(x, y, size):
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]


def softmax(logits):
    return np.asarray(keras.ops.softmax(logits))


@pytest.mark.parametrize("as_dict", [False, True])
def test_classification_goes_through_softmax_and_keeps_its_outputs(as_dict):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(23, 4)).astype("float32"), rng.integers(0, 3, 23)
    inputs = keras.Input((4,))
    logits = keras.layers.Dense(3)(inputs)
    model = keras.Model(inputs, {"output": logits, "gate": inputs} if as_dict else logits)
    scores, outputs = evaluate(model, batches(x, y, 8), "classification", ["a", "b", "c"], [2])
    predictions = model(x)
    probabilities = softmax(predictions["output"] if as_dict else predictions)
    np.testing.assert_array_equal(outputs["y_true"], y)
    np.testing.assert_array_equal(outputs["y_pred"], probabilities.argmax(-1))
    np.testing.assert_allclose(outputs["probabilities"], probabilities, rtol=1e-4)
    want = classification_scores(y, probabilities, ["a", "b", "c"], [2])
    assert scores["confusion_matrix"] == want["confusion_matrix"]
    np.testing.assert_allclose(scores["pr_auc"], want["pr_auc"])


def test_probabilities_labels_with_a_channel_void_and_threshold():
    p1 = np.float32([0.2, 0.4, 0.9, 0.8])
    x, y = np.stack([1 - p1, p1], 1), np.array([[0], [1], [1], [7]])
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    scores, outputs = evaluate(
        model,
        batches(x, y, 3),
        "classification",
        ["good", "fraud"],
        [1],
        decision=0.3,
        ignore_class=7,
        from_logits=False,
    )
    assert scores["accuracy"] == 1 and scores["num_examples"] == 3
    np.testing.assert_array_equal(outputs["probabilities"], x[:3])


def test_segmentation():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 4, 6, 3)).astype("float32")
    y = rng.integers(0, 2, (5, 4, 6))
    y[0, 0] = 255
    model = keras.Sequential([keras.Input((4, 6, 3)), keras.layers.Conv2D(2, 1)])
    scores, outputs = evaluate(
        model, batches(x, y, 2), "segmentation", ["skin", "lesion"], [1], ignore_class=255
    )
    scorer = SegmentationScorer(["skin", "lesion"], [1], ignore_class=255)
    scorer.update(y, softmax(model(x)))
    want = scorer.scores()
    assert scores["confusion_matrix"] == want["confusion_matrix"]
    np.testing.assert_allclose(scores["pr_auc"], want["pr_auc"], rtol=1e-4)
    assert outputs["iou"].shape == (5, 1)


def test_an_unknown_task_and_an_empty_split_are_refused():
    with pytest.raises(ValueError, match="Expected task"):
        evaluate(None, [], "detection", ["a", "b"], [])
    with pytest.raises(ValueError, match="at least one batch"):
        evaluate(None, [], "classification", ["a", "b"], [])


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_a_calibrator_changes_the_probabilities_before_they_are_scored(task):
    rng = np.random.default_rng(0)
    shape = (30, 3) if task == "classification" else (4, 5, 6, 3)
    z = rng.normal(size=shape).astype("float32") * 4
    y = rng.integers(0, 3, shape[:-1])
    y.flat[:3] = 9
    inputs = keras.Input(shape[1:])
    model = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    flat, truth = softmax(z).reshape(-1, 3)[3:], y.reshape(-1)[3:]
    calibrator = VectorScaling().fit(flat, truth)
    scores, outputs = evaluate(
        model, batches(z, y, 7), task, ["a", "b", "c"], [2], ignore_class=9, calibrator=calibrator
    )
    # By hand: softmax(w log p + b) of the logits' softmax.
    after = softmax(np.log(flat) * np.diagonal(calibrator.matrix) + calibrator.bias)
    for key, p in (("calibration", after), ("before_calibration", flat)):
        wanted = -np.log(p[np.arange(len(truth)), truth]).mean()
        assert scores[key]["log_loss"] == pytest.approx(wanted, rel=1e-5)
    assert scores["calibration"]["log_loss"] < scores["before_calibration"]["log_loss"]
    assert scores["accuracy"] == pytest.approx((after.argmax(-1) == truth).mean())
    if task == "classification":
        np.testing.assert_allclose(outputs["probabilities"], after, atol=1e-6)
