"""Images and masks of a TFDS data set as `Records` want them, in memory or decoded when used."""

import math

import numpy as np

from dawn_tf.data.errors import DataError
from dawn_tf.data.images import MAX_BYTES, decode_image, decode_mask, read_images, read_masks
from dawn_tf.data.lazy import chunks, is_lazy
from dawn_tf.data.tfds.examples import byte_reader, decode_in_order, is_random_access, names_of


class Pixels:
    """Reads the image features of some splits, one after the other.

    ArrayRecord is read by number, so images may stay undecoded; TFRecord is decoded in order.

    Args:
        builder: `tfds.core.DatasetBuilder`.
        splits: Names of splits.
        request: `Request`; its `image_size` defaults to the size that the feature states.
    """

    def __init__(self, builder, splits, request):
        self.builder = builder
        self.splits = splits
        self.request = request
        self.names = [name for split in splits for name in names_of(builder, split)]

    def images(self, key):
        """uint8 `(N, height, width, channels)`, one channel if the feature has one, else three.

        Raises: `DataError` for images that cannot be decoded or do not fit into memory.
        """
        channels = 1 if self.builder.info.features[key].shape[-1] == 1 else 3
        size = self._size(key)
        if is_random_access(self.builder):
            reader = byte_reader(self.builder, key)
            return read_images(self.names, reader, size, channels, self.request.in_memory)
        return self._in_order(key, lambda b: decode_image(b, size, channels), (*size, channels))

    def masks(self, key):
        """Class numbers, uint8 `(N, height, width)`; names of the classes; class of void.

        The class of void, for the pixels that have the value `ignore_class`, is the number of
        classes, or `None` if there is no such value. Other values that are no class become 255,
        which no check lets pass.
        """
        size = self._size(key)
        by_number = is_random_access(self.builder)
        if by_number:
            reader = byte_reader(self.builder, key)
            stored = read_masks(self.names, reader, size, self.request.in_memory)
        else:
            stored = self._in_order(key, lambda b: decode_mask(b, size), size)
        void = self._void()
        values, names = self._classes(key, stored, void)
        lookup = np.full(256, 255, "uint8")
        lookup[values] = np.arange(len(values))
        if void is not None:
            lookup[void] = len(values)
        if is_lazy(stored):
            masks = read_masks(self.names, reader, size, in_memory=False, lookup=lookup)
        else:
            masks = lookup[stored]
        return masks, names, None if void is None else len(values)

    def _size(self, key):
        size = self.request.image_size or self.builder.info.features[key].shape[:2]
        if None in size:
            raise DataError(
                f"Expected a size for images that have several. Received: image_size=None, and "
                f"feature {key!r} of shape {self.builder.info.features[key].shape}. "
                "Choose --image-size (image_size=)."
            )
        return tuple(size)

    def _in_order(self, key, decode, shape):
        num_bytes = len(self.names) * math.prod(shape)
        if self.request.in_memory is False or num_bytes > MAX_BYTES:
            raise DataError(
                f"Expected shards in array_record, to read more than fits into memory. Received: "
                f"tfrecord in {str(self.builder.data_dir)!r} ({num_bytes / 2**30:.1f} GiB once "
                "decoded). Prepare the data set with file_format=array_record, or choose a "
                "smaller --image-size (image_size=)."
            )
        return decode_in_order(self.builder, self.splits, key, decode, shape)

    def _void(self):
        given = self.request.options["ignore_class"]
        return (self.builder.info.metadata or {}).get("ignore_class") if given is None else given

    def _classes(self, key, stored, void):
        """The values that are classes, in order, and their names."""
        feature = self.builder.info.features[key]
        names = feature.names if getattr(feature, "num_classes", None) else None
        if names is None:
            found = np.zeros(256, bool)
            for piece in chunks(stored):
                found[np.unique(piece)] = True
            values = np.flatnonzero(found)
            names = [str(value) for value in range(256)]
        else:
            values = np.arange(len(names))
        values = [value for value in values.tolist() if value != void]
        return values, [names[value] for value in values]
