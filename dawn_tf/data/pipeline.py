"""Records to `tf.data`."""

import dataclasses

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True, eq=False)
class DataSplits:
    """A data set in three parts.

    Attributes:
        name: Name of the data set.
        task: "classification", "segmentation" or "both".
        protocol: How the parts were made.
        class_names: List of names; for task "both" a dict with keys "mask" and "label".
        class_counts: Examples (pixels for masks) per class of the training part, int64
            `(num_classes,)`; for task "both" a dict.
        parts: `Records` by part, "train", "val" and "test".
        notes: Sentences about the data that a report should print.
    """

    name: str
    task: str
    protocol: str
    class_names: list | dict
    class_counts: np.ndarray | dict
    parts: dict
    notes: list

    @property
    def num_classes(self):
        """Number of classes; for task "both" a dict."""
        if isinstance(self.class_names, dict):
            return {key: len(names) for key, names in self.class_names.items()}
        return len(self.class_names)

    @property
    def input_shape(self):
        """Shape of one input: `(height, width, channels)` or `(features,)`."""
        return self.parts["train"].x.shape[1:]

    @property
    def ignore_class(self):
        """Label of unannotated pixels, or `None`."""
        return self.parts["train"].ignore_class

    @property
    def feature_names(self):
        """Names of the columns of rows, or `None`."""
        return self.parts["train"].feature_names

    @property
    def train(self):
        """Training part: unbatched `tf.data.Dataset` of `(x, y)`, x float32, y int32."""
        return examples(self.parts["train"])

    @property
    def val(self):
        """Validation part, like `train`."""
        return examples(self.parts["val"])

    @property
    def test(self):
        """Test part, like `train`."""
        return examples(self.parts["test"])


def examples(records):
    """Finite `tf.data.Dataset` of `(x, y)` in the order of the records."""
    count = tf.data.experimental.assert_cardinality(len(records))
    return evaluation_batches(records, batch_size=256).unbatch().apply(count)


def evaluation_batches(records, batch_size):
    """Finite `tf.data.Dataset` of `(x, y)` batches in order, the last one as short as it comes."""
    gather = _gatherer(records)
    numbers = tf.data.Dataset.range(len(records)).batch(batch_size)
    batches = numbers.map(lambda n: _as_numbers(*gather(n)), num_parallel_calls=tf.data.AUTOTUNE)
    return batches.prefetch(2)


def training_batches(records, sampler, batch_size, augmenter=None, start_step=0):
    """Endless `tf.data.Dataset` of `(x, y)` batches of static shape.

    Batch k is a function of k and the seeds of `sampler` and `augmenter` alone, however many
    threads work on it, so training resumes at batch k with `start_step=k`.

    Args:
        records: Training part.
        sampler: `ClassAwareSampler` over `records.sampling_labels`.
        batch_size: Examples per batch (of this replica).
        augmenter: `Augmenter`, or `None` to leave the images as they are.
        start_step: Batches to pass over; costs no time.
    """
    gather = _gatherer(records)
    labels = _on_cpu(records.sampling_labels)

    def batch(step, indices):
        x, y = gather(indices)
        if augmenter is None:
            return _as_numbers(x, y)
        # The position in the one stream of all replicas: no two draws of an example are alike.
        position = step * batch_size + tf.range(batch_size, dtype=tf.int64)
        position = position * sampler.num_replicas + sampler.replica
        return _as_numbers(*_augment(augmenter, x, y, tf.gather(labels, indices), position))

    indices = sampler.dataset(start_step * batch_size).batch(batch_size, drop_remainder=True)
    steps = tf.data.Dataset.counter(start_step)
    batches = tf.data.Dataset.zip(steps, indices)
    return batches.map(batch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)


def _augment(augmenter, x, y, labels, position):
    if isinstance(y, dict):
        x, mask = augmenter(x, y["mask"], labels, position)
        return x, {**y, "mask": mask}
    if y.shape.rank == 3:
        return augmenter(x, y, labels, position)
    return augmenter(x, None, labels, position)[0], y


def _gatherer(records):
    """Function from a batch of indices to that batch of `(x, y)`."""
    x, y = _on_cpu(records.x), tf.nest.map_structure(_on_cpu, records.y)

    def gather(indices):
        return tf.gather(x, indices), tf.nest.map_structure(lambda v: tf.gather(v, indices), y)

    return gather


def _as_numbers(x, y):
    return tf.cast(x, tf.float32), tf.nest.map_structure(lambda v: tf.cast(v, tf.int32), y)


def _on_cpu(array):
    # tf.data runs on the CPU; on a GPU this would take its memory for nothing.
    with tf.device("cpu:0"):
        return tf.constant(array)
