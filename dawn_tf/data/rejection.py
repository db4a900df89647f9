import numpy as np
import tensorflow as tf

from dawn_tf.data.sampling import ClassAwareSampler, rejection_resample, target_shares


class RejectionSampler:
    """Indices by `tf.data`'s rejection resampling, for comparison with `ClassAwareSampler`.

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

    def dataset(self, start_step=0):
        """Endless `tf.data.Dataset` of int64 scalars, from draw `start_step` on."""
        labels = tf.constant(self.labels, tf.int32)
        numbers = ClassAwareSampler(self.labels, seed=self.seed).dataset()
        return rejection_resample(
            numbers,
            lambda number: tf.gather(labels, number),
            self.target,
            self.class_counts,
            self.seed,
        ).skip(start_step)
