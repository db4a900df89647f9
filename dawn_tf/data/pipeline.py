"""Records to `tf.data`."""

import contextlib
import dataclasses
import re

import numpy as np
import tensorflow as tf

from dawn_tf.data.errors import DataError
from dawn_tf.data.lazy import is_lazy

# TensorFlow keeps up to three copies of an array that a pipeline holds (measured with 2.21): larger
# ones stay with numpy, which is as fast unless the batches are tiny.
MAX_TENSOR_BYTES = 2**28


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
        bad_inputs: By part, dict from an example's id to why it was left out.
    """

    name: str
    task: str
    protocol: str
    class_names: list | dict
    class_counts: np.ndarray | dict
    parts: dict
    notes: list
    bad_inputs: dict = dataclasses.field(default_factory=dict)

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
    def encoder(self):
        """`TableEncoder` that makes rows out of a table's columns, or `None`."""
        return self.parts["train"].encoder

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


def training_batches(
    records,
    sampler,
    batch_size,
    augmenter=None,
    start_step=0,
    mixing=None,
    substitutes=None,
):
    """Endless `tf.data.Dataset` of `(x, y)` batches of static shape.

    Batch k is a function of k and the seeds of `sampler`, `augmenter` and `mixing` alone, however
    many threads work on it, so training resumes at batch k with `start_step=k`.

    Args:
        records: Training part.
        sampler: `ClassAwareSampler` over `records.sampling_labels`.
        batch_size: Examples per batch (of this replica).
        augmenter: `Augmenter`, or `None` to leave the images as they are.
        start_step: Batches to pass over; costs no time.
        mixing: What mixes each example, once augmented, with another one: an object of `mixing`
            or `copy_paste`, or `None`. Its labels may be class distributions.
        substitutes: `Substitutes` that read in place of `records.x`, or `None`.

    Raises: `ValueError` if the sampler of `mixing` is not of the same replica.
    """
    gather = _gatherer(records, substitutes)
    labels = _on_cpu(records.sampling_labels)
    partners = getattr(mixing, "sampler", None)
    if partners is not None and _replica(partners) != _replica(sampler):
        raise ValueError(
            "Expected two samplers of one replica. Received: (replica, num_replicas)="
            f"{_replica(sampler)} and {_replica(partners)}. Give both the same."
        )

    def examples_at(indices, numbers):
        x, y = gather(indices)
        if augmenter is None:
            return x, y
        return _augment(augmenter, x, y, tf.gather(labels, indices), numbers)

    def batch(step, indices, partner_indices=None):
        # The position in the one stream of all replicas: no two draws of an example are alike.
        numbers = step * batch_size + tf.range(batch_size, dtype=tf.int64)
        numbers = numbers * sampler.num_replicas + sampler.replica
        x, y = examples_at(indices, numbers)
        if mixing is None:
            return _as_numbers(x, y)
        if partner_indices is None:
            # The stream is in random order, so the next example is as random as any.
            partner = tf.nest.map_structure(lambda v: tf.roll(v, -1, axis=0), (x, y))
        else:
            partner = examples_at(partner_indices, -1 - numbers)
        return _as_numbers(*mixing(x, y, *partner, numbers))

    streams = [tf.data.Dataset.counter(start_step), sampler.batches(batch_size, start_step)]
    if partners is not None:
        streams.append(partners.batches(batch_size, start_step))
    batches = tf.data.Dataset.zip(*streams)
    return batches.map(batch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)


@contextlib.contextmanager
def reading_errors():
    """A block that draws batches; a file that cannot be read is the `DataError` it was."""
    try:
        yield
    except tf.errors.OpError as error:
        # A pipeline hands on the text of an error alone.
        found = re.search(r"DataError: (.*?)\nTraceback", str(error), re.DOTALL)
        if not found:
            raise
        raise DataError(found[1]) from error


def _replica(sampler):
    return sampler.replica, sampler.num_replicas


def _augment(augmenter, x, y, labels, position):
    if isinstance(y, dict):
        x, mask = augmenter(x, y["mask"], labels, position)
        return x, {**y, "mask": mask}
    if y.shape.rank == 3:
        return augmenter(x, y, labels, position)
    return augmenter(x, None, labels, position)[0], y


def _gatherer(records, substitutes=None):
    """Function from a batch of indices to that batch of `(x, y)`."""
    y = tf.nest.map_structure(_reader, records.y)
    if substitutes is None:
        x = _reader(records.x)
        return lambda indices: (x(indices), tf.nest.map_structure(lambda read: read(indices), y))

    def gather(indices):
        types = (records.x.dtype, indices.dtype)
        images, used = tf.numpy_function(substitutes.read, [indices], types, stateful=False)
        images = tf.ensure_shape(images, (*indices.shape, *records.x.shape[1:]))
        used = tf.ensure_shape(used, indices.shape)
        return images, tf.nest.map_structure(lambda read: read(used), y)

    return gather


def _reader(array):
    """Function from a batch of indices to those elements of `array`, in memory or lazy."""
    if not is_lazy(array) and array.nbytes <= MAX_TENSOR_BYTES:
        array = _on_cpu(array)
        return lambda indices: tf.gather(array, indices)

    def read(indices):
        batch = tf.numpy_function(array.__getitem__, [indices], array.dtype, stateful=False)
        return tf.ensure_shape(batch, (*indices.shape, *array.shape[1:]))

    return read


def _as_numbers(x, y):
    """x as float32; y as int32, class distributions as they are."""
    return tf.cast(x, tf.float32), tf.nest.map_structure(
        lambda v: tf.cast(v, tf.int32) if v.dtype.is_integer else v, y
    )


def _on_cpu(array):
    # tf.data runs on the CPU; on a GPU this would take its memory for nothing.
    with tf.device("cpu:0"):
        return tf.constant(array)
