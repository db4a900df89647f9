import numpy as np
import tensorflow as tf

from dawn_tf.data.generators.differentiable_augment import augment, inside, shift_matrix


def test_shifts_move_rows_over_black():
    matrices = np.asarray(shift_matrix(np.float32([0.0, 0.5, 0.99]), 16))
    rows = np.arange(1.0, 17.0)
    np.testing.assert_array_equal(matrices[0] @ rows, [*rows[2:], 0, 0])
    np.testing.assert_array_equal(matrices[1] @ rows, rows)
    np.testing.assert_array_equal(matrices[2] @ rows, [0, 0, *rows[:-2]])


def test_stretches_cover_half_or_reach_out():
    lengths = np.asarray(inside(np.float32([0.0, 0.5, 0.999]), 8)).sum(1)
    np.testing.assert_array_equal(lengths, [2, 4, 2])


def test_an_image_by_hand():
    """Brightened by 0.25, one row down, a square of half of its sides grey."""
    image = np.random.default_rng(0).uniform(-1, 1, (1, 8, 8, 2)).astype("float32")
    noise = np.float32([[0.75, 0.99, 0.5, 0.5, 0.5]])
    want = np.full((8, 8, 2), -1, "float32")
    want[1:] = image[0, :-1] + 0.25
    want[2:6, 2:6] = 0
    np.testing.assert_allclose(np.asarray(augment(image, noise))[0], want, atol=1e-6)


def test_gradients_pass_to_what_is_seen():
    image = tf.Variable(np.zeros((1, 8, 8, 1), "float32"))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(augment(image, np.float32([[0.5, 0.99, 0.5, 0.5, 0.5]])))
    seen = np.ones((8, 8))
    seen[1:5, 2:6] = 0  # Under the square, a row further up before the shift.
    seen[-1] = 0  # Shifted out.
    np.testing.assert_array_equal(np.asarray(tape.gradient(total, image))[0, ..., 0], seen)
