import numpy as np
import pytest

from dawn_tf.data.errors import DataError
from dawn_tf.data.long_tail import (
    exponential_counts,
    long_tailed,
    pick,
    pick_as_published,
    step_counts,
)


@pytest.mark.parametrize(
    "n_max, num_classes, rho, total",
    [(5000, 10, 100, 12406), (5000, 10, 50, 13996), (500, 100, 100, 10847), (500, 100, 50, 12608)],
)
def test_totals_of_the_published_long_tailed_cifar(n_max, num_classes, rho, total):
    counts = exponential_counts(n_max, num_classes, rho)
    assert counts.sum() == total
    assert counts[0] == n_max and counts[-1] == n_max // rho
    assert np.all(np.diff(counts) <= 0)


@pytest.mark.parametrize(
    "n_max, num_classes, rho, counts",
    [(5000, 10, 100, [5000] * 5 + [50] * 5), (60, 3, 7, [60, 8, 8]), (5, 2, 1, [5, 5])],
)
def test_step_profile(n_max, num_classes, rho, counts):
    assert step_counts(n_max, num_classes, rho).tolist() == counts


def reference_indices(labels, counts, seed):
    """The published generator's steps, one after the other."""
    np.random.seed(seed)
    chosen = []
    for c, count in enumerate(counts):
        members = np.where(labels == c)[0]
        np.random.shuffle(members)
        chosen.extend(members[:count])
    return chosen


@pytest.mark.parametrize("seed", [0, 1])
def test_pick_as_published_draws_as_the_reference_generator(seed):
    labels = np.random.default_rng(7).integers(0, 4, 400)
    counts = [50, 30, 10, 2]
    expected = sorted(reference_indices(labels, counts, seed))
    assert pick_as_published(labels, counts, seed).tolist() == expected


def test_long_tailed_starts_from_the_smallest_class_and_nests_in_rho():
    labels = np.random.default_rng(3).permutation(np.repeat([0, 1, 2], [90, 70, 80]))
    for profile, counts in (("exponential", [70, 15, 3]), ("step", [70, 3, 3])):
        large, small = (long_tailed(labels, 3, rho, profile, 5) for rho in (2, 20))
        assert np.bincount(labels[small]).tolist() == counts
        assert set(small) < set(large)
    with pytest.raises(DataError, match="one of exponential, step. Received: profile='linear'"):
        long_tailed(labels, 3, 20, "linear")


def test_pick_takes_the_counts_and_nests():
    labels = np.tile([0, 1, 2], 10)
    large, small = (pick(labels, counts, seed=5) for counts in ([10, 6, 3], [10, 4, 1]))
    assert np.bincount(labels[large]).tolist() == [10, 6, 3]
    assert set(small) < set(large)
    assert pick(labels, [10, 6, 3], seed=6).tolist() != large.tolist()


def test_errors_say_how_to_mend():
    with pytest.raises(DataError, match="at least 3 examples of class 1. Received: 2"):
        pick([0, 0, 0, 1, 1], [3, 3])
    with pytest.raises(ValueError, match="A ratio of 1 leaves the data balanced"):
        exponential_counts(10, 2, 0.5)
    with pytest.raises(ValueError, match="num_classes=1, rho=2"):
        step_counts(10, 1, 2)
