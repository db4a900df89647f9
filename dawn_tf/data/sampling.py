"""Which example comes next: class-aware sampling by index."""

import dataclasses

import numpy as np
import tensorflow as tf

from dawn_tf.data.passes import count_up, draw_in_passes, row_numbers
from dawn_tf.data.shares import (
    raise_to_minimum,
    scheduled_shares,
    systematic_counts,
    target_shares,
)
from dawn_tf.data.stateless import random_integers

# So many draws have the target's shares to within a few draws, however short an epoch is.
_PERIOD_DRAWS = 2**17
_GOLDEN_RATIO = (5**0.5 - 1) / 2


@dataclasses.dataclass(frozen=True, eq=False)
class Realised:
    """What a sampler has drawn; every attribute is an array with one value per class.

    Attributes:
        draws: Draws, int64.
        shares: Share of all draws, float64.
        fewest, mean, most: Times that an example of the class was drawn: the least drawn one,
            their average, the most drawn one. `most` is at most one above `fewest`.
    """

    draws: np.ndarray
    shares: np.ndarray
    fewest: np.ndarray
    mean: np.ndarray
    most: np.ndarray


class ClassAwareSampler:
    """An endless stream of example indices in which each class has exactly its share.

    The stream is cut into epochs of `epoch_length` draws. In each, class c is drawn its target
    share of times, rounded down in some epochs and up in others so that the mean is the share, in
    random order; and every example of a class is drawn before any is drawn again: with target
    "instance" an epoch is each example once. Draw number r of class c over the whole stream is
    `member_c[permutation(seed, c, r // n_c)[r % n_c]]`, so that nothing has to be remembered:
    the stream is a function of `seed`, starts at any step, and takes memory proportional to the
    number of examples.

    With `at_least`, every batch `k`, the draws `k * batch_size .. (k + 1) * batch_size - 1` of the
    one stream of all replicas, holds that many examples of each class named. Shares below
    `at_least / batch_size` are raised to it at the expense of the others
    (`shares.raise_to_minimum`); `shares` and `prior` are those after. What exceeds the minimum is
    spread over the batches at random.

    Args:
        labels: Class number of each example, `(N,)`.
        target: See `shares.target_shares`; an array has one share per class.
        schedule: "constant", "progressive" or "deferred"; see `shares.scheduled_shares`.
        seed: Integer.
        replica: Number of this reader, `0 <= replica < num_replicas`. Reader k takes the
            positions `step * num_replicas + k` of the one stream.
        num_replicas: Number of readers.
        epoch_length: Draws per epoch over all readers. Defaults to the number of examples, or
            more where a class would otherwise be drawn less than once; with `at_least` it is a
            multiple of `batch_size`.
        schedule_epochs: T of the schedule; "constant" does without.
        beta, threshold: See `shares.target_shares`.
        at_least: `{class: examples in every batch}`, or `None`.
        batch_size: Examples per batch over all readers; goes with `at_least`.

    Raises: `ValueError` for arguments outside these ranges.
    """

    def __init__(
        self,
        labels,
        target="instance",
        schedule="constant",
        seed=0,
        replica=0,
        num_replicas=1,
        epoch_length=None,
        schedule_epochs=None,
        beta=0.999,
        threshold=None,
        at_least=None,
        batch_size=None,
    ):
        labels = np.asarray(labels)
        _check_arguments(labels, replica, num_replicas)
        self.labels = labels
        self.target = target
        self.schedule = schedule
        self.seed = seed
        self.replica = replica
        self.num_replicas = num_replicas
        self.schedule_epochs = schedule_epochs
        self.at_least = at_least
        self.batch_size = batch_size
        num_classes = labels.max() + 1 if isinstance(target, str) else len(target)
        self.class_counts = np.bincount(labels, minlength=num_classes)
        plan = scheduled_shares(
            self.class_counts / len(labels),
            target_shares(self.class_counts, target, beta, threshold),
            schedule,
            schedule_epochs,
        )
        self._minimum = _minimum(at_least, batch_size, self.class_counts, num_replicas)
        unit = 1
        if at_least is not None:
            plan = np.stack([raise_to_minimum(row, self._minimum, batch_size) for row in plan])
            unit = batch_size
        # Below this length the rarest class would get no draw in some epoch.
        needed = int(np.ceil(1 / plan[plan > 0].min() - 1e-6))
        default = -(-max(len(labels), needed) // unit) * unit
        self.epoch_length = default if epoch_length is None else epoch_length
        if self.epoch_length < needed or self.epoch_length % unit:
            raise ValueError(
                f"Expected an epoch in which every class is drawn. Received: epoch_length="
                f"{epoch_length}. Choose at least {needed}"
                + (f", a multiple of batch_size={unit}." if unit > 1 else ".")
            )
        # Draws per class in each epoch of the schedule, then in each of a period that repeats.
        self._scheduled = len(plan) - 1
        self._period = -(-_PERIOD_DRAWS // self.epoch_length)
        plan = np.concatenate([plan[:-1], np.tile(plan[-1], (self._period, 1))])
        reserved = self._minimum * (self.epoch_length // unit)
        offsets = (0.5 + _GOLDEN_RATIO * np.arange(len(plan))) % 1
        free = np.maximum(plan * self.epoch_length - reserved, 0)
        self._quotas = reserved + systematic_counts(free, offsets)

    def shares(self, epoch):
        """Realised share of each class in that epoch, float64 `(C,)`, sum 1."""
        row = min(epoch, self._scheduled + (epoch - self._scheduled) % self._period)
        return self._quotas[row] / self.epoch_length

    @property
    def prior(self):
        """Realised share of each class, for a loss that corrects for it.

        Raises: `ValueError` unless the schedule is "constant"; `shares(epoch)` gives the others.
        """
        if self.schedule != "constant":
            raise ValueError(
                f"Expected schedule='constant', the only one with one prior. Received: "
                f"schedule={self.schedule!r}. Use shares(epoch)."
            )
        return self._quotas.mean(axis=0) / self.epoch_length

    def realised(self, num_draws):
        """`Realised` of the first `num_draws >= 1` draws of the one stream of all readers.

        Costs the order of one epoch, however many there were.
        """
        epoch, rest = divmod(num_draws, self.epoch_length)
        with tf.device("cpu:0"):
            quota, draws = (part.numpy() for part in self._of_epoch(tf.constant(epoch, tf.int64)))
            if rest:
                places = self._places(tf.constant(epoch, tf.int64), tf.constant(quota)).numpy()
                classes = np.repeat(np.arange(len(quota)), quota)
                draws = draws + np.bincount(classes[places < rest], minlength=len(quota))
        n = np.maximum(self.class_counts, 1)
        return Realised(draws, draws / num_draws, draws // n, draws / n, -(-draws // n))

    def dataset(self, start_step=0):
        """Endless `tf.data.Dataset` of int64 scalars: this reader's draws from `start_step` on.

        Args:
            start_step: Draws of this reader to pass over; costs no time.
        """
        return self._epochs(start_step).unbatch()

    def batches(self, batch_size, start_step=0):
        """`dataset` in batches, int64 `(batch_size,)`, without handling each draw.

        Args:
            batch_size: Draws of this reader per batch.
            start_step: Batches to pass over; costs no time.

        Raises: `ValueError` if these are not the batches for which `at_least` holds.
        """
        if self.at_least is not None and batch_size * self.num_replicas != self.batch_size:
            raise ValueError(
                f"Expected batches of {self.batch_size // self.num_replicas}, for which at_least "
                f"holds. Received: batch_size={batch_size}. Give the sampler batch_size="
                f"{batch_size * self.num_replicas}."
            )
        return self._epochs(start_step * batch_size).rebatch(batch_size, drop_remainder=True)

    def _epochs(self, start_step):
        """Endless dataset of this reader's draws, one epoch an element."""
        start = start_step * self.num_replicas + self.replica
        epochs = tf.data.Dataset.counter(start // self.epoch_length)
        # There is nothing in it for autograph to do, and its search delays the first batch.
        draws = tf.autograph.experimental.do_not_convert(lambda epoch: self._draws(epoch, start))
        # Two: one epoch is drawn while the one before is used.
        return epochs.map(draws, num_parallel_calls=2, deterministic=True)

    def _of_epoch(self, epoch):
        """Draws per class in one epoch, and in all before it."""
        after = epoch - self._scheduled
        row = tf.minimum(epoch, self._scheduled + after % self._period)
        quota = tf.gather(tf.constant(self._quotas), row)
        done = tf.gather(tf.constant(np.cumsum(self._quotas, axis=0) - self._quotas), row)
        per_period = self._quotas[self._scheduled :].sum(axis=0)
        return quota, done + tf.maximum(after, 0) // self._period * per_period

    def _draws(self, epoch, start):
        """Indices at this reader's positions of one epoch, none before position `start`."""
        quota, done = self._of_epoch(epoch)
        # Slot s is one draw of one class; slots are in order of class.
        slot_of_place = tf.math.invert_permutation(self._places(epoch, quota))
        members = np.argsort(self.labels, kind="stable")
        slots = draw_in_passes(members, self.class_counts, quota, done, self.seed)
        draws = tf.gather(slots, slot_of_place)
        before = epoch * self.epoch_length
        own_first = (self.replica - before) % self.num_replicas
        return draws[tf.maximum(start - before, own_first) :: self.num_replicas]

    def _places(self, epoch, quota):
        """Place in the epoch of each slot; ascending within a class, so that its passes come one
        after the other."""
        places = tf.range(self.epoch_length, dtype=tf.int64)
        key = random_integers(62, self.seed, -1, epoch, places)
        if self.at_least is None:
            slot_of_place = tf.math.invert_permutation(tf.argsort(key))
        else:
            slot_of_place = self._slots_in_batches(epoch, quota, key)
        class_of_place = tf.gather(row_numbers(quota), slot_of_place)
        # Linear in time, and keeps the order within a class.
        by_class = tf.dynamic_partition(
            places, tf.cast(class_of_place, tf.int32), len(self.class_counts)
        )
        return tf.concat(by_class, axis=0)

    def _slots_in_batches(self, epoch, quota, key):
        """Slot at each place of an epoch whose batches hold the minimum of each class."""
        num_batches = self.epoch_length // self.batch_size
        num_free = self.batch_size - self._minimum.sum()
        number = count_up(quota)
        reserved = number < tf.gather(tf.constant(self._minimum * num_batches), row_numbers(quota))
        # The free slots in random order, then the reserved ones.
        slots = tf.argsort(tf.where(reserved, tf.int64.max, key))
        free = tf.range(num_free * num_batches, dtype=tf.int64) // max(num_free, 1)
        batch = tf.concat([free, tf.gather(number, slots[tf.size(free) :]) % num_batches], axis=0)
        places = tf.range(self.epoch_length, dtype=tf.int64)
        key = random_integers(38, self.seed, -2, epoch, places)
        return tf.gather(slots, tf.argsort(batch * 2**38 + key))


def _minimum(at_least, batch_size, counts, num_replicas):
    """Examples of each class in every batch, int64 `(C,)`."""
    minimum = np.zeros_like(counts)
    if (at_least is None) != (batch_size is None):
        raise ValueError(
            "Expected at_least and batch_size together. Received: "
            f"at_least={at_least}, batch_size={batch_size}. Pass both or neither."
        )
    if at_least is None:
        return minimum
    for c, number in at_least.items():
        if not 0 <= c < len(counts) or counts[c] == 0 or number < 0:
            raise ValueError(
                "Expected at_least to give numbers >= 0 for classes with examples. Received: "
                f"at_least={at_least} for class counts {counts.tolist()}. Name those classes only."
            )
        minimum[c] = number
    if minimum.sum() > batch_size or batch_size % num_replicas:
        raise ValueError(
            f"Expected a batch_size of at least {minimum.sum()}, the sum of at_least, and a "
            f"multiple of num_replicas={num_replicas}. Received: batch_size={batch_size}. "
            "batch_size counts the examples of all replicas; choose a larger one."
        )
    return minimum


def _check_arguments(labels, replica, num_replicas):
    if labels.ndim != 1 or len(labels) == 0 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            "Expected a vector of integer class numbers. Received: labels of shape "
            f"{labels.shape} and dtype {labels.dtype}. For masks pass the rarest class per image "
            "(records.sampling_labels)."
        )
    if not 0 <= replica < num_replicas:
        raise ValueError(
            "Expected 0 <= replica < num_replicas. Received: "
            f"replica={replica}, num_replicas={num_replicas}. Count replicas from 0."
        )
