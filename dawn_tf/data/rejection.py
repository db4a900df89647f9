"""Class-aware sampling of streams, which have no index: by leaving examples out."""

import warnings

import numpy as np
import tensorflow as tf

from dawn_tf.data.sampling import ClassAwareSampler
from dawn_tf.data.shares import target_shares
from dawn_tf.data.stateless import uniform


def rejection_resample(dataset, class_of, target, class_counts, seed=0):
    """Resamples a stream, which has no index, towards target shares by leaving examples out.

    With `p` the shares of the stream and `q` the target, an example of class c stays with
    probability `(q_c / p_c) / max(q / p)`, so `1 / max(q / p)` of the stream is kept.
    Everything left out is read all the same: where the data has a length, `ClassAwareSampler`
    gives the same shares without.

    Args:
        dataset: Unbatched `tf.data.Dataset` of tuples.
        class_of: Function from the components of an example to its integer class.
        target: See `target_shares`.
        class_counts: Examples per class in the stream, `(C,)`; except for target "effective" their
            shares will do.
        seed: Integer; decides which examples stay, by their number in the stream.

    Returns: `tf.data.Dataset` of the same elements, in order. Warns if it drops more than 90 %.
    """
    counts = np.asarray(class_counts, "float64")
    ratio = target_shares(counts, target) / np.maximum(counts / counts.sum(), 1e-300)
    kept = 1 / ratio.max()
    if kept < 0.1:
        warnings.warn(
            f"Rejection keeps {kept:.1%} of this stream: for each example kept it reads "
            f"{1 / kept:.0f}. Where the data has a length, ClassAwareSampler gives the same shares "
            "and reads only what it draws.",
            stacklevel=2,
        )
    # Not Dataset.rejection_resample: it mixes two readings of the stream, so that one pass repeats
    # some examples; its iterator cannot be saved, and it prints to stderr.
    accept = tf.constant(ratio * kept)

    def stays(number, example):
        return uniform(seed, number) < tf.gather(accept, class_of(*example))

    return dataset.enumerate().filter(stays).map(lambda _, example: example)


class RejectionSampler:
    """Indices by rejection resampling, for comparison with `ClassAwareSampler`.

    Reads every example once an epoch in random order and leaves out what exceeds the target
    shares. The shares hold on average, not exactly; resuming at step n draws the first n again.

    Args:
        labels: Class number of each example, `(N,)`.
        target: See `target_shares`.
        seed: Integer.
    """

    replica = 0
    num_replicas = 1

    def __init__(self, labels, target="balanced", seed=0):
        self.labels = np.asarray(labels)
        self.target = target
        self.seed = seed
        self.class_counts = np.bincount(self.labels)

    @property
    def prior(self):
        """Expected share of each class, float64 `(C,)`, sum 1."""
        return target_shares(self.class_counts, self.target)

    def shares(self, epoch):
        """`prior`, in every epoch."""
        return self.prior

    def dataset(self, start_step=0):
        """Endless `tf.data.Dataset` of int64 scalars, from draw `start_step` on."""
        labels = tf.constant(self.labels, tf.int32)
        numbers = ClassAwareSampler(self.labels, seed=self.seed).dataset()
        kept = rejection_resample(
            numbers.map(lambda number: (number,)),
            lambda number: tf.gather(labels, number),
            self.target,
            self.class_counts,
            self.seed,
        )
        return kept.map(lambda number: number).skip(start_step)

    def batches(self, batch_size, start_step=0):
        """`dataset` in batches, int64 `(batch_size,)`, from batch `start_step` on."""
        return self.dataset(start_step * batch_size).batch(batch_size, drop_remainder=True)
