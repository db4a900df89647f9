"""Which example comes next: class-aware sampling by index."""

import numpy as np
import tensorflow as tf

from dawn_tf.data.stateless import random_integers

SCHEDULES = ("constant", "progressive", "deferred")
TARGETS = ("instance", "balanced", "sqrt", "effective")


def target_shares(counts, target, beta=0.999):
    """Share of each class in the stream, float64 `(C,)`, sum 1.

    With `n_c` examples of class c, the share is proportional to
    - "instance": `n_c`, the data as it is;
    - "balanced": 1;
    - "sqrt": `sqrt(n_c)`, [Mahajan et al., 2018](https://arxiv.org/abs/1805.00932);
    - "effective": `n_c * (1 - beta) / (1 - beta ** n_c)`, examples weighted by the inverse of
      their class's effective number, [Cui et al., 2019](https://arxiv.org/abs/1901.05555):
      "instance" for beta near 0, "balanced" for beta near 1.
    Classes without an example get 0. An array is taken as it is, scaled to sum 1.

    Raises: `ValueError` for an unknown target or an array that gives a share to no example.
    """
    counts = np.asarray(counts)
    if not isinstance(target, str):
        return _given_shares(counts, np.asarray(target, "float64"))
    if target not in TARGETS:
        raise ValueError(
            f"Expected a target among {TARGETS} or an array of shares. Received: "
            f"target={target!r}. Choose one of them."
        )
    n = np.maximum(counts, 1).astype("float64")
    weight = {
        "instance": n,
        "balanced": np.ones_like(n),
        "sqrt": np.sqrt(n),
        "effective": n * (1 - beta) / (1 - beta**n),
    }[target]
    weight = np.where(counts > 0, weight, 0)
    return weight / weight.sum()


def largest_remainder(shares, total):
    """Integers, sum `total`, each less than 1 from `shares * total`.

    Rounded down first; what is left goes to the largest remainders, ties to the lower class.
    """
    # Shares such as n_c / N are one rounding error short of the integer they stand for.
    exact = np.asarray(shares) * total
    whole = np.floor(exact + 1e-6).astype("int64")
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: total - whole.sum()]] += 1
    return whole


