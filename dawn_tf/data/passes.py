"""Draws of a class in passes: every example once, in random order, before any comes again."""

import numpy as np
import tensorflow as tf

from dawn_tf.data.stateless import random_integers


def draw_in_passes(members, counts, quota, done, seed):
    """Examples at draws `done_c .. done_c + quota_c - 1` of each class c, class after class.

    Draw r of a class of n is its example number `permutation(seed, c, r // n)[r % n]`. Nothing is
    remembered from one call to the next; a call takes memory proportional to the examples of the
    passes that it touches.

    Args:
        members: The examples class after class, int64 `(N,)`.
        counts: Examples per class, int64 `(C,)`.
        quota: Draws per class, int64 tensor `(C,)`; 0 for a class without examples.
        done: Draws per class before these, int64 tensor `(C,)`.
        seed: Integer.

    Returns: int64 tensor, `(sum(quota),)`.
    """
    n = tf.constant(np.maximum(counts, 1))
    first_pass = done // n
    passes = tf.where(quota > 0, (done + quota - 1) // n - first_pass + 1, 0)
    # One row per pass of one class, then one entry per example in it.
    class_of_row = row_numbers(passes)
    pass_of_row = tf.gather(first_pass, class_of_row) + count_up(passes)
    size_of_row = tf.gather(n, class_of_row)
    row = row_numbers(size_of_row)
    key = random_integers(
        38, seed, tf.gather(class_of_row, row), tf.gather(pass_of_row, row), count_up(size_of_row)
    )
    # Sorts each row by its key: the row number fills the upper bits.
    entries = tf.argsort(row * 2**38 + key)
    # Passes over what was drawn before and leaves what will be drawn later.
    begin = tf.cumsum(passes * n, exclusive=True) + done - first_pass * n
    entry = tf.gather(begin, row_numbers(quota)) + count_up(quota)
    # An entry number less its row's first is a place in the class.
    shift = tf.gather(tf.constant(np.cumsum(counts) - counts), class_of_row)
    shift -= tf.cumsum(size_of_row, exclusive=True)
    member = tf.cast(tf.gather(entries, entry), tf.int64) + tf.gather(shift, tf.gather(row, entry))
    return tf.gather(tf.constant(members), member)


def row_numbers(sizes):
    """`[0] * sizes[0] + [1] * sizes[1] + ...`, int64."""
    # tf.repeat takes len(sizes) * max(sizes) of memory.
    ends = tf.cumsum(sizes)
    return tf.searchsorted(ends, tf.range(ends[-1]), side="right", out_type=tf.int64)


def count_up(sizes):
    """`[0 .. sizes[0] - 1, 0 .. sizes[1] - 1, ...]`, int64."""
    return tf.ragged.range(sizes).flat_values
