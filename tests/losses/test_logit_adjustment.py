import keras
import numpy as np
import pytest
from keras import ops

from dawn_tf.losses import LogitAdjusted, adjust, logit_adjusted

PRIOR = np.array([0.7, 0.2, 0.06, 0.04])


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(5,), (2, 3, 4)], ids=["rows", "masks"])
def test_matches_the_formula(tau, shape, random_case, softmax):
    labels, logits = random_case(shape, void=0.2)
    p = softmax(logits + tau * np.log(PRIOR))
    want = []
    for image, q in zip(labels, p, strict=True):
        pixels = [i for i in np.ndindex(image.shape) if image[i] != 255]
        want.append(np.mean([-np.log(q[i][image[i]]) for i in pixels]) if pixels else 0.0)
    got = logit_adjusted(labels, logits, PRIOR, tau, ignore_class=255)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_tau_1_is_the_balanced_softmax(random_case):
    labels, logits = random_case((5,))
    weighted = PRIOR * np.exp(logits.astype("float64"))
    want = -np.log(weighted[np.arange(5), labels] / weighted.sum(-1))
    np.testing.assert_allclose(logit_adjusted(labels, logits, PRIOR), want, rtol=1e-5)


def test_without_a_prior_is_keras_cross_entropy(random_case):
    labels, logits = random_case((3, 4, 4), void=0.0)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    want = cross_entropy(labels, logits)
    np.testing.assert_allclose(LogitAdjusted()(labels, logits), want, rtol=1e-6)


def test_class_weights_weigh_the_cross_entropy_of_each_class(random_case, softmax):
    labels, logits = random_case((2, 3, 4))
    weights = np.array([1.0, 0.5, 3.0, 0.0])
    p = np.take_along_axis(softmax(logits), labels[..., None], -1)[..., 0]
    want = (weights[labels] * -np.log(p)).mean((1, 2))
    got = LogitAdjusted(class_weights=weights).call(labels, logits)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_counts_serve_as_prior(random_case):
    labels, logits = random_case((5,))
    np.testing.assert_allclose(
        logit_adjusted(labels, logits, 50 * PRIOR), logit_adjusted(labels, logits, PRIOR), rtol=1e-6
    )


def test_adjust_adds_the_scaled_log_prior():
    logits = np.float32([[1, 2, 3, 4]])
    np.testing.assert_allclose(
        adjust(logits, 10 * PRIOR, 0.5), logits + 0.5 * np.log(PRIOR), rtol=1e-6
    )
    assert adjust(logits) is logits
    half = adjust(ops.cast(logits, "float16"), PRIOR)
    assert keras.backend.standardize_dtype(half.dtype) == "float32"


def test_a_class_without_prior_is_named():
    with pytest.raises(ValueError, match=r"prior\[1\]=0. Drop class 1"):
        LogitAdjusted(prior=[0.5, 0.0, 0.5])
    with pytest.raises(ValueError, match=r"prior\[1\]=0. Drop class 1"):
        adjust(np.zeros((1, 3), "float32"), [0.5, 0.0, 0.5])


@pytest.mark.parametrize("tau", [-1.0, float("nan"), float("inf")])
def test_impossible_tau_is_refused(tau):
    with pytest.raises(ValueError, match="Use 1 for balanced accuracy"):
        LogitAdjusted(tau=tau)
