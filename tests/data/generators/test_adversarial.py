import numpy as np
import tensorflow as tf

from dawn_tf.data.generators.adversarial import (
    gradient_penalty,
    hinge_critic_loss,
    wasserstein_critic_loss,
)

REAL, FAKE = np.float32([2.0, 0.5, -1.0]), np.float32([-3.0, -0.5, 1.0])


def test_critic_losses_by_hand():
    # Margins missed: 0, 0.5, 2 by the real ones, 0, 0.5, 2 by the others.
    np.testing.assert_allclose(hinge_critic_loss(REAL, FAKE), 5 / 3, rtol=1e-6)
    np.testing.assert_allclose(wasserstein_critic_loss(REAL, FAKE), -4 / 3, rtol=1e-6)


def test_gradient_penalty_by_hand():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(2, 4, 3)).astype("float32")
    mix = np.float32([[0.0], [1.0], [0.25], [0.5]])
    between = mix * real + (1 - mix) * fake
    # The slope of |x|^2 / 2 is x.
    want = np.mean((np.linalg.norm(between, axis=1) - 1) ** 2)

    def critic(x):
        return tf.reduce_sum(x**2, axis=1) / 2

    np.testing.assert_allclose(gradient_penalty(critic, real, fake, mix), want, rtol=1e-5)


def test_gradient_penalty_teaches_the_critic():
    """Its gradient passes through the slope: for a critic `w * x` it is `2 (|w| - 1)`."""
    w, x = tf.Variable(3.0), np.ones((5, 1), "float32")
    with tf.GradientTape() as tape:
        penalty = gradient_penalty(lambda x: w * x[:, 0], x, -x, 0.5 * x)
    np.testing.assert_allclose(penalty, 4, rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(penalty, w), 4, rtol=1e-5)
