import numpy as np


def effective_number_weights(counts, beta=0.9999):
    """Class weights by the effective number of samples, float64 `(num_classes,)` of mean 1.

    `w = (1 - beta) / (1 - beta**n)` for a class of `n` examples, scaled to sum to the number of
    classes. `beta=0` gives equal weights, `beta -> 1` inverse frequencies.
    After [Cui et al., 2019](https://arxiv.org/abs/1901.05555), Eq. 4.

    Args:
        counts: Examples (or pixels) of each class, all above 0.
        beta: In `[0, 1)`; the effective number saturates near `1 / (1 - beta)` examples.

    Raises:
        ValueError: If a class has no example, or `beta` is out of range.
    """
    counts = check_counts(counts)
    if not 0.0 <= beta < 1.0:
        raise ValueError(
            f"Expected 0 <= beta < 1. Received: beta={beta}. Use 0.9999, or "
            "0.999999 for inverse frequencies up to about a million examples."
        )
    weights = (1.0 - beta) / (1.0 - np.power(float(beta), counts))
    return weights / weights.mean()


def prior_from_counts(counts):
    """Class shares of a training set, float64 `(num_classes,)` of sum 1.

    Args:
        counts: Examples (or pixels) of each class, all above 0.

    Raises:
        ValueError: If a class has no example.
    """
    counts = check_counts(counts)
    return counts / counts.sum()


def check_counts(counts):
    """`counts` as a float64 vector; `ValueError` naming the first class that has no example."""
    array = np.asarray(counts, "float64")
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(
            "Expected counts as a list with one finite number per class. Received: "
            f"counts={counts!r}. Use `np.bincount(labels, minlength=num_classes)`."
        )
    missing = np.flatnonzero(array <= 0)
    if missing.size:
        raise ValueError(
            f"Expected every class in the counts at least once. Received: counts[{missing[0]}]="
            f"{array[missing[0]]:g}. Add examples of class {missing[0]}, or leave the class out."
        )
    return array
