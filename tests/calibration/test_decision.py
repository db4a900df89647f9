import numpy as np
import pytest
from sklearn.metrics import f1_score

from dawn_tf.calibration import (
    choose_class_weights,
    choose_prior_power,
    decide,
    decide_by_cost,
)
from dawn_tf.calibration.decision import _best_weight, macro_f1
from dawn_tf.evaluation import choose_threshold


def sample(n, counts, sharpness=1.5, seed=0):
    rng = np.random.default_rng(seed)
    prior = np.array(counts) / np.sum(counts)
    y = rng.choice(len(prior), n, p=prior)
    z = rng.normal(size=(n, len(prior))) + sharpness * np.eye(len(prior))[y] + np.log(prior)
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True), y


def test_macro_f1_is_scikit_learns():
    rng = np.random.default_rng(0)
    for _ in range(20):
        y, guess = rng.integers(0, 4, 15), rng.integers(0, 3, 15)
        assert macro_f1(y, guess, 5) == pytest.approx(f1_score(y, guess, average="macro"))


def test_thresholds_and_weights_by_hand():
    p = np.array([[0.7, 0.3], [0.4, 0.6], [0.5, 0.5]])
    np.testing.assert_array_equal(decide(p), [0, 1, 0])
    np.testing.assert_array_equal(decide(p, 0.3), [1, 1, 1])
    np.testing.assert_array_equal(decide(p, [1.0, 2.0]), [0, 1, 1])
    with pytest.raises(ValueError, match="Expected a decision for 3 classes"):
        decide(np.ones((1, 3)) / 3, 0.5)
    with pytest.raises(ValueError, match="Expected a decision for 2 classes"):
        decide(p, [1.0, -1.0])


def test_least_expected_cost_by_hand():
    cost = np.array([[0.0, 1.0, 2.0], [5.0, 0.0, 1.0], [9.0, 4.0, 0.0]])
    p = np.random.default_rng(0).dirichlet([1, 1, 1], (4, 5))
    for row, chosen in zip(p.reshape(-1, 3), decide_by_cost(p, cost).reshape(-1), strict=True):
        expected = [sum(row[i] * cost[i, j] for i in range(3)) for j in range(3)]
        assert chosen == int(np.argmin(expected))
    with pytest.raises(ValueError, match=r"Expected a finite \(3, 3\) matrix"):
        decide_by_cost(p, np.ones((2, 2)))


def test_two_classes_get_what_the_exact_threshold_gets():
    p, y = sample(300, [20, 1])
    threshold = choose_threshold(y, p[:, 1])
    best = f1_score(y, p[:, 1] >= threshold, average="macro")
    weights = choose_class_weights(y, p)
    assert f1_score(y, decide(p, weights), average="macro") == pytest.approx(best)


def test_one_line_search_is_exact():
    p, y = sample(60, [6, 3, 1], seed=3)
    weights = np.array([1.0, 0.7, 1.6])
    for c in range(3):
        weight, score = _best_weight(y, p, weights, c)
        # Every change of a prediction lies between two of these.
        tried = []
        for candidate in np.geomspace(1e-4, 1e4, 5001):
            trial = weights.copy()
            trial[c] = candidate
            tried.append(macro_f1(y, decide(p, trial), 3))
        assert score == pytest.approx(max(tried))
        trial = weights.copy()
        trial[c] = weight
        assert f1_score(y, decide(p, trial), average="macro") == pytest.approx(score)


def test_chosen_weights_are_never_worse_than_none():
    for seed in range(5):
        p, y = sample(200, [50, 10, 5, 1], seed=seed)
        plain = macro_f1(y, decide(p), 4)
        assert macro_f1(y, decide(p, choose_class_weights(y, p)), 4) >= plain
        weights, power = choose_prior_power(y, p, [50, 10, 5, 1])
        assert macro_f1(y, decide(p, weights), 4) >= plain
        tried = [
            f1_score(y, decide(p, np.array([50, 10, 5, 1.0]) ** -s), average="macro")
            for s in np.arange(-30, 31) / 20
        ]
        assert macro_f1(y, decide(p, weights), 4) == pytest.approx(max(tried))
        assert weights.max() == 1 and -1.5 <= power <= 1.5


def test_equally_good_powers_go_to_the_one_that_does_least():
    p, y = np.eye(3)[[0, 1, 2]] * 0.98 + 0.01, np.array([0, 1, 2])
    weights, power = choose_prior_power(y, p, [3, 2, 1])
    assert power == 0
    np.testing.assert_array_equal(weights, 1.0)
