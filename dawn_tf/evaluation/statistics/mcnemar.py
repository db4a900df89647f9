"""McNemar's test of two classifiers on the same examples."""

import numpy as np
from scipy.stats import binom, chi2

from dawn_tf.evaluation.statistics.outcome import Outcome

METHODS = ("exact", "mid_p", "chi2")


def mcnemar(y_true, first, second, method="exact"):
    """McNemar's test: do two classifiers have the same accuracy on the same examples?

    Only examples count that one has right and the other wrong: `b` where the first is right, `c`
    where the second is. Under no difference `b` is binomial `(b + c, 1/2)`.

    | `method` | p, with `m = min(b, c)` |
    |---|---|
    | `"exact"` | `min(1, 2 P(B <= m))` |
    | `"mid_p"` | `2 P(B <= m) - P(B = m)`; closer to its level, not guaranteed |
    | `"chi2"` | of `max(abs(b - c) - 1, 0)^2 / (b + c)`, 1 df; for large `b + c` |

    It compares accuracy, which the frequent classes make; pass the examples of one true class to
    compare its recall, and correct such a table with `holm`. It speaks of these two trained models,
    not of what another seed would have given.

    After [McNemar, 1947](https://doi.org/10.1007/BF02295996); mid-p after
    [Fagerland et al., 2013](https://doi.org/10.1186/1471-2288-13-91).

    Args:
        y_true, first, second: Labels and two predictions, `(n,)`.
        method: One of the three.

    Returns: an `Outcome`; the statistic is `b` (chi2: the chi-square), n is `b + c`.

    Raises:
        ValueError: for arrays of different shapes or an unknown method.
    """
    y, first, second = np.asarray(y_true), np.asarray(first), np.asarray(second)
    if y.ndim != 1 or not y.shape == first.shape == second.shape:
        raise ValueError(
            "Expected labels and two predictions, (n,). Received: shapes "
            f"{y.shape}, {first.shape}, {second.shape}. Pass classes, not probabilities."
        )
    if method not in METHODS:
        raise ValueError(
            f"Expected method in {METHODS}. Received: method={method!r}. Choose before you look."
        )
    b = int(((first == y) & (second != y)).sum())
    c = int(((first != y) & (second == y)).sum())
    n = b + c
    if method == "chi2":
        statistic = max(abs(b - c) - 1, 0) ** 2 / max(n, 1)
        p_value, floor = chi2.sf([statistic, max(n - 1, 0) ** 2 / max(n, 1)], 1).tolist()
        return Outcome("McNemar's test, chi2", statistic, p_value, n, floor)
    p_value = 2 * binom.cdf(min(b, c), n, 0.5)
    floor = 2.0 ** min(1 - n, 0)
    if method == "mid_p":
        p_value, floor = p_value - binom.pmf(min(b, c), n, 0.5), 2.0**-n
    name = f"McNemar's test, {method}"
    return Outcome(name, float(b), float(min(1.0, p_value)), n, floor)
