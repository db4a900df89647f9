"""Examples of a split, in the order in which they are stored in its shards."""

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from dawn_tf.data.errors import DataError

_CHUNK = 1024


def is_random_access(builder):
    """Whether examples can be read by number (ArrayRecord), or only in order (TFRecord).

    Raises: `DataError` for another format.
    """
    file_format = builder.info.file_format.value
    if file_format not in ("array_record", "tfrecord"):
        raise DataError(
            f"Expected shards in array_record or tfrecord. Received: {file_format} in "
            f"{str(builder.data_dir)!r}. Prepare the data set with file_format=array_record."
        )
    return file_format == "array_record"


def read_values(builder, split, names):
    """Small features of a whole split: dict from name to array `(N, ...)`, or a dict of these.

    One pass over the shards, in which images are neither parsed nor decoded.
    """
    if not names:
        return {}
    features = _only(builder, *names)
    examples = _serialized(builder, split).map(features.deserialize_example, tf.data.AUTOTUNE)
    batches = examples.batch(_CHUNK).as_numpy_iterator()
    return tf.nest.map_structure(lambda *pieces: np.concatenate(pieces), *batches)


def names_of(builder, split):
    """Name by which `byte_reader` finds each example of a split."""
    return [f"{split}/{i}" for i in range(builder.info.splits[split].num_examples)]


def byte_reader(builder, key):
    """Function from one of `names_of` to the encoded image `key`, for ArrayRecord."""
    features = _only(builder, key)
    sources = {split: _records(builder, split) for split in builder.info.splits}
    decoders = {key: tfds.decode.SkipDecoding()}

    def read_bytes(name):
        split, number = name.rsplit("/", 1)
        record = sources[split][int(number)]
        return features.deserialize_example_np(record, decoders=decoders)[key]

    return read_bytes


def decode_in_order(builder, splits, key, decode, shape):
    """Every image `key` of `splits`, decoded in one pass: uint8 `(N, *shape)`.

    Raises: `DataError` if one cannot be decoded.
    """
    features = _only(builder, key)
    decoders = {key: tfds.decode.SkipDecoding()}

    def image(record):
        return decode(features.deserialize_example(record, decoders=decoders)[key])

    count = sum(builder.info.splits[split].num_examples for split in splits)
    array, filled = np.empty((count, *shape), "uint8"), 0
    for split in splits:
        images = _serialized(builder, split).map(image, tf.data.AUTOTUNE).batch(64)
        try:
            for batch in images.as_numpy_iterator():
                array[filled : filled + len(batch)] = batch
                filled += len(batch)
        except tf.errors.InvalidArgumentError as error:
            raise DataError(
                f"Expected JPEG or PNG images. Received: split {split!r} of "
                f"{str(builder.data_dir)!r}, of whose feature {key!r} one cannot be decoded. "
                "Prepare the data set again."
            ) from error
    return array


def _only(builder, *names):
    """The features of these names, which parse nothing else of an example."""
    return tfds.features.FeaturesDict({name: builder.info.features[name] for name in names})


def _records(builder, split):
    """Serialised examples by number."""
    raw = tfds.decode.DeserializeMethod.RAW_BYTES
    return builder.as_data_source(split, deserialize_method=raw)


def _serialized(builder, split):
    """Serialised examples in order, scalar strings."""
    if not is_random_access(builder):
        # Not `as_dataset`, which mixes the shards.
        paths = builder.info.splits[split].filepaths
        return tf.data.TFRecordDataset([str(path) for path in paths])
    records = _records(builder, split)

    def chunks():
        for start in range(0, len(records), _CHUNK):
            yield records.__getitems__(range(start, min(start + _CHUNK, len(records))))

    signature = tf.TensorSpec((None,), tf.string)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature).unbatch()
