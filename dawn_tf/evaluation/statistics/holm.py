"""Holm's correction of a table of p-values."""

import numpy as np


def holm(p_values):
    """Adjusted p-values: one below alpha is significant with family-wise error at most alpha.

    The i-th smallest of m (i from 0) becomes `max over j <= i of min(1, (m - j) p_j)`. Holds
    whatever the dependence between the tests. For the false discovery rate there is
    `scipy.stats.false_discovery_control`.

    After [Holm, 1979](https://www.jstor.org/stable/4615733).

    Args:
        p_values: Array of any shape, in 0..1; one family.

    Returns: float64 of the same shape.

    Raises:
        ValueError: for a value outside 0..1 or NaN.
    """
    p = np.asarray(p_values, "float64")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            f"Expected p-values in 0..1 without NaN. Received: p_values={p.ravel().tolist()}. "
            "Leave out tests that could not be made."
        )
    order = np.argsort(p, axis=None)
    steps = np.arange(p.size, 0, -1)
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps * p.ravel()[order]))
    return adjusted.reshape(p.shape)
