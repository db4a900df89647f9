import warnings

import numpy as np
import pytest
from sklearn import metrics as reference

from dawn_tf.evaluation import choose_threshold, classification_scores

KEYS = {
    "accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "balanced_accuracy",
    "pr_auc",
    "minority_recall",
    "per_class",
    "confusion_matrix",
    "calibration",
    "decision",
    "num_examples",
}


def some_case(seed, n=60, num_classes=5, true_classes=None):
    rng = np.random.default_rng(seed)
    y_true = rng.choice(true_classes or range(num_classes), n)
    probabilities = rng.dirichlet(np.full(num_classes, 0.5), n)
    probabilities = 0.6 * probabilities + 0.4 * np.eye(num_classes)[y_true]
    return y_true, probabilities


def names(num_classes):
    return [f"class {c}" for c in range(num_classes)]


@pytest.mark.parametrize("true_classes", [None, [0, 2, 3], [4]], ids=["all", "some", "one"])
@pytest.mark.parametrize("seed", range(5))
def test_equals_scikit_learn(seed, true_classes):
    y_true, probabilities = some_case(seed, true_classes=true_classes)
    predicted = probabilities.argmax(1)
    scores = classification_scores(y_true, probabilities, names(5), minority=[1, 3, 4])

    macro = {"average": "macro", "zero_division": 0}
    present = np.unique(y_true)
    recall = reference.recall_score(y_true, predicted, labels=present, average=None)
    precisions = [
        reference.average_precision_score(y_true == c, probabilities[:, c]) for c in present
    ]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        balanced_accuracy = reference.balanced_accuracy_score(y_true, predicted)
    want = {
        "accuracy": reference.accuracy_score(y_true, predicted),
        "macro_precision": reference.precision_score(y_true, predicted, **macro),
        "macro_recall": reference.recall_score(y_true, predicted, **macro),
        "macro_f1": reference.f1_score(y_true, predicted, **macro),
        "balanced_accuracy": balanced_accuracy,
        "pr_auc": np.mean(precisions),
        "minority_recall": recall[np.isin(present, [1, 3, 4])].mean(),
    }
    assert set(scores) == KEYS
    for key, value in want.items():
        np.testing.assert_allclose(scores[key], value, err_msg=key)
    matrix = reference.confusion_matrix(y_true, predicted, labels=range(5))
    assert scores["confusion_matrix"] == matrix.tolist()
    assert scores["num_examples"] == 60 and scores["decision"] is None

    per_class = reference.precision_recall_fscore_support(
        y_true, predicted, labels=range(5), zero_division=0
    )
    for c, one in enumerate(scores["per_class"].values()):
        assert list(one) == ["precision", "recall", "f1", "support", "average_precision"]
        got = [one["precision"], one["recall"], one["f1"], one["support"]]
        np.testing.assert_allclose(got, [values[c] for values in per_class])
        if c not in present:
            assert one["average_precision"] is None


def test_binary_scores_use_the_threshold_and_class_one():
    y_true = np.array([0, 0, 1, 0, 1])
    p1 = np.array([0.1, 0.3, 0.3, 0.6, 0.2])
    scores = classification_scores(
        y_true, np.stack([1 - p1, p1], 1), ["good", "fraud"], minority=[1], decision=0.3
    )
    assert scores["confusion_matrix"] == [[1, 2], [1, 1]]
    assert scores["decision"] == 0.3
    assert scores["minority_recall"] == 0.5
    assert scores["pr_auc"] == reference.average_precision_score(y_true, p1)
    assert scores["per_class"]["fraud"]["average_precision"] == scores["pr_auc"]


def test_float32_scores_at_the_threshold_are_positive():
    p1 = np.float32([0.1, 0.2])
    threshold = float(p1[1])
    scores = classification_scores(
        np.array([0, 1]), np.stack([1 - p1, p1], 1), names(2), [1], threshold
    )
    assert scores["accuracy"] == 1


