"""Ranks of methods over data sets: Friedman's test and Nemenyi's critical difference."""

import numpy as np
from scipy.special import factorial
from scipy.stats import f, rankdata, studentized_range

from dawn_tf.evaluation.statistics.outcome import Outcome


def friedman(table):
    """Friedman's test that all methods are alike, in the F form of Iman and Davenport.

    Methods are ranked within each data set, ties sharing the middle rank. With k methods on N data
    sets and ranks `r`,
    `chi2 = (k - 1) sum_j (sum_i r_ij - N (k + 1) / 2)^2 / (sum_ij r_ij^2 - N k (k + 1)^2 / 4)`,
    which allows for ties, and `F = (N - 1) chi2 / (N (k - 1) - chi2)` with `k - 1` and
    `(k - 1)(N - 1)` degrees of freedom. Chi-square itself is too careful for few data sets. F is
    not careful enough for very few: p is held at its floor `(k!)^(1 - N)`, the chance that all
    data sets agree fully.

    After [Demsar, 2006](https://www.jmlr.org/papers/v7/demsar06a.html), section 3.2.2; the form
    with ties is Conover's (Practical Nonparametric Statistics, 1999).

    Args:
        table: Scores, `{method: (datasets,)}`; at least 2 of each.

    Returns: an `Outcome` with statistic F, infinite if all data sets agree fully.
    """
    ranks = _ranks(table, True)
    n, k = ranks.shape
    spread = (ranks**2).sum() - n * k * (k + 1) ** 2 / 4
    if spread < 1e-9:
        return Outcome("Friedman's test", 0.0, 1.0, n)
    chi2 = (k - 1) * ((ranks.sum(0) - n * (k + 1) / 2) ** 2).sum() / spread
    left = n * (k - 1) - chi2
    statistic = (n - 1) * chi2 / left if left > 1e-9 else np.inf
    floor = float(factorial(k) ** (1.0 - n))
    p_value = max(float(f.sf(statistic, k - 1, (k - 1) * (n - 1))), floor)
    return Outcome("Friedman's test", float(statistic), p_value, n, floor)


def critical_difference(num_methods, num_datasets, alpha=0.05):
    """Nemenyi's critical difference of two average ranks: `q sqrt(k (k + 1) / (6 N))`.

    `q` is the studentised range of k values with infinite df at `1 - alpha`, divided by sqrt(2).
    After [Demsar, 2006](https://www.jmlr.org/papers/v7/demsar06a.html), section 3.2.2.
    """
    q = studentized_range.ppf(1 - alpha, num_methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(num_methods * (num_methods + 1) / (6 * num_datasets)))


def rank_groups(table, alpha=0.05, higher_is_better=True):
    """Average ranks, the critical difference, and the groups of methods it does not part.

    What a critical-difference diagram draws. Data sets are the observations: average seeds first.

    Args:
        table: Scores, `{method: (datasets,)}`; at least 2 of each.
        alpha: Family-wise error.
        higher_is_better: False for losses.

    Returns:
        Dict with `ranks` (method -> average rank, best first, 1 is best), `critical_difference`,
        `groups` (lists of at least two methods that lie within it; a method may be in
        several) and `friedman` (an `Outcome`). If Friedman's p is not below alpha, no method is
        shown to differ, whatever the groups say.
    """
    ranks = _ranks(table, higher_is_better)
    means, names = ranks.mean(0), list(table)
    order = np.argsort(means, kind="stable")
    limit = critical_difference(len(names), len(ranks), alpha)
    groups, last = [], -1
    for i, best in enumerate(order):
        members = [j for j in order[i:] if means[j] - means[best] <= limit]
        # A run of ranks that ends where the one before it ended lies inside it.
        if len(members) > 1 and i + len(members) > last:
            groups.append([names[j] for j in members])
            last = i + len(members)
    return {
        "ranks": {names[j]: float(means[j]) for j in order},
        "critical_difference": limit,
        "groups": groups,
        "friedman": friedman(table),
    }


def _ranks(table, higher_is_better):
    lengths = {np.shape(v) for v in table.values()}
    x = np.array(list(table.values()), "float64").T if len(lengths) == 1 else np.zeros(0)
    if x.ndim != 2 or min(x.shape) < 2 or not np.isfinite(x).all():
        raise ValueError(
            "Expected finite scores of at least 2 methods on the same 2 or more data sets. "
            f"Received: shapes {[np.shape(v) for v in table.values()]} of {list(table)}. "
            "Average seeds, and leave out data sets that a method has not finished."
        )
    # Rounded, so that scores which differ by float error alone are ties.
    return rankdata(np.round(-x if higher_is_better else x, 12), axis=1)
