import json

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from dawn_tf.calibration import ClassConditionalConformal, coverage


def test_the_quantile_by_hand():
    # Class 0 has 9 examples, 1 - p = 0.1 .. 0.9: rank ceil(10 * 0.8) = 8, so 0.8.
    # Class 1 has 3, and ceil(4 * 0.8) = 4 is more than there are: always in.
    p0 = 1 - np.arange(1, 10) / 10
    p = np.concatenate([np.stack([p0, 1 - p0], 1), np.full((3, 2), 0.5)])
    y = np.array([0] * 9 + [1] * 3)
    fitted = ClassConditionalConformal(alpha=0.2).fit(p, y)
    np.testing.assert_allclose(fitted.quantiles, [0.8, np.inf])
    sets = fitted.predict([[0.25, 0.75], [0.15, 0.85]])
    np.testing.assert_array_equal(sets, [[True, True], [False, True]])


def test_coverage_by_hand():
    sets = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 0]], bool)
    out = coverage(sets, np.array([0, 1, 1, 1]))
    np.testing.assert_allclose(out, [1.0, 2 / 3, np.nan])


def test_every_class_of_real_digits_is_covered():
    x, y = load_digits(return_X_y=True)
    # Long-tailed training, so that rare classes are hard; exchangeable parts after it.
    rng = np.random.default_rng(0)
    shuffled = rng.permutation(len(y))
    x, y = x[shuffled], y[shuffled]
    train = np.concatenate([np.flatnonzero(y[:600] == c)[: 40 // (c + 1) + 2] for c in range(10)])
    model = LogisticRegression(C=1e-3, max_iter=300).fit(x[train], y[train])
    p, y = model.predict_proba(x[600:]), y[600:]
    covered, marginal = [], []
    for _ in range(200):
        order = rng.permutation(len(y))
        first, second = order[: len(y) // 2], order[len(y) // 2 :]
        sets = ClassConditionalConformal(alpha=0.1).fit(p[first], y[first]).predict(p[second])
        covered.append(coverage(sets, y[second]))
        # Without classes: one quantile for all.
        scores = np.sort(1 - p[first, y[first]])
        q = scores[int(np.ceil((len(first) + 1) * 0.9)) - 1]
        marginal.append(coverage(1 - p[second] <= q, y[second]))
    means = np.mean(covered, 0)
    # Between 1 - alpha and 1 - alpha + 1 / (n_c + 1), n_c being about 59, and noise of 0.01.
    assert (means > 0.89).all() and (means < 0.935).all()
    assert np.mean(marginal, 0).min() < 0.85  # What class-conditional sets are for.


def test_state_survives_json():
    p = np.random.default_rng(0).dirichlet([1, 1, 1], 40)
    y = np.array([0] * 30 + [1] * 9 + [2])
    fitted = ClassConditionalConformal(0.1).fit(p, y)
    revived = ClassConditionalConformal.from_config(json.loads(json.dumps(fitted.get_config())))
    np.testing.assert_array_equal(revived.predict(p), fitted.predict(p))
    assert revived.quantiles[2] == np.inf


def test_alpha_is_checked():
    with pytest.raises(ValueError, match="Expected 0 < alpha < 1"):
        ClassConditionalConformal(1.0)
