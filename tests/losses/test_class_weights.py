import numpy as np
import pytest

from dawn_tf.losses import effective_number_weights, prior_from_counts

COUNTS = [5000, 400, 30, 1]


def test_matches_the_formula_with_mean_1():
    weights = effective_number_weights(COUNTS, beta=0.999)
    # The effective number is the sum of a geometric series.
    raw = [1 / sum(0.999**i for i in range(n)) for n in COUNTS]
    np.testing.assert_allclose(weights, np.divide(raw, np.mean(raw)), rtol=1e-9)
    assert weights.dtype == np.float64


def test_limits_are_equal_weights_and_inverse_frequencies():
    np.testing.assert_array_equal(effective_number_weights(COUNTS, beta=0), np.ones(4))
    inverse = 1 / np.array(COUNTS)
    got = effective_number_weights(COUNTS, beta=1 - 1e-9)
    np.testing.assert_allclose(got, inverse / inverse.mean(), rtol=1e-5)


def test_prior_is_the_share_of_each_class():
    np.testing.assert_allclose(prior_from_counts([3, 1, 4]), [3 / 8, 1 / 8, 4 / 8])


@pytest.mark.parametrize("function", [effective_number_weights, prior_from_counts])
def test_impossible_counts_are_refused(function):
    with pytest.raises(ValueError, match=r"counts\[1\]=0. Add examples of class 1"):
        function([5, 0, 3])
    for counts in ([[1, 2]], [1, float("nan")]):
        with pytest.raises(ValueError, match=r"np\.bincount"):
            function(counts)


@pytest.mark.parametrize("beta", [-0.1, 1.0, float("nan")])
def test_impossible_beta_is_refused(beta):
    with pytest.raises(ValueError, match="Expected 0 <= beta < 1"):
        effective_number_weights(COUNTS, beta)
