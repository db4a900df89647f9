"""Tests, effect sizes and corrections, against scipy, statsmodels and hand-worked examples."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests

from dawn_tf.evaluation.statistics import (
    cohens_d,
    hedges_correction,
    holm,
    mcnemar,
    paired_t_test,
    sign_flip_test,
    summarize,
    wilcoxon,
)


def test_summary_by_hand():
    # Mean 3, variance 10 / 4, t(4) at 97.5 % = 2.776445.
    out = summarize([1, 2, 3, 4, 5])
    half = 2.7764451 * np.sqrt(2.5 / 5)
    assert out["n"] == 5 and out["mean"] == 3
    np.testing.assert_allclose(out["deviation"], np.sqrt(2.5))
    np.testing.assert_allclose([out["low"], out["high"]], [3 - half, 3 + half], rtol=1e-7)


def test_seeds_that_split_anew_get_the_wider_interval_of_nadeau_and_bengio():
    # 70 / 15 / 15: 1 / 5 + 15 / 70 instead of 1 / 5.
    x, y = [0.71, 0.74, 0.69, 0.73, 0.75], [0.70, 0.70, 0.68, 0.73, 0.71]
    plain, wide = summarize(x), summarize(x, test_to_train=15 / 70)
    factor = np.sqrt((1 / 5 + 15 / 70) * 5)
    np.testing.assert_allclose(wide["high"] - wide["mean"], factor * (plain["high"] - 0.724))
    t, corrected = paired_t_test(x, y).statistic, paired_t_test(x, y, 15 / 70).statistic
    np.testing.assert_allclose(t / corrected, factor)


@pytest.mark.parametrize("n", [2, 5, 30])
def test_paired_t_is_scipys(n):
    a, b = np.random.default_rng(n).normal([[0.3], [0]], 1, (2, n))
    out, reference = paired_t_test(a, b), stats.ttest_rel(a, b)
    np.testing.assert_allclose([out.statistic, out.p_value], reference, rtol=1e-9)


def test_differences_without_deviation_have_no_t():
    assert paired_t_test([0.1, 0.2], [0.1, 0.2]).p_value == 1
    out = paired_t_test([0.3, 0.2, 0.9], [0.2, 0.1, 0.8])  # Not the same in float64.
    assert np.isnan(out.p_value) and not out.significant()
    assert np.isnan(cohens_d([0.3, 0.2, 0.9], [0.2, 0.1, 0.8], "d_z"))


def test_five_pairs_cannot_be_significant_at_5_percent_by_wilcoxon():
    out = wilcoxon([5, 6, 7, 8, 9], [0, 0, 0, 0, 0])
    assert (out.statistic, out.p_value, out.floor, out.n) == (15, 0.0625, 0.0625, 5)
    assert not out.significant(0.05)
    assert str(out) == ("Wilcoxon signed-rank test, exact: n = 5, p = 0.0625 (floor 0.0625)")
    smallest = min(
        wilcoxon(np.array(signs) * [1, 2, 3, 4, 5], np.zeros(5)).p_value
        for signs in itertools.product([-1, 1], repeat=5)
    )
    assert smallest == 0.0625
    # What the floor needs: 6 pairs for 0.05, 8 for 0.01.
    floors = [wilcoxon(np.arange(1, n + 1), np.zeros(n)).floor for n in range(1, 9)]
    assert floors == [1, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125]
    json.dumps(dataclasses.asdict(out))


@pytest.mark.parametrize("n", [1, 4, 9, 25])
def test_wilcoxon_is_scipys_exact_without_ties(n):
    d = np.random.default_rng(n).normal(0.3, 1, n)
    reference = stats.wilcoxon(d, method="exact").pvalue
    np.testing.assert_allclose(wilcoxon(d, np.zeros(n)).p_value, reference)


def test_wilcoxon_with_ties_and_zeros_by_enumeration():
    rng = np.random.default_rng(0)
    for _ in range(20):
        d = rng.integers(-2, 4, 9).astype(float)
        kept = d[d != 0]
        ranks = stats.rankdata(abs(kept))
        signs = np.array(list(itertools.product([0, 1], repeat=len(kept))))
        sums, observed = signs @ ranks, ranks[kept > 0].sum()
        expected = min(1, 2 * min((sums <= observed).mean(), (sums >= observed).mean()))
        out = wilcoxon(d, np.zeros(9))
        np.testing.assert_allclose(out.p_value, expected)
        assert out.n == len(kept) and out.floor == 2.0 ** (1 - len(kept))


def test_wilcoxon_sees_ties_through_rounding():
    # All differences are 0.1; in float64 they are not alike.
    a, b = [0.3, 0.1, 0.9, 0.7], [0.2, 0.2, 0.8, 0.6]
    assert len(set(np.abs(np.subtract(a, b)))) > 1
    # Ranks 2.5 each, W+ = 7.5; 5 of 16 sign patterns have at least three plus signs.
    out = wilcoxon(a, b)
    assert out.statistic == 7.5
    np.testing.assert_allclose(out.p_value, 2 * 5 / 16)


def test_wilcoxon_of_nothing_but_zeros():
    out = wilcoxon([1, 2], [1, 2])
    assert (out.p_value, out.n, out.floor) == (1, 0, 1)


def test_wilcoxon_of_many_pairs_passes_smoothly_into_the_approximation():
    d = np.random.default_rng(1).normal(0.08, 1, 600)
    np.testing.assert_allclose(
        wilcoxon(d, np.zeros(600)).p_value,
        stats.wilcoxon(d, method="asymptotic", correction=True).pvalue,
    )
    exact = wilcoxon(d[:500], np.zeros(500)).p_value
    np.testing.assert_allclose(
        exact, stats.wilcoxon(d[:500], method="asymptotic").pvalue, rtol=0.01
    )


def test_sign_flips_by_enumeration():
    d = np.array([0.5, 0.3, -0.1, 0.4, 0.2, 0.6])
    flips = np.array(list(itertools.product([-1, 1], repeat=6))) @ d
    out = sign_flip_test(d, np.zeros(6))
    np.testing.assert_allclose(out.p_value, (abs(flips) >= d.sum() - 1e-12).mean())
    assert out.floor == 2.0**-5
    same = [sign_flip_test(np.arange(20.0), np.arange(20.0)[::-1] - 0.5).p_value for _ in "ab"]
    assert same[0] == same[1]


def test_effect_sizes_by_hand():
    a, b = [4, 6, 8, 10], [3, 4, 5, 8]
    # Differences 1, 2, 3, 2: mean 2, variance 2 / 3. Variances of a and b: 20 / 3 and 14 / 3.
    np.testing.assert_allclose(cohens_d(a, b, "d_z"), 2 / np.sqrt(2 / 3))
    np.testing.assert_allclose(
        cohens_d(a, b, "d_av"), 2 / ((np.sqrt(20 / 3) + np.sqrt(14 / 3)) / 2)
    )
    np.testing.assert_allclose(cohens_d(a, b, "d_s"), 2 / np.sqrt((20 / 3 + 14 / 3) / 2))
    # Groups of different sizes: (2 * 1 + 1 * 2) / 3 = 4 / 3.
    np.testing.assert_allclose(cohens_d([1, 2, 3], [0, 2], "d_s"), 1 / np.sqrt(4 / 3))
    t = stats.ttest_ind(a, b).statistic
    np.testing.assert_allclose(cohens_d(a, b, "d_s"), t * np.sqrt(2 / 4))
    np.testing.assert_allclose(cohens_d(a, b, "d_z"), stats.ttest_rel(a, b).statistic / 2)
    with pytest.raises(ValueError, match="Expected formula in .* Name the one"):
        cohens_d(a, b, "d")


def test_hedges_correction_is_its_usual_approximation():
    # 1 - 3 / (4 f - 1); and f = 4 by hand: gamma(2) / (sqrt(2) gamma(3/2)) = sqrt(2 / pi).
    np.testing.assert_allclose(hedges_correction(4), np.sqrt(2 / np.pi))
    for freedom in (8, 30, 200):
        np.testing.assert_allclose(hedges_correction(freedom), 1 - 3 / (4 * freedom - 1), rtol=1e-3)


def test_holm_by_hand_and_as_statsmodels():
    # 4 * 0.005, 3 * 0.01, then 2 * 0.03 = 0.06, and 1 * 0.04 is raised to 0.06.
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    p = np.random.default_rng(0).uniform(0, 0.2, (3, 4))
    reference = multipletests(p.ravel(), method="holm")[1].reshape(3, 4)
    np.testing.assert_allclose(holm(p), reference)
    assert holm([]).shape == (0,)
    with pytest.raises(ValueError, match="Expected p-values in 0..1 without NaN"):
        holm([0.1, np.nan])


def _answers(b, c):
    """Labels and two predictions: `b` where only the first is right, `c` only the second."""
    y = np.zeros(b + c + 10, int)
    first = np.r_[np.zeros(b), np.ones(c), np.zeros(5), np.ones(5)].astype(int)
    second = np.r_[np.ones(b), np.zeros(c), np.zeros(5), np.ones(5) * 2].astype(int)
    return y, first, second


@pytest.mark.parametrize("b, c", [(9, 2), (2, 9), (4, 4), (0, 5), (30, 12)])
def test_mcnemar_as_statsmodels(b, c):
    y, first, second = _answers(b, c)
    table = [[5, b], [c, 5]]
    exact = mcnemar(y, first, second)
    np.testing.assert_allclose(exact.p_value, statsmodels_mcnemar(table, exact=True).pvalue)
    assert (exact.statistic, exact.n) == (b, b + c)
    # Half of the two tails' own terms; two at b = c are one term.
    mid = exact.p_value - (stats.binom.pmf(b, b + c, 0.5) if b != c else 0)
    np.testing.assert_allclose(mcnemar(y, first, second, "mid_p").p_value, mid)
    chi2 = mcnemar(y, first, second, "chi2")
    reference = statsmodels_mcnemar(table, exact=False, correction=True)
    if b != c:  # statsmodels corrects 0 to 1 there.
        np.testing.assert_allclose(
            [chi2.statistic, chi2.p_value], [reference.statistic, reference.pvalue]
        )
    else:
        assert chi2.p_value == 1


@pytest.mark.parametrize("method", ["exact", "mid_p", "chi2"])
def test_the_floor_of_mcnemar_is_reached(method):
    for n in (1, 4, 9):
        out = mcnemar(*_answers(n, 0), method)
        np.testing.assert_allclose(out.p_value, out.floor)
    assert mcnemar(*_answers(0, 0), method).p_value == 1


def test_what_cannot_be_tested_is_refused():
    with pytest.raises(ValueError, match="at least 2 finite scores"):
        summarize([0.5])
    with pytest.raises(ValueError, match="1 of them not finite"):
        paired_t_test([0.5, np.nan, 1], [1, 2, 3])
    with pytest.raises(ValueError, match="Received: 2 and 3. Pair them"):
        wilcoxon([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="classes, not probabilities"):
        mcnemar([0, 1], [[0, 1]], [0, 1])
    with pytest.raises(ValueError, match="Choose before you look"):
        mcnemar([0, 1], [0, 1], [0, 1], "both")
