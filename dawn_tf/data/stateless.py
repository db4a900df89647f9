"""Random numbers that are a function of their keys alone, one per element of a tensor.

`tf.random.stateless_uniform` takes one seed per call; here each element has its own (an example
number, say), so the result does not depend on what else is in the batch.
`tf.raw_ops.RandomIndexShuffle` takes vectors of seeds, but gives the same 256 permutations over
and over for seeds that differ by one.
"""

import tensorflow as tf

_GOLDEN = 0x9E3779B97F4A7C15


def random_bits(*keys):
    """64 random bits per element, keyed by integers that broadcast against each other.

    The keys are folded one after the other through the output function of SplitMix64,
    [Steele et al., 2014](https://doi.org/10.1145/2660193.2660195).

    Returns: uint64 tensor of the broadcast shape.
    """
    bits = tf.constant(0, tf.uint64)
    for key in keys:
        key = tf.cast(tf.convert_to_tensor(key, tf.int64), tf.uint64)
        bits = _mix(bits + (key + 1) * tf.constant(_GOLDEN, tf.uint64))
    return bits


def random_integers(num_bits, *keys):
    """Int64 numbers in [0, 2 ** num_bits), `num_bits <= 63`, keyed like `random_bits`."""
    return tf.cast(_shift_right(random_bits(*keys), 64 - num_bits), tf.int64)


def uniform(*keys):
    """Float64 numbers in [0, 1), keyed like `random_bits`."""
    return tf.cast(random_integers(53, *keys), tf.float64) * 2.0**-53


def _mix(bits):
    bits = (bits ^ _shift_right(bits, 30)) * tf.constant(0xBF58476D1CE4E5B9, tf.uint64)
    bits = (bits ^ _shift_right(bits, 27)) * tf.constant(0x94D049BB133111EB, tf.uint64)
    return bits ^ _shift_right(bits, 31)


def _shift_right(bits, by):
    return tf.bitwise.right_shift(bits, tf.constant(by, tf.uint64))
