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
    if num_classes < 2 or rho < 1:
        raise ValueError(
            f"Expected num_classes >= 2 and rho >= 1. Received: num_classes={num_classes}, "
            f"rho={rho}. A ratio of 1 leaves the data balanced."
        )
    return np.array([int(n_max * (1 / rho) ** (i / (num_classes - 1))) for i in range(num_classes)])


def pick(labels, counts, seed=0):
    """Indices, ascending, of `counts[c]` random examples of each class c.

    For one seed a smaller count picks a subset of what a larger one does.

    Raises: `DataError` if a class has fewer examples.
    """
    chosen = []
    for c, count in enumerate(counts):
        members = np.flatnonzero(np.asarray(labels) == c)
        if len(members) < count:
            raise DataError(
                f"Expected at least {count} examples of class {c}. Received: {len(members)}. "
                "Choose a smaller n_max."
            )
        chosen.append(np.random.default_rng((seed, c)).permutation(members)[:count])
    return np.sort(np.concatenate(chosen))
