import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from dawn_tf.calibration import correct_prior, estimate_prior


def test_bayes_by_hand():
    # A test that finds 9 of 10 sick among equal numbers, used where 1 in 100 is sick:
    # 0.9 * 0.01 / (0.9 * 0.01 + 0.1 * 0.99) = 1/12.
    out = correct_prior([[0.1, 0.9]], [0.5, 0.5], [0.99, 0.01])
    np.testing.assert_allclose(out, [[11 / 12, 1 / 12]])


def test_counts_do_for_shares_and_any_rank():
    p = np.random.default_rng(0).dirichlet([1, 1, 1], size=(2, 4))
    out = correct_prior(p, [10, 20, 70], [1, 1, 1])
    expected = p / np.array([0.1, 0.2, 0.7])
    np.testing.assert_allclose(out, expected / expected.sum(-1, keepdims=True))


def posterior(x, prior):
    density = np.stack([norm.pdf(x, 0), norm.pdf(x, 2.5)], 1) * prior
    return density / density.sum(1, keepdims=True)


def test_the_estimate_is_of_maximum_likelihood():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 1, 900), rng.normal(2.5, 1, 100)])
    estimate = estimate_prior(posterior(x, [0.5, 0.5]), [0.5, 0.5], tolerance=1e-12)

    def negative_likelihood(share):
        return -np.log((1 - share) * norm.pdf(x, 0) + share * norm.pdf(x, 2.5)).sum()

    best = minimize_scalar(negative_likelihood, bounds=(1e-6, 1 - 1e-6), method="bounded")
    assert estimate[1] == pytest.approx(best.x, abs=1e-4)
    assert estimate[1] == pytest.approx(0.1, abs=0.04)


def test_unusable_shares_are_refused():
    with pytest.raises(ValueError, match="trained_prior"):
        correct_prior([[0.5, 0.5]], [1.0, 0.0], [0.5, 0.5])
