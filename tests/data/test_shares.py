import numpy as np
import pytest
from scipy import optimize

from dawn_tf.data.shares import (
    TARGETS,
    raise_to_minimum,
    scheduled_shares,
    systematic_counts,
    target_shares,
)


def test_shares_follow_their_formulas():
    counts = [100, 4, 0]
    np.testing.assert_allclose(target_shares(counts, "instance"), [100 / 104, 4 / 104, 0])
    np.testing.assert_allclose(target_shares(counts, "balanced"), [1 / 2, 1 / 2, 0])
    np.testing.assert_allclose(target_shares(counts, "sqrt"), [10 / 12, 2 / 12, 0])
    # beta 0.5: E_n = (1 - 0.5 ** n) / 0.5, so 100 / 2 and 4 / 1.875.
    np.testing.assert_allclose(
        target_shares(counts, "effective", beta=0.5),
        np.array([50, 4 / 1.875, 0]) / (50 + 4 / 1.875),
    )
    np.testing.assert_allclose(target_shares(counts, [3, 1, 0]), [0.75, 0.25, 0])


def test_repeat_factor_by_hand():
    # f = 0.9, 0.09, 0.01; r = 1, 1, sqrt(0.04 / 0.01) = 2: 90, 9 and 2 draws of 101.
    shares = target_shares([90, 9, 1], "repeat_factor", threshold=0.04)
    np.testing.assert_allclose(shares, np.array([90, 9, 2]) / 101)
    # Without a threshold it is 1 / 2 here, for the two classes with examples.
    shares = target_shares([96, 0, 4], "repeat_factor")
    repeated = 4 * np.sqrt(0.5 / 0.04)
    np.testing.assert_allclose(shares, np.array([96, 0, repeated]) / (96 + repeated))


@pytest.mark.parametrize("target", TARGETS)
def test_equal_classes_stay_equal(target):
    np.testing.assert_allclose(target_shares([7, 7, 7], target), np.full(3, 1 / 3))


def test_effective_number_has_both_ends():
    counts = np.array([1000, 30, 2])
    np.testing.assert_allclose(
        target_shares(counts, "effective", beta=0.0), counts / counts.sum(), rtol=1e-9
    )
    np.testing.assert_allclose(
        target_shares(counts, "effective", beta=1 - 1e-9), np.full(3, 1 / 3), rtol=1e-5
    )


def test_schedules_by_hand():
    instance, target = np.array([0.8, 0.2]), np.array([0.5, 0.5])
    np.testing.assert_allclose(scheduled_shares(instance, target, "constant", None), [target])
    np.testing.assert_allclose(
        scheduled_shares(instance, target, "progressive", 3),
        [[0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.5, 0.5]],
    )
    np.testing.assert_allclose(
        scheduled_shares(instance, target, "deferred", 2), [instance, instance, target]
    )


def test_systematic_counts_by_hand():
    # Edges 2.5, 3.9, 5.0; with 0.5 added 3.0, 4.4, 5.5: 3, 1, 1; with 0.1: 2.6, 4.0, 5.1: 2, 2, 1.
    expected = np.array([[2.5, 1.4, 1.1]] * 2)
    counts = systematic_counts(expected, np.array([0.5, 0.1]))
    np.testing.assert_array_equal(counts, [[3, 1, 1], [2, 2, 1]])


def test_systematic_counts_round_up_as_often_as_they_should():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(6, 0.5))
    expected = np.tile(shares * 50, (1000, 1))
    counts = systematic_counts(expected, (np.arange(1000) + 0.5) / 1000)
    assert np.all(counts.sum(1) == 50) and np.all(np.abs(counts - expected) < 1)
    np.testing.assert_allclose(counts.mean(0), shares * 50, atol=2e-3)


def test_minimum_by_hand():
    shares = np.array([0.8, 0.15, 0.05])
    # Of 20: 16, 3, 1. The third rises to 4; 16 are left for 16 + 3 = 19.
    expected = np.array([16 * 16 / 19, 3 * 16 / 19, 4]) / 20
    np.testing.assert_allclose(raise_to_minimum(shares, np.array([0, 2, 4]), 20), expected)
    # Scaled, the second would be 3 * 14 / 19 = 2.2 and falls below its 3.
    expected = np.array([20 - 3 - 6, 3, 6]) / 20
    np.testing.assert_allclose(raise_to_minimum(shares, np.array([0, 3, 6]), 20), expected)
    for idle in ([0, 0, 0], [16, 3, 1]):
        np.testing.assert_allclose(raise_to_minimum(shares, np.array(idle), 20), shares)
    np.testing.assert_allclose(raise_to_minimum(shares, np.array([1, 5, 4]), 10), [0.1, 0.5, 0.4])


def test_minimum_keeps_to_the_nearest_shares():
    shares, minimum = np.array([0.6, 0.2, 0.15, 0.05]), np.array([0, 7, 0, 6])
    nearest = optimize.minimize(
        lambda q: np.sum(q * np.log(q / shares)),
        np.full(4, 0.25),
        bounds=[(max(m / 32, 1e-6), 1) for m in minimum],
        constraints={"type": "eq", "fun": lambda q: q.sum() - 1},
        options={"ftol": 1e-12},
    )
    np.testing.assert_allclose(raise_to_minimum(shares, minimum, 32), nearest.x, atol=1e-5)


@pytest.mark.parametrize(
    "arguments, remedy",
    [
        ({"target": "rare"}, "Choose one of them"),
        ({"target": [0.5, 0.5, 0.1]}, "classes with examples only"),
        ({"target": [0.5, 0.5]}, "classes with examples only"),
        ({"target": [0, 0, 0]}, "Give one to a class"),
        ({"target": "effective", "beta": 1}, "Choose 0.999, say"),
        ({"target": "repeat_factor", "threshold": 0}, "the share below which"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_errors_say_how_to_mend(arguments, remedy):
    with pytest.raises(ValueError, match=remedy):
        target_shares([10, 5, 0], **arguments)
