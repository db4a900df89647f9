"""What the pixels of mask files mean: class numbers, void, or black and white."""

import struct

import numpy as np
import tensorflow as tf

from dawn_tf.data.errors import DataError
from dawn_tf.data.images import BINARY, encoded_size
from dawn_tf.data.lazy import in_threads

VOID = 255
_GREY = 0  # Of PNG's colour types.


def count_values(pairs, read_bytes):
    """How many pixels of each value every mask holds, at the size of its file.

    Args:
        pairs: `(image, mask)` file names.
        read_bytes: Function from a name to the bytes of that file, called from several threads.

    Returns: int32 array, `(len(pairs), 256)`.

    Raises: `DataError` naming a mask that is no grey PNG of 8 bits, or not as large as its image.
    """

    def count(pair):
        image, mask = pair
        values = _values(read_bytes(mask), mask)
        size = encoded_size(read_bytes(image), image)
        if values.shape != size:
            raise DataError(
                f"Expected a mask as large as its image. Received: {mask!r} of height and width "
                f"{values.shape}, {image!r} of {size}. Fetch the mask that belongs to the image."
            )
        return np.bincount(values.ravel(), minlength=256).astype("int32")

    return np.stack(in_threads(count, pairs))


def classes_of_values(counts, names, masks, ignore_class=None):
    """Which classes the values of mask files stand for.

    0 and 255 alone are background and foreground. Otherwise values are class numbers, and 255 is
    void unless `ignore_class` says what is.

    Args:
        counts: Pixels per value and mask, `(N, 256)`.
        names: Class names, or `None` to call background and foreground so and other classes by
            their number.
        masks: File names of the masks, for the error.
        ignore_class: Void value in the files, or `None`.

    Returns: `(class_names, lookup, ignore_class)`; `lookup` as of `read_masks`.

    Raises: `DataError` for values beyond the classes, or fewer than two classes.
    """
    present = set(np.flatnonzero(counts.sum(0, dtype="int64")).tolist()) - {ignore_class}
    lookup = None
    if ignore_class is None and VOID in present:
        if present <= {0, VOID}:
            lookup, present, names = BINARY, {0, 1}, names or ["background", "foreground"]
        else:
            ignore_class, present = VOID, present - {VOID}
    class_names = names or [str(c) for c in range(max(present, default=0) + 1)]
    beyond = [value for value in sorted(present) if value >= len(class_names)]
    if beyond:
        mask = masks[counts[:, beyond[0]].argmax()]
        raise DataError(
            f"Expected mask values in 0..{len(class_names) - 1}, the {len(class_names)} names in "
            f"classes.txt. Received: {beyond[0]} in {mask!r}. Name that class there, or give "
            f"ignore_class={beyond[0]} if it is void."
        )
    if len(class_names) < 2 or (ignore_class is not None and ignore_class < len(class_names)):
        raise DataError(
            "Expected masks of two classes or more, numbered from 0, and ignore_class beyond "
            f"them. Received: values {sorted(present)}, ignore_class={ignore_class}. Renumber the "
            "masks."
        )
    return class_names, lookup, ignore_class


def _values(encoded, name):
    """Pixels of a grey PNG of 8 bits (or 1: black and white), uint8 `(height, width)`."""
    depth, colour_type = struct.unpack("BB", encoded[24:26]) if len(encoded) > 26 else (0, 0)
    if encoded[:4] != b"\x89PNG" or colour_type != _GREY or depth not in (1, 8):
        raise DataError(
            f"Expected masks as grey PNG files of 8 bits, one class number a pixel. Received: "
            f"{name!r}, which is none. Convert it; of a palette keep the numbers, not the colours."
        )
    try:
        with tf.device("cpu:0"):
            return tf.io.decode_png(encoded, channels=1).numpy()[..., 0]
    except tf.errors.InvalidArgumentError as error:
        raise DataError(
            f"Expected a whole PNG file. Received: {name!r}, which cannot be decoded. "
            "Fetch this file again."
        ) from error
