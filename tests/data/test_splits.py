import numpy as np
import pytest

from dawn_tf.data import splits
from dawn_tf.data.errors import DataError


def test_stratified_parts_are_disjoint_complete_and_exact():
    labels = np.repeat([0, 1, 2], [1000, 100, 20])
    parts = splits.stratified(labels, seed=1)
    assert sorted(np.concatenate(parts)) == list(range(len(labels)))
    counts = [np.bincount(labels[part]).tolist() for part in parts]
    assert counts == [[700, 70, 14], [150, 15, 3], [150, 15, 3]]


def test_seed_decides():
    labels = np.repeat([0, 1], 50)
    first, again, other = (splits.stratified(labels, seed=s)[0] for s in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize("size", [1, 2, 3])
def test_smallest_classes_reach_the_training_part(size):
    labels = np.repeat([0, 1], [100, size])
    assert all(1 in labels[splits.stratified(labels, (0.3, 0.35, 0.35), s)[0]] for s in range(9))


def test_no_group_is_divided_and_shares_hold():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 7, 400)
    groups = np.repeat([f"lesion_{i}" for i in range(400)], sizes)
    labels = np.repeat(rng.choice(3, 400, p=[0.8, 0.15, 0.05]), sizes)
    parts = splits.stratified_groups(labels, groups, seed=3)
    assert sorted(np.concatenate(parts)) == list(range(len(labels)))
    members = [set(groups[part]) for part in parts]
    assert not (members[0] & members[1] | members[0] & members[2] | members[1] & members[2])
    for c in range(3):
        for part, fraction in zip(parts, splits.FRACTIONS, strict=True):
            assert abs(np.sum(labels[part] == c) - fraction * np.sum(labels == c)) <= 6


def test_a_group_of_two_classes_is_refused():
    with pytest.raises(DataError, match=r"group 'b' with classes \[0, 1\]\. Mend its labels"):
        splits.stratified_groups([0, 0, 1], np.array(["a", "b", "b"]))


def test_hold_out_takes_a_tenth_of_each_class_and_never_all():
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3, 4], [100, 54, 5, 2, 1]))
    kept, held = splits.hold_out(labels, seed=4)
    assert np.bincount(labels[held], minlength=5).tolist() == [10, 5, 1, 1, 0]
    assert sorted([*kept, *held]) == list(range(162)) and np.all(np.diff(held) > 0)
    assert splits.hold_out(labels, seed=4)[1].tolist() == held.tolist()
    assert splits.hold_out(labels, seed=5)[1].tolist() != held.tolist()


def test_in_order_puts_the_latest_last():
    train, val, test = splits.in_order(np.arange(20)[::-1])
    assert train.tolist() == list(range(19, 5, -1))
    assert val.tolist() == [5, 4, 3] and test.tolist() == [2, 1, 0]


def test_a_class_without_training_example_is_named():
    with pytest.raises(DataError, match="none of fraud"):
        splits.check_training_classes(np.array([0, 0]), ["legitimate", "fraud"])


def test_a_group_counts_as_its_rarest_class():
    # Class 2 occurs once, 1 twice, 0 three times.
    labels, groups = [0, 0, 1, 1, 2, 0], ["a", "a", "a", "b", "b", "c"]
    assert splits.rarest_in_group(labels, groups).tolist() == [1, 1, 1, 2, 2, 0]
