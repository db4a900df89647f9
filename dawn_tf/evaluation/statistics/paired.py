"""Paired tests of a mean difference: Student's t and sign flips."""

import numpy as np
from scipy.stats import permutation_test, t

from dawn_tf.evaluation.statistics.inputs import differences
from dawn_tf.evaluation.statistics.outcome import Outcome
from dawn_tf.evaluation.statistics.summary import standard_error

_FLIPS = 9999


def paired_t_test(a, b, test_to_train=0.0):
    """Paired t-test: `t = mean(d) / (sd(d) sqrt(1 / n + test_to_train))`, n - 1 df.

    `d = a - b`.

    Exact for normal differences, which a few seeds can neither show nor deny. Differences that
    are all the same and not 0 have no deviation to be measured by: t and p are NaN.

    Args:
        a, b: Paired scores, `(n,)`, n at least 2.
        test_to_train: Above 0 for seeds that split the data anew; see `summarize`.

    Returns: an `Outcome`.
    """
    d = differences(a, b)
    if not d.any():
        return Outcome("paired t-test", 0.0, 1.0, len(d))
    if np.ptp(d) == 0:
        return Outcome("paired t-test", np.nan, np.nan, len(d))
    statistic = d.mean() / standard_error(d, test_to_train)
    p_value = 2 * t.sf(abs(statistic), len(d) - 1)
    return Outcome("paired t-test", float(statistic), float(p_value), len(d))


def sign_flip_test(a, b, seed=0):
    """Permutation test of the mean difference: under no effect each difference may flip its sign.

    All `2^n` flips up to n = 13, so p is exact and at least `2^(1 - n)`; above that 9999 random
    ones, and p is at least `2 / 10000`.

    Args:
        a, b: Paired scores, `(n,)`, n at least 2.
        seed: Of the random flips.

    Returns: an `Outcome`, whose statistic is the mean difference.
    """
    d = differences(a, b)
    found = permutation_test(
        (d,),
        lambda x, axis: x.mean(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=_FLIPS,
        rng=np.random.default_rng(seed),
    )
    floor = 2.0 ** (1 - len(d)) if 2 ** len(d) <= _FLIPS else 2 / (_FLIPS + 1)
    return Outcome("sign-flip test", float(d.mean()), float(found.pvalue), len(d), floor)
