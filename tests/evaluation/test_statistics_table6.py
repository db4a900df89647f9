"""The paper's Table 6 (CIFAR-100-LT, DAWN against SegFormer-B3, five runs) by its own numbers."""

import numpy as np
import pytest

from dawn_tf.evaluation.statistics import (
    cohens_d,
    independent_p_value,
    pair_correlation,
    paired_effect_size,
    paired_p_value,
    paired_t_test,
    wilcoxon,
)

PRINTED = {"macro_f1": (0.003, 1.12), "balanced_accuracy": (0.004, 1.05), "pr_auc": (0.001, 1.28)}
RUNS = 5


def test_the_arithmetic_agrees_with_real_pairs():
    rng = np.random.default_rng(0)
    a, b = rng.normal([[0.5], [0]], 1, (2, RUNS))
    d_z, out = cohens_d(a, b, "d_z"), paired_t_test(a, b)
    np.testing.assert_allclose(paired_p_value(d_z, RUNS), out.p_value)
    np.testing.assert_allclose(paired_effect_size(out.p_value, RUNS), abs(d_z))
    # Correlated pairs of equal deviation: d_z = d / sqrt(2 (1 - r)).
    x = np.array([1.0, 2, 3, 4, 5])
    y = x[[1, 0, 2, 4, 3]] - 2
    r = np.corrcoef(x, y)[0, 1]
    implied = pair_correlation(cohens_d(x, y, "d_s"), cohens_d(x, y, "d_z"))
    np.testing.assert_allclose(implied, r)


@pytest.mark.parametrize(
    "metric, p_of_d, d_of_p, correlation, unpaired",
    [
        ("macro_f1", 0.066, 2.88, 0.92, 0.115),
        ("balanced_accuracy", 0.079, 2.66, 0.92, 0.135),
        ("pr_auc", 0.046, 3.85, 0.94, 0.078),
    ],
)
def test_p_and_d_contradict_each_other_for_five(metric, p_of_d, d_of_p, correlation, unpaired):
    p, d = PRINTED[metric]
    np.testing.assert_allclose(paired_p_value(d, RUNS), p_of_d, atol=5e-4)
    np.testing.assert_allclose(paired_effect_size(p, RUNS), d_of_p, atol=5e-3)
    np.testing.assert_allclose(pair_correlation(d, d_of_p), correlation, atol=5e-3)
    # Rounding of the printed values does not mend it, nor does a one-sided test.
    assert paired_p_value(d + 0.005, RUNS) / 2 > p + 0.0005
    assert paired_p_value(d, RUNS) > 0.01
    # Nor does an unpaired test of five runs each.
    np.testing.assert_allclose(independent_p_value(d, RUNS), unpaired, atol=5e-4)


@pytest.mark.parametrize(
    "test, runs",
    [
        (paired_p_value, 12),
        (lambda d, n: paired_p_value(d, n) / 2, 10),  # One-sided.
        (independent_p_value, 17),
    ],
)
def test_the_rows_agree_with_each_other_for_other_numbers_of_runs(test, runs):
    # p and d as printed, each within its rounding.
    fitting = [
        n
        for n in range(2, 200)
        if all(
            test(d - 0.005, n) >= p - 0.0005 and test(d + 0.005, n) <= p + 0.0005
            for p, d in PRINTED.values()
        )
    ]
    assert fitting == [runs]


def test_the_wilcoxon_test_of_section_4_2_cannot_give_its_p():
    best = wilcoxon(np.arange(1.0, RUNS + 1), np.zeros(RUNS))
    assert best.p_value == best.floor == 0.0625
    assert not best.significant(0.05) and not best.significant(0.01)
    assert best.floor / 2 == 0.03125  # One-sided.


def test_macro_f1_needs_a_deviation_that_the_paper_does_not_print():
    # 41.3 - 37.4 = 3.9 points: p = 0.003 asks for a deviation of the differences of 1.36, d = 1.12
    # for one of 3.48.
    np.testing.assert_allclose(3.9 / paired_effect_size(0.003, RUNS), 1.36, atol=5e-3)
    np.testing.assert_allclose(3.9 / 1.12, 3.48, atol=5e-3)
