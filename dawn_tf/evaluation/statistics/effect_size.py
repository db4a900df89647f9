"""Cohen's d, with the formula named."""

import numpy as np
from scipy.special import gammaln

from dawn_tf.evaluation.statistics.inputs import differences, scores

FORMULAS = ("d_z", "d_av", "d_s")


def cohens_d(a, b, formula):
    """Standardised mean difference of `a` over `b`.

    | `formula` | value | for |
    |---|---|---|
    | `"d_z"` | `mean(a - b) / sd(a - b)` | pairs; `t = d_z sqrt(n)` |
    | `"d_av"` | `(mean(a) - mean(b)) / ((sd(a) + sd(b)) / 2)` | pairs, on the scale of one model |
    | `"d_s"` | `(mean(a) - mean(b)) / sd_pooled` | independent groups; `t = d_s / sqrt(1/n+1/m)` |

    `sd_pooled^2 = ((n - 1) var(a) + (m - 1) var(b)) / (n + m - 2)`; deviations have ddof = 1. The
    three differ by a factor that has no limit: with equal deviations and a correlation r between
    pairs, `d_z = d_av / sqrt(2 (1 - r))`. A d without its formula says nothing.

    After [Lakens, 2013](https://doi.org/10.3389/fpsyg.2013.00863).

    Args:
        a, b: Scores, at least 2 each; paired for `d_z` and `d_av`.
        formula: One of the three.

    Returns: a float; NaN where the deviation is 0.

    Raises:
        ValueError: for an unknown formula, or scores that do not pair where they must.
    """
    if formula not in FORMULAS:
        raise ValueError(
            f"Expected formula in {FORMULAS}. Received: formula={formula!r}. "
            "Name the one you report."
        )
    if formula == "d_s":
        a, b = scores(a), scores(b)
        squares = ((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()
        mean, deviation = a.mean() - b.mean(), np.sqrt(squares / (len(a) + len(b) - 2))
    else:
        d = differences(a, b)
        mean = d.mean()
        spread = [d] if formula == "d_z" else [np.asarray(a), np.asarray(b)]
        # Equal values have a deviation of rounding alone.
        deviation = np.mean([x.std(ddof=1) if np.ptp(x) else 0.0 for x in spread])
    return float(mean / deviation) if deviation else float("nan")


def hedges_correction(freedom):
    """Factor that takes the bias of a small sample out of d: `g = d J(freedom)`.

    `J(f) = gamma(f / 2) / (sqrt(f / 2) gamma((f - 1) / 2))`; f = n - 1 for `d_z`, n + m - 2 for
    `d_s`. Five pairs: 0.798, so an uncorrected d_z is a quarter too large.
    After [Hedges, 1981](https://doi.org/10.3102/10769986006002107).
    """
    half = freedom / 2
    return float(np.exp(gammaln(half) - gammaln(half - 0.5)) / np.sqrt(half))
