import numpy as np
import pytest

from dawn_tf.metrics import MinorityRecall, minority_classes


def test_only_minority_classes_with_true_examples_count():
    metric = MinorityRecall(4, minority_classes=[1, 2, 3])
    metric.update_state([0, 1, 1, 2, 2], np.eye(4)[[3, 1, 0, 2, 2]])
    assert float(metric.result()) == (1 / 2 + 2 / 2) / 2  # Class 3 is predicted, never true.


def test_config_survives():
    metric = MinorityRecall(4, minority_classes=np.array([1, 2]), ignore_class=0)
    assert MinorityRecall.from_config(metric.get_config()).minority_classes == [1, 2]


@pytest.mark.parametrize("classes", [[], [4], [-1]])
def test_classes_that_do_not_exist_are_refused(classes):
    with pytest.raises(ValueError, match=r"Expected minority classes out of 0\.\.3"):
        MinorityRecall(4, minority_classes=classes)


@pytest.mark.parametrize(
    "counts, expected",
    [([90, 10], [1]), ([5, 5, 5], []), ([4, 1, 1], [1, 2]), ([0, 3], [0]), ([1, 2, 3], [0])],
)
def test_minority_is_below_the_mean_count(counts, expected):
    found = minority_classes(counts)
    assert found == expected
    assert all(type(c) is int for c in found)


@pytest.mark.parametrize("counts", [[], [[1, 2]], [1, -1], [1, np.nan]])
def test_counts_that_are_none_are_refused(counts):
    with pytest.raises(ValueError, match="Expected one count of at least 0 for each class"):
        minority_classes(counts)