class ClassAwareSampler:
    """An endless stream of example indices in which each class has exactly its share.

    The stream is cut into epochs of `epoch_length` draws. In each, class c is drawn exactly
    `q_c` times (its target share, rounded by largest remainder), in random order, and every
    example of a class is drawn before any is drawn again: with target "instance" an epoch is
    each example once. Draw number r of class c over the whole stream is
    `member_c[permutation(seed, c, r // n_c)[r % n_c]]`, so that nothing has to be remembered:
    the stream is a function of `seed`, starts at any step, and takes memory proportional to the
    number of examples.

    Args:
        labels: Class number of each example, `(N,)`.
        target: See `target_shares`; an array has one share per class.
        schedule: "constant"; "progressive", shares
            `(1 - e / T) * instance + (e / T) * target` in epoch `e < T` and the target after,
            [Kang et al., 2020](https://arxiv.org/abs/1910.09217); or "deferred", instance in
            epochs `e < T` and the target after,
            [Cao et al., 2019](https://arxiv.org/abs/1906.07413).
        seed: Integer.
        replica: Number of this reader, `0 <= replica < num_replicas`. Reader k takes the
            positions `step * num_replicas + k` of the one stream.
        num_replicas: Number of readers.
        epoch_length: Draws per epoch over all readers. Defaults to the number of examples, or
            more where a class would otherwise be drawn less than once.
        schedule_epochs: T; "constant" does without.
        beta: Of target "effective".

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
    ):
        labels = np.asarray(labels)
        _check_arguments(labels, schedule, schedule_epochs, replica, num_replicas)
        self.labels = labels
        self.target = target
        self.schedule = schedule
        self.seed = seed
        self.replica = replica
        self.num_replicas = num_replicas
        self.schedule_epochs = schedule_epochs
        num_classes = labels.max() + 1 if isinstance(target, str) else len(target)
        self.class_counts = np.bincount(labels, minlength=num_classes)
        plan = self._planned_shares(target_shares(self.class_counts, target, beta))
        # Below this length the rarest class would get no draw in some epoch.
        needed = int(np.ceil(1 / plan[plan > 0].min() - 1e-6))
        self.epoch_length = max(len(labels), needed) if epoch_length is None else epoch_length
        if self.epoch_length < needed:
            raise ValueError(
                f"Expected an epoch in which every class is drawn. Received: epoch_length="
                f"{epoch_length}. Choose at least {needed}."
            )
        # Draws per class in epoch e; the last row holds for all later ones.
        self._quotas = np.stack([largest_remainder(row, self.epoch_length) for row in plan])

    def shares(self, epoch):
        """Realised share of each class in that epoch, float64 `(C,)`, sum 1."""
        return self._quotas[min(epoch, len(self._quotas) - 1)] / self.epoch_length

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
        return self.shares(0)

    def dataset(self, start_step=0):
        """Endless `tf.data.Dataset` of int64 scalars: this reader's draws from `start_step` on.

        Args:
            start_step: Draws of this reader to pass over; costs no time.
        """
        start = start_step * self.num_replicas + self.replica
        epochs = tf.data.Dataset.counter(start // self.epoch_length)
        return epochs.map(lambda epoch: self._draws(epoch, start), num_parallel_calls=2).unbatch()

    def _planned_shares(self, target):
        if self.schedule == "constant":
            return target[None]
        instance = self.class_counts / self.class_counts.sum()
        epochs = np.arange(self.schedule_epochs + 1)
        mix = epochs / self.schedule_epochs
        if self.schedule == "deferred":
            mix = np.floor(mix)
        return (1 - mix[:, None]) * instance + mix[:, None] * target

    def _draws(self, epoch, start):
        """Indices at this reader's positions of one epoch, none before position `start`."""
        length = tf.constant(self.epoch_length, tf.int64)
        last = len(self._quotas) - 1
        row = tf.minimum(epoch, last)
        quota = tf.gather(tf.constant(self._quotas), row)
        done = np.concatenate([np.zeros_like(self._quotas[:1]), np.cumsum(self._quotas[:-1], 0)])
        done = tf.gather(tf.constant(done), row) + tf.maximum(epoch - last, 0) * quota
        # Slot s is one draw of one class; slots are in order of class.
        slots = self._slots(quota, done)
        class_of_slot = tf.repeat(tf.range(len(self.class_counts), dtype=tf.int64), quota)
        places = tf.argsort(random_integers(62, self.seed, -1, epoch, tf.range(length)))
        # Ascending within a class, so that its passes come one after the other.
        places = tf.sort(class_of_slot * length + tf.cast(places, tf.int64)) % length
        draws = tf.gather(slots, tf.argsort(places))
        before = epoch * length
        own_first = (self.replica - before) % self.num_replicas
        return draws[tf.maximum(start - before, own_first) :: self.num_replicas]

    def _slots(self, quota, done):
        """Example drawn in each slot: draws `done .. done + quota` of each class."""
        n = tf.constant(np.maximum(self.class_counts, 1))
        first_pass = done // n
        passes = tf.where(quota > 0, (done + quota - 1) // n - first_pass + 1, 0)
        # One row per pass of one class, then one entry per example in it.
        class_of_row = tf.repeat(tf.range(tf.size(n, tf.int64)), passes)
        pass_of_row = tf.gather(first_pass, class_of_row) + _count_up(passes)
        size_of_row = tf.gather(n, class_of_row)
        row = tf.repeat(tf.range(tf.size(size_of_row, tf.int64)), size_of_row)
        position = _count_up(size_of_row)
        c = tf.gather(class_of_row, row)
        key = random_integers(38, self.seed, c, tf.gather(pass_of_row, row), position)
        # Sorts each row by its key: the row number fills the upper bits.
        permuted = tf.gather(position, tf.argsort(row * 2**38 + key))
        members = np.argsort(self.labels, kind="stable")
        first_member = np.cumsum(self.class_counts) - self.class_counts
        examples = tf.gather(
            tf.constant(members), tf.gather(tf.constant(first_member), c) + permuted
        )
        # Cut off what earlier epochs have drawn and later ones will draw.
        entries = passes * n
        entry = _count_up(entries)
        begin = tf.repeat(done - first_pass * n, entries)
        return examples[(entry >= begin) & (entry < begin + tf.repeat(quota, entries))]


def _count_up(sizes):
    """`[0 .. sizes[0] - 1, 0 .. sizes[1] - 1, ...]`, int64."""
    start = tf.cumsum(sizes, exclusive=True)
    return tf.range(tf.reduce_sum(sizes)) - tf.repeat(start, sizes)


def _given_shares(counts, target):
    if target.shape != counts.shape or (target < 0).any() or np.any((target > 0) & (counts == 0)):
        raise ValueError(
            "Expected one share >= 0 per class, and 0 for a class without examples. Received: "
            f"target={target.tolist()} for class counts {counts.tolist()}. Give a share to "
            "classes with examples only."
        )
    if target.sum() == 0:
        raise ValueError(
            f"Expected a positive share. Received: target={target.tolist()}. Give one to a class."
        )
    return target / target.sum()


def _check_arguments(labels, schedule, schedule_epochs, replica, num_replicas):
    if labels.ndim != 1 or len(labels) == 0 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            "Expected a vector of integer class numbers. Received: labels of shape "
            f"{labels.shape} and dtype {labels.dtype}. For masks pass the rarest class per image "
            "(records.sampling_labels)."
        )
    if schedule not in SCHEDULES:
        raise ValueError(
            f"Expected a schedule among {SCHEDULES}. Received: schedule={schedule!r}. "
            "Choose one of them."
        )
    if schedule != "constant" and (schedule_epochs is None or schedule_epochs < 1):
        raise ValueError(
            f"Expected schedule_epochs >= 1 with a schedule. Received: schedule={schedule!r}, "
            f"schedule_epochs={schedule_epochs}. Pass the epoch from which the target holds."
        )
    if not 0 <= replica < num_replicas:
        raise ValueError(
            "Expected 0 <= replica < num_replicas. Received: "
            f"replica={replica}, num_replicas={num_replicas}. Count replicas from 0."
        )
