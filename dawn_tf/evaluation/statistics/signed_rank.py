"""Wilcoxon's signed-rank test, exact."""

import numpy as np
from scipy import stats

from dawn_tf.evaluation.statistics.inputs import differences
from dawn_tf.evaluation.statistics.outcome import Outcome

# The exact distribution costs n^3 steps; beyond this the normal approximation is as good.
_EXACT = 500


def wilcoxon(a, b):
    """Exact two-sided Wilcoxon signed-rank test of paired scores.

    `W+` is the sum of the ranks of `|a - b|` where `a > b`. Its distribution over all `2^n` equally
    likely signs is computed, with middle ranks for ties, so `p = 2 min(P(W <= W+), P(W >= W+))`
    (at most 1) holds with ties too. Differences of 0 are dropped, as Wilcoxon did, and n is what
    is left. No p is below the floor `2^(1 - n)`: n = 5 gives at best 0.0625, so five pairs are
    never significant at 0.05; that takes 6, and 0.01 takes 8. Above n = 500: scipy's normal
    approximation.

    After [Wilcoxon, 1945](https://doi.org/10.2307/3001968).

    Args:
        a, b: Paired scores, `(n,)`, n at least 1.

    Returns: an `Outcome` with statistic `W+`.
    """
    d = differences(a, b, at_least=1)
    d = d[d != 0]
    n = len(d)
    ranks = stats.rankdata(np.abs(d))
    positive = float(ranks[d > 0].sum())
    if n > _EXACT:
        p_value = stats.wilcoxon(d, method="asymptotic", correction=True).pvalue
    else:
        p_value = _exact_p_value(ranks, positive)
    name = "Wilcoxon signed-rank test" + (", exact" if n <= _EXACT else "")
    return Outcome(name, positive, float(p_value), n, 2.0 ** min(1 - n, 0))


def _exact_p_value(ranks, positive):
    # Doubled, middle ranks are whole numbers and sums of them index an array.
    steps = np.rint(2 * ranks).astype(int)
    chance = np.ones(1)
    for step in steps:
        grown = np.zeros(len(chance) + step)
        grown[: len(chance)] += chance / 2
        grown[step:] += chance / 2
        chance = grown
    at = round(2 * positive)
    return min(1.0, 2 * min(chance[: at + 1].sum(), chance[at:].sum()))
