"""Division of a data set into training, validation and test part."""

import numpy as np

from dawn_tf.data.errors import DataError

FRACTIONS = (0.7, 0.15, 0.15)


def stratified(labels, fractions=FRACTIONS, seed=0):
    """Random parts in which every class has about the same share.

    Args:
        labels: Class numbers, `(N,)`.
        fractions: Shares of the parts, sum 1; the first is the training part.
        seed: Integer.

    Returns: one sorted index array per fraction; each class differs from its share by less than
    one example, and its first example (in random order) is a training example.
    """
    # Not scikit-learn's train_test_split: it refuses classes of one example, and those of two or
    # three when the remainder is split again.
    return stratified_groups(labels, np.arange(len(labels)), fractions, seed)


def stratified_groups(labels, groups, fractions=FRACTIONS, seed=0):
    """Like `stratified`, and no group (a lesion, a patient) is in two parts.

    The groups of a class are laid end to end in random order; the part in whose stretch the
    middle of a group falls takes it. A part therefore differs from its share of a class by less
    than the size of the class's largest group.

    Raises: `DataError` if a group holds several classes.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    _, first, group_of, size = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    class_of_group = labels[first]
    mixed = np.flatnonzero(class_of_group[group_of] != labels)
    if len(mixed):
        raise DataError(
            f"Expected one class per group. Received: group {str(groups[mixed[0]])!r} with classes "
            f"{sorted(set(labels[groups == groups[mixed[0]]].tolist()))}. Mend its labels."
        )
    bounds = np.cumsum(fractions)[:-1]
    part_of_group = np.empty(len(size), int)
    for c in np.unique(class_of_group):
        members = np.random.default_rng((seed, c)).permutation(np.flatnonzero(class_of_group == c))
        middle = np.cumsum(size[members]) - size[members] / 2
        part_of_group[members] = np.searchsorted(bounds, middle / size[members].sum())
        part_of_group[members[0]] = 0
    part = part_of_group[group_of]
    return tuple(np.flatnonzero(part == i) for i in range(len(fractions)))


def rarest_in_group(labels, groups):
    """The rarest class of each example's group, `(N,)`: one class per group, to stratify by.

    Args:
        labels: Class numbers, `(N,)`.
        groups: Name of each example's group, `(N,)`.
    """
    labels = np.asarray(labels)
    group_of = np.unique(groups, return_inverse=True)[1]
    order = np.argsort(np.bincount(labels), kind="stable")
    rank = np.full(group_of.max() + 1, len(order))
    np.minimum.at(rank, group_of, np.argsort(order)[labels])
    return order[rank[group_of]]


def hold_out(labels, fraction=0.1, seed=0):
    """Training part, and a validation part cut from it class by class.

    Of a class of n examples `max(1, round(fraction * n))` random ones are held out, but never its
    last one.

    Args:
        labels: Class numbers, `(N,)`.
        fraction: Share that is held out.
        seed: Integer.

    Returns: two sorted index arrays, what is kept and what is held out.
    """
    labels = np.asarray(labels)
    held = np.zeros(len(labels), bool)
    for c in np.unique(labels):
        members = np.random.default_rng((seed, c)).permutation(np.flatnonzero(labels == c))
        held[members[: min(max(1, round(fraction * len(members))), len(members) - 1)]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def in_order(keys, fractions=FRACTIONS):
    """Parts that follow each other in ascending `keys` (time): the test part is the latest.

    Returns: one index array per fraction, in the order of the keys; equal keys keep their order.
    """
    order = np.argsort(keys, kind="stable")
    return tuple(np.split(order, np.rint(np.cumsum(fractions)[:-1] * len(order)).astype(int)))


def check_training_classes(labels, class_names):
    """Raises `DataError` naming the classes that `labels` of the training part lack."""
    absent = [name for c, name in enumerate(class_names) if not np.any(labels == c)]
    if absent:
        raise DataError(
            f"Expected a training example of each class. Received: none of {', '.join(absent)}. "
            "Add examples of that class, or choose another protocol."
        )
