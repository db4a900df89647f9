"""What printed statistics imply about each other: arithmetic on p, n and Cohen's d."""

import numpy as np
from scipy.stats import t


def paired_p_value(d_z, n):
    """Two-sided p of the paired t-test of n pairs with effect size d_z: `t = d_z sqrt(n)`."""
    return float(2 * t.sf(abs(d_z) * np.sqrt(n), n - 1))


def paired_effect_size(p_value, n):
    """The `|d_z|` that n pairs must have for a paired t-test to give this two-sided p."""
    return float(t.isf(p_value / 2, n - 1) / np.sqrt(n))


def independent_p_value(d_s, n):
    """Two-sided p of Student's t-test of two groups of n each: `t = d_s sqrt(n / 2)`, 2n - 2 df."""
    return float(2 * t.sf(abs(d_s) * np.sqrt(n / 2), 2 * n - 2))


def pair_correlation(d, d_z):
    """Correlation between paired scores that makes d (`d_av` or `d_s`) and `d_z` agree.

    `r = 1 - d^2 / (2 d_z^2)`, for two groups of equal deviation
    ([Lakens, 2013](https://doi.org/10.3389/fpsyg.2013.00863).
    """
    return 1 - d**2 / (2 * d_z**2)
