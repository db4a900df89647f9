"""What two networks that train against each other lose."""

import tensorflow as tf
from keras import ops


def hinge_critic_loss(real, fake):
    """`mean(max(0, 1 - real)) + mean(max(0, 1 + fake))` of scores `(batch,)`.

    After [Lim and Ye, 2017](https://arxiv.org/abs/1705.02894); the generator's loss beside it is
    `-mean(fake)`.
    """
    return ops.mean(ops.relu(1.0 - real)) + ops.mean(ops.relu(1.0 + fake))


def wasserstein_critic_loss(real, fake):
    """`mean(fake) - mean(real)`; the generator's loss beside it is `-mean(fake)`."""
    return ops.mean(fake) - ops.mean(real)


def gradient_penalty(critic, real, fake, mix):
    """`mean((||d critic(x) / dx|| - 1)**2)` between real and fake examples.

    After [Gulrajani et al., 2017](https://arxiv.org/abs/1704.00028), Eq. 3.

    Args:
        critic: Gives a score for each row.
        real, fake: Rows, `(batch, features)`.
        mix: Share of the real row in each `x`, in `[0, 1]`, `(batch, 1)`.
    """
    x = tf.convert_to_tensor(mix * real + (1.0 - mix) * fake)
    with tf.GradientTape() as tape:
        tape.watch(x)
        scores = critic(x)
    slopes = ops.norm(tape.gradient(scores, x), axis=-1)
    return ops.mean(ops.square(slopes - 1.0))
