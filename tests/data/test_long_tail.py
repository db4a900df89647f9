import numpy as np
import pytest

from dawn_tf.data.errors import DataError
from dawn_tf.data.long_tail import exponential_counts, pick


@pytest.mark.parametrize(
    "n_max, num_classes, rho, total",
    [(5000, 10, 100, 12406), (5000, 10, 50, 13996), (500, 100, 100, 10847), (500, 100, 50, 12608)],
)
def test_totals_of_the_published_long_tailed_cifar(n_max, num_classes, rho, total):
    counts = exponential_counts(n_max, num_classes, rho)
    assert counts.sum() == total
    assert counts[0] == n_max and counts[-1] == n_max // rho
    assert np.all(np.diff(counts) <= 0)


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
