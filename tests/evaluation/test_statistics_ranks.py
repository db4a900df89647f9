import numpy as np
import pytest
from scipy import stats

from dawn_tf.evaluation.statistics import critical_difference, friedman, rank_groups

# Demsar (2006), Table 6: AUC of four forms of C4.5 on 14 data sets. The 13th row is printed as
# .975 .975 and ranked 2 and 3 there; a last digit makes it so.
AUC = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)
METHODS = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")
TABLE = dict(zip(METHODS, AUC.T, strict=True))


def test_the_example_of_demsar():
    out = rank_groups(TABLE)
    ranks = [out["ranks"][m] for m in METHODS]
    np.testing.assert_allclose(ranks, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    assert list(out["ranks"]) == ["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]
    np.testing.assert_allclose(out["critical_difference"], 1.25, atol=5e-3)
    assert out["groups"] == [["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]]
    # His chi-square, 9.28, makes no allowance for ties.
    plain = 12 * 14 / (4 * 5) * (np.square(ranks).sum() - 4 * 5**2 / 4)
    np.testing.assert_allclose(plain, 9.28, atol=0.005)
    # At 10 % (his Figure 1a): CD 1.12 and two groups.
    out = rank_groups(TABLE, alpha=0.10)
    np.testing.assert_allclose(out["critical_difference"], 1.12, atol=5e-3)
    assert out["groups"] == [["C4.5+m+cf", "C4.5+m", "C4.5+cf"], ["C4.5+cf", "C4.5"]]


@pytest.mark.parametrize("k, q", [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_critical_values_of_demsars_table_5(k, q):
    # CD = q sqrt(k (k + 1) / (6 N)); the printed values are cut to three digits.
    scale = np.sqrt(k * (k + 1) / (6 * 20))
    np.testing.assert_allclose(critical_difference(k, 20) / scale, q, atol=1e-3)


def test_friedman_is_scipys_in_the_form_of_iman_and_davenport():
    chi2 = stats.friedmanchisquare(*AUC.T).statistic
    out = friedman(TABLE)
    expected = 13 * chi2 / (14 * 3 - chi2)
    np.testing.assert_allclose(out.statistic, expected)
    np.testing.assert_allclose(out.p_value, stats.f.sf(expected, 3, 39))


def test_friedman_of_full_agreement_and_of_none():
    # Two data sets, three methods in the same order: chance 1 / 3! of it.
    out = friedman({"a": [3, 3], "b": [2, 2], "c": [1, 1]})
    np.testing.assert_allclose([out.p_value, out.floor], 1 / 6)
    assert not out.significant()
    assert friedman({"a": [1, 2], "b": [1, 2]}).p_value == 1


def test_lower_can_be_better_and_groups_can_be_none():
    rng = np.random.default_rng(0)
    table = {name: i + 0.1 * rng.random(60) for i, name in enumerate("abc")}
    assert list(rank_groups(table)["ranks"]) == ["c", "b", "a"]
    out = rank_groups(table, higher_is_better=False)
    assert out["ranks"] == {"a": 1, "b": 2, "c": 3} and out["groups"] == []


def test_ragged_tables_are_refused():
    with pytest.raises(ValueError, match=r"shapes \[\(2,\), \(3,\)\] of \['a', 'b'\]"):
        rank_groups({"a": [1, 2], "b": [1, 2, 3]})
