"""Arrays of scores, checked."""

import numpy as np


def scores(values, at_least=2):
    """Float64 `(n,)`, finite, n at least `at_least`; else `ValueError`."""
    x = np.asarray(values, "float64")
    if x.ndim != 1 or len(x) < at_least or not np.isfinite(x).all():
        raise ValueError(
            f"Expected at least {at_least} finite scores, (n,). Received: shape={x.shape}, "
            f"{int((~np.isfinite(x)).sum())} of them not finite. Leave unfinished runs out."
        )
    return x


def differences(a, b, at_least=2):
    """`a - b` of paired scores `(n,)`; what differs by rounding alone is made equal.

    0.3 - 0.2 and 0.2 - 0.1 are one difference, though not in float64; ties among ranks need it.
    """
    a, b = scores(a, at_least), scores(b, at_least)
    if a.shape != b.shape:
        raise ValueError(
            f"Expected as many scores in a as in b. Received: {len(a)} and {len(b)}. "
            "Pair them: the same seeds or data sets in the same order."
        )
    largest = max(np.abs(a).max(), np.abs(b).max())
    return np.round(a - b, 12 - int(np.ceil(np.log10(largest))) if largest else 0)
