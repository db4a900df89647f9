import numpy as np
import tensorflow as tf

from dawn_tf.data.passes import count_up, draw_in_passes, row_numbers
from dawn_tf.data.stateless import random_integers


def reference(members, counts, quota, done, seed):
    drawn, first = [], 0
    for c, n in enumerate(counts):
        for r in range(done[c], done[c] + quota[c]):
            order = np.argsort(random_integers(38, seed, c, r // n, np.arange(n)))
            drawn.append(members[first + order[r % n]])
        first += n
    return drawn


def test_draws_are_those_of_a_loop():
    counts = np.array([5, 0, 3, 1])
    members = np.array([2, 3, 5, 7, 8, 0, 1, 6, 4])
    for quota, done in [
        ([5, 0, 3, 1], [0] * 4),
        ([3, 0, 10, 4], [4, 0, 7, 9]),
        ([0, 0, 1, 0], [3, 0, 2, 0]),
    ]:
        drawn = draw_in_passes(
            members, counts, tf.constant(quota, tf.int64), tf.constant(done, tf.int64), 7
        )
        np.testing.assert_array_equal(drawn, reference(members, counts, quota, done, 7))


def test_numbering_by_hand():
    sizes = tf.constant([2, 0, 3], tf.int64)
    np.testing.assert_array_equal(row_numbers(sizes), [0, 0, 2, 2, 2])
    np.testing.assert_array_equal(count_up(sizes), [0, 1, 0, 1, 2])