def test_what_is_undefined_is_none():
    p = np.array([[0.9, 0.1], [0.6, 0.4]])
    scores = classification_scores(np.array([0, 0]), p, names(2), minority=[1])
    assert scores["pr_auc"] is None and scores["minority_recall"] is None
    assert scores["accuracy"] == 1


GOOD = np.array([[0.5, 0.5], [0.2, 0.8]])


@pytest.mark.parametrize(
    "y_true, probabilities, kwargs, message",
    [
        ([0, 1], [[0.5, 0.5], [np.nan, 0.5]], {}, "without NaN"),
        ([0, 1], [[2.0, -1.0], [0.1, 0.2]], {}, "Apply softmax"),
        ([0, 2], GOOD, {}, r"integer labels in 0\.\.1"),
        ([0.0, 1.0], GOOD, {}, "integer labels"),
        ([0], GOOD, {}, r"\(n, 2\) probabilities"),
        ([0, 1], GOOD[:, 1], {}, "one column for each"),
        (np.zeros(0, int), GOOD[:0], {}, "n at least 1"),
        ([0, 1], GOOD, {"minority": [2]}, "minority indices"),
        ([0, 1], GOOD, {"class_names": ["a", "a"]}, "distinct class names"),
    ],
)
def test_unusable_input_is_refused(y_true, probabilities, kwargs, message):
    kwargs = {"class_names": names(2), "minority": [1], **kwargs}
    with pytest.raises(ValueError, match=message):
        classification_scores(np.array(y_true), np.array(probabilities), **kwargs)


def test_a_threshold_for_three_classes_is_refused():
    y_true, probabilities = some_case(0, num_classes=3)
    with pytest.raises(ValueError, match="a decision for 3 classes"):
        classification_scores(y_true, probabilities, names(3), [1], decision=0.5)


def macro_f1(y_true, p1, threshold):
    predicted = np.asarray(p1, "float64") >= threshold
    return reference.f1_score(y_true, predicted, average="macro", zero_division=0)


@pytest.mark.parametrize("decimals", [1, 8])
@pytest.mark.parametrize("seed", range(20))
def test_threshold_equals_brute_force(seed, decimals):
    rng = np.random.default_rng(seed)
    y_true = (rng.random(40) < 0.2).astype(int)
    y_true[:2] = 0, 1
    p1 = np.clip(rng.random(40) + rng.choice([-0.4, 0, 0.4]) * y_true, 0, 1).round(decimals)
    threshold = choose_threshold(y_true, p1)
    best = max(macro_f1(y_true, p1, t) for t in [*p1, 2.0])
    np.testing.assert_allclose(macro_f1(y_true, p1, threshold), best)
    # The probabilities that a float32 server returns are decided alike.
    assert macro_f1(y_true, p1.astype("float32"), threshold) == macro_f1(y_true, p1, threshold)


def test_threshold_is_midway_to_the_next_lower_score():
    assert choose_threshold([0, 0, 1, 1], [0.1, 0.25, 0.75, 0.8]) == 0.5
    assert choose_threshold([0, 1, 1], [0.25, 0.25, 0.25]) == 0.25  # There is no lower score.


def test_threshold_between_neighbouring_floats_separates_them():
    low = np.float32(0.5)
    high = np.nextafter(low, np.float32(1))
    threshold = choose_threshold([0, 1], np.array([low, high]))
    assert low < threshold <= high


def test_predicting_nothing_can_be_best():
    y_true, p1 = [0, 0, 0, 0, 0, 1], [0.9, 0.9, 0.9, 0.9, 0.9, 0.1]
    threshold = choose_threshold(y_true, p1)
    assert macro_f1(y_true, p1, threshold) == macro_f1(y_true, p1, 2) == 5 / 11
    assert 0.9 < threshold < 0.9001


@pytest.mark.parametrize(
    "y_true, p1", [([0, 0], [0.1, 0.2]), ([0, 1], [0.1, np.nan]), ([0, 2], [0, 1]), ([0, 1], [1])]
)
def test_threshold_needs_both_classes_and_numbers(y_true, p1):
    with pytest.raises(ValueError, match="both classes"):
        choose_threshold(y_true, p1)
