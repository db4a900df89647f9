import numpy as np
import pytest

from dawn_tf.data.long_tail import exponential_counts
from dawn_tf.evaluation.shots import shot_groups, shot_recall


def test_limits_of_the_groups():
    groups = shot_groups([500, 101, 100, 20, 19, 0])
    assert groups == {"many": [0, 1], "medium": [2, 3], "few": [4, 5]}


@pytest.mark.parametrize("rho, sizes", [(100, [35, 35, 30]), (50, [41, 41, 18])])
def test_published_groups_of_long_tailed_cifar_100(rho, sizes):
    groups = shot_groups(exponential_counts(500, 100, rho))
    assert [len(classes) for classes in groups.values()] == sizes


def test_recall_by_hand():
    matrix = [
        [8, 1, 1, 0, 0],
        [2, 6, 2, 0, 0],
        [0, 5, 5, 0, 0],
        [3, 3, 3, 1, 0],
        [0, 0, 0, 0, 0],
    ]
    scores = shot_recall(matrix, [900, 300, 50, 5, 3])
    # Class 4 is not in the test part: the mean of "few" is that of class 3.
    assert scores == {
        "many": {"recall": pytest.approx((0.8 + 0.6) / 2), "classes": [0, 1]},
        "medium": {"recall": pytest.approx(0.5), "classes": [2]},
        "few": {"recall": pytest.approx(0.1), "classes": [3, 4]},
    }


def test_a_group_without_classes_or_truth_has_no_recall():
    scores = shot_recall([[3, 1], [0, 0]], [900, 5])
    assert scores["medium"] == {"recall": None, "classes": []}
    assert scores["few"] == {"recall": None, "classes": [1]}


def test_on_a_balanced_test_part_the_groups_make_the_accuracy():
    matrix = np.random.default_rng(0).multinomial(20, np.ones(30) / 30, 30)
    scores = shot_recall(matrix, np.geomspace(1000, 2, 30))
    total = sum(group["recall"] * len(group["classes"]) for group in scores.values())
    assert total / 30 == pytest.approx(np.trace(matrix) / matrix.sum())


def test_counts_of_other_classes_are_refused():
    with pytest.raises(ValueError, match=r"shape=\(2, 2\), 3 class counts"):
        shot_recall(np.eye(2), [1, 2, 3])
