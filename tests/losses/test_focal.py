import keras
import numpy as np
import pytest

from dawn_tf.losses import Focal, focal


def reference(labels, p, gamma, alpha):
    """The mean over pixels, in loops."""
    values = []
    for image, probabilities in zip(labels, p, strict=True):
        losses = []
        for i in np.ndindex(image.shape):
            if image[i] != 255:
                q = probabilities[i][image[i]]
                losses.append(alpha[image[i]] * (1 - q) ** gamma * -np.log(q))
        values.append(np.mean(losses) if losses else 0.0)
    return values


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5])
@pytest.mark.parametrize("shape", [(6,), (3, 5), (2, 4, 5)], ids=["rows", "series", "masks"])
def test_matches_the_formula(gamma, shape, random_case, softmax):
    labels, logits = random_case(shape, void=0.2)
    alpha = [1.0, 0.5, 3.0, 0.0]
    got = focal(labels, logits, gamma, alpha, ignore_class=255)
    np.testing.assert_allclose(got, reference(labels, softmax(logits), gamma, alpha), rtol=2e-5)


def test_soft_labels_weigh_the_loss_of_every_class(random_case, softmax):
    _, logits = random_case((3, 4, 5))
    p, y, alpha = softmax(logits), softmax(-2 * logits), np.array([1.0, 0.5, 3.0, 0.0])
    want = -(y * alpha * (1 - p) ** 1.5 * np.log(p)).sum(-1).mean((1, 2))
    got = focal(y.astype("float32"), logits, 1.5, alpha)
    np.testing.assert_allclose(got, want, rtol=2e-5)


def test_gamma_0_is_keras_cross_entropy(random_case):
    labels, logits = random_case((3, 5, 5))
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    np.testing.assert_allclose(
        Focal(gamma=0)(labels, logits), cross_entropy(labels, logits), rtol=1e-6
    )


@pytest.mark.parametrize("gamma", [0.0, 1e-3, 0.5, 0.999, 1.0, 2.0, 10.0])
def test_gradient_is_finite_up_to_certainty_and_right(
    gamma, value_and_gradient, numeric_gradient, softmax
):
    margins = np.array([-1e4, -90, -20, -3, 0, 3, 14, 17, 20, 90, 1e4], "float32")
    logits = np.stack([0 * margins, margins], -1)
    labels = np.ones(len(margins), int)
    _, gradient = value_and_gradient(lambda z: keras.ops.sum(focal(labels, z, gamma)), logits)
    assert np.isfinite(gradient).all()
    moderate = slice(2, 6)

    def loss(z):
        return sum(reference(labels[moderate], softmax(z), gamma, [1, 1]))

    want = numeric_gradient(loss, logits[moderate])
    np.testing.assert_allclose(gradient[moderate], want, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(gradient[-2:], 0, atol=1e-6)
    np.testing.assert_allclose(gradient[0], [1, -1], rtol=1e-6)


@pytest.mark.parametrize("gamma", [-0.1, float("nan"), float("inf")])
def test_impossible_gamma_is_refused(gamma):
    for build in (Focal, lambda gamma: focal([0], [[0.0, 1.0]], gamma)):
        with pytest.raises(ValueError, match="Use 0 for cross-entropy"):
            build(gamma=gamma)
