"""Long-tailed subsets of balanced data."""

import numpy as np

from dawn_tf.data.errors import DataError


def exponential_counts(n_max, num_classes, rho):
    """Class sizes that fall exponentially from `n_max` to `n_max / rho`.

    `n_i = int(n_max * (1 / rho) ** (i / (C - 1)))` for class i = 0..C-1, after
    [Cao et al., 2019](https://arxiv.org/abs/1906.07413).

    Args:
        n_max: Examples of class 0.
        num_classes: C, at least 2.
        rho: Imbalance ratio, at least 1.

    Returns: int64 array, `(num_classes,)`.
    """
    _check(num_classes, rho)
    return np.array([int(n_max * (1 / rho) ** (i / (num_classes - 1))) for i in range(num_classes)])


def step_counts(n_max, num_classes, rho):
    """Class sizes `n_max` in the first half of the classes and `int(n_max / rho)` in the second.

    The step profile of [Cao et al., 2019](https://arxiv.org/abs/1906.07413). Of an odd number of
    classes the middle one is rare.

    Args, Returns: as of `exponential_counts`.
    """
    _check(num_classes, rho)
    half = num_classes // 2
    return np.array([n_max] * half + [int(n_max * (1 / rho))] * (num_classes - half))


PROFILES = {"exponential": exponential_counts, "step": step_counts}


def pick(labels, counts, seed=0):
    """Indices, ascending, of `counts[c]` random examples of each class c.

    For one seed a smaller count picks a subset of what a larger one does.

    Raises: `DataError` if a class has fewer examples.
    """
    return _pick(labels, counts, lambda c: np.random.default_rng((seed, c)))


def pick_as_published(labels, counts, seed=0):
    """Like `pick`, drawn as the generator of long-tailed CIFAR by Cao et al. draws.

    One legacy stream, `RandomState(seed)`, shuffles the indices of one class after the other, and
    the first `counts[c]` are taken. Given the labels in their published order, seed 0 gives the
    images of the reference implementation of
    [Cao et al., 2019](https://arxiv.org/abs/1906.07413).
    """
    stream = np.random.RandomState(seed)
    return _pick(labels, counts, lambda c: stream)


def long_tailed(labels, num_classes, rho, profile="exponential", subset_seed=0):
    """Indices, ascending, of a long-tailed subset in which class 0 is the commonest.

    `pick_as_published` with the sizes of the profile, which start from the size of the smallest
    class. For one seed a larger `rho` picks a subset of what a smaller one does.

    Args:
        labels: Class numbers, `(N,)`.
        num_classes: Number of classes.
        rho: Imbalance ratio, at least 1.
        profile: A key of `PROFILES`.
        subset_seed: Integer.

    Raises: `DataError` for another profile.
    """
    if profile not in PROFILES:
        raise DataError(
            f"Expected profile to be one of {', '.join(PROFILES)}. Received: profile={profile!r}. "
            "Choose one of them."
        )
    n_max = np.bincount(labels, minlength=num_classes).min()
    return pick_as_published(labels, PROFILES[profile](n_max, num_classes, rho), subset_seed)


def _check(num_classes, rho):
    if num_classes < 2 or rho < 1:
        raise ValueError(
            f"Expected num_classes >= 2 and rho >= 1. Received: num_classes={num_classes}, "
            f"rho={rho}. A ratio of 1 leaves the data balanced."
        )


def _pick(labels, counts, generator_of_class):
    chosen = []
    for c, count in enumerate(counts):
        members = np.flatnonzero(np.asarray(labels) == c)
        if len(members) < count:
            raise DataError(
                f"Expected at least {count} examples of class {c}. Received: {len(members)}. "
                "Choose a smaller n_max."
            )
        chosen.append(generator_of_class(c).permutation(members)[:count])
    return np.sort(np.concatenate(chosen))
