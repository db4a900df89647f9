import json

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from dawn_tf.calibration import (
    SCALINGS,
    BiasCorrectedScaling,
    DirichletScaling,
    TemperatureScaling,
    VectorScaling,
)


def sample(n, num_classes=3, truth=None, seed=0):
    """Probabilities of a model, and labels drawn from `truth` of its logits."""
    rng = np.random.default_rng(seed)
    z = rng.normal(scale=2.0, size=(n, num_classes))
    p = softmax(z if truth is None else truth(z), axis=1)
    y = (p.cumsum(1) > rng.uniform(size=(n, 1))).argmax(1)
    return softmax(z, axis=1), y


def log_loss(p, y):
    return -np.log(p[np.arange(len(y)), y]).mean()


def test_temperature_is_that_of_a_search_over_all():
    p, y = sample(4000, truth=lambda z: z / 2.5)
    fitted = TemperatureScaling().fit(p, y)
    tried = np.linspace(1.0, 5.0, 4001)
    losses = [-log_softmax(np.log(p) / t, axis=1)[np.arange(len(y)), y].mean() for t in tried]
    assert fitted.temperature == pytest.approx(tried[np.argmin(losses)], abs=2e-3)
    assert fitted.temperature == pytest.approx(2.5, abs=0.15)
    np.testing.assert_array_equal(fitted.transform(p).argmax(1), p.argmax(1))


def test_dirichlet_without_penalty_is_logistic_regression_on_log_probabilities():
    p, y = sample(2000, truth=lambda z: z @ np.array([[1, 0.5, 0], [0, 0.7, 0], [0.3, 0, 1]]))
    ours = DirichletScaling(off_diagonal=0.0, intercept=0.0).fit(p, y).transform(p)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(np.log(p), y)
    np.testing.assert_allclose(ours, theirs.predict_proba(np.log(p)), atol=2e-3)


def test_vector_scaling_recovers_slopes_and_offsets():
    slope, offset = np.array([0.5, 1.0, 1.5]), np.array([0.8, 0.0, -0.8])
    p, y = sample(100_000, truth=lambda z: log_softmax(z, axis=1) * slope + offset)
    fitted = VectorScaling().fit(p, y)
    np.testing.assert_allclose(np.diagonal(fitted.matrix), slope, atol=0.05)
    # Offsets are known up to a constant.
    np.testing.assert_allclose(fitted.bias - fitted.bias.mean(), offset, atol=0.05)


@pytest.mark.parametrize("kind", SCALINGS.values())
def test_the_fit_cannot_be_bettered_nearby(kind):
    p, y = sample(500, truth=lambda z: z / 2)
    fitted = kind().fit(p, y)

    def objective(matrix, bias):
        penalty, _ = fitted._penalty(matrix, bias)
        return log_loss(softmax(np.log(p) @ matrix.T + bias, axis=1), y) + penalty

    best = objective(fitted.matrix, fitted.bias)
    rng = np.random.default_rng(0)
    for _ in range(20):
        step = fitted._unpack(1e-2 * rng.normal(size=fitted._pack_start(3).shape), 3)
        assert objective(fitted.matrix + step[0], fitted.bias + step[1]) > best - 1e-9


def test_the_penalty_holds_the_matrix_to_its_diagonal():
    p, y = sample(300, truth=lambda z: z @ np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1.0]]))
    free, held = (DirichletScaling(strength, 0.0).fit(p, y).matrix for strength in (0.0, 1e4))
    off = ~np.eye(3, dtype=bool)
    assert np.abs(free[off]).max() > 0.3
    assert np.abs(held[off]).max() < 1e-3


@pytest.mark.parametrize("kind", SCALINGS.values())
def test_state_survives_json(kind):
    p, y = sample(200)
    fitted = kind().fit(p, y)
    revived = kind.from_config(json.loads(json.dumps(fitted.get_config())))
    np.testing.assert_array_equal(revived.transform(p), fitted.transform(p))


def test_probabilities_of_0_stay_finite():
    p = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    y = np.array([0, 1, 1, 0])
    for kind in SCALINGS.values():
        out = kind().fit(p, y).transform(p)
        assert np.isfinite(out).all()
        np.testing.assert_allclose(out.sum(1), 1.0)


@pytest.mark.parametrize(
    "p, y, message",
    [
        (np.ones((2, 2)) / 2, np.array([0, 2]), "labels 0..2"),
        (np.full((2, 2), np.nan), np.array([0, 1]), "probabilities nan..nan"),
        (np.ones((2, 2)) / 2, np.array([0.0, 1.0]), "float64"),
    ],
)
def test_unusable_data_is_refused(p, y, message):
    with pytest.raises(ValueError, match=message):
        TemperatureScaling().fit(p, y)


def test_an_unfitted_map_is_refused():
    with pytest.raises(ValueError, match="Expected a fitted VectorScaling"):
        VectorScaling().transform(np.ones((1, 2)) / 2)


def test_bias_correction_recovers_one_slope_and_the_offsets():
    offset = np.array([0.8, 0.0, -0.8])
    p, y = sample(100_000, truth=lambda z: log_softmax(z, axis=1) * 0.6 + offset)
    fitted = BiasCorrectedScaling(intercept=0.0).fit(p, y)
    np.testing.assert_allclose(fitted.matrix, 0.6 * np.eye(3), atol=0.03)
    np.testing.assert_allclose(fitted.bias - fitted.bias.mean(), offset, atol=0.05)
