"""Encoded images and masks to arrays."""

import functools
import struct

import numpy as np
import tensorflow as tf

from dawn_tf.data.errors import DataError
from dawn_tf.data.lazy import LazyImages

MAX_BYTES = 4 * 2**30
# A header of a few bytes can claim more than any memory holds; decoded, this much is 0.4 GB.
MAX_PIXELS = 2**27

# Masks that show their one class in white: a class number for each grey value.
BINARY = (np.arange(256) > 127).astype("uint8")


def decode_image(encoded, image_size, channels=3):
    """Decodes one JPEG, PNG, GIF (first frame) or BMP and resizes it.

    Written in TensorFlow ops alone, so that an exported model decodes exactly as training did.

    Args:
        encoded: Scalar string tensor, the bytes of the file.
        image_size: `(height, width)` of the result. An image of another size is squashed to it,
            bilinear and antialiased.
        channels: 1 or 3.

    Returns: uint8 tensor, `(height, width, channels)`, in 0..255.
    """
    return _decode(encoded, image_size, channels, method="bilinear", antialias=True)


def decode_mask(encoded, image_size):
    """Like `decode_image` for one channel of class numbers: resized to the nearest pixel.

    Returns: uint8 tensor, `(height, width)`; only values that the file holds.
    """
    return _decode(encoded, image_size, 1, method="nearest", antialias=False)[..., 0]


def resize_image(image, image_size, method="bilinear", antialias=True):
    """`(height, width, channels)` uint8 to `image_size`, unchanged if it has that size."""
    resized = tf.cond(
        tf.reduce_all(tf.shape(image)[:2] == tf.constant(image_size)),
        lambda: image,
        lambda: tf.cast(
            tf.round(tf.image.resize(image, image_size, method=method, antialias=antialias)),
            tf.uint8,
        ),
    )
    return tf.ensure_shape(resized, (*image_size, image.shape[-1]))


def encode_mask(mask):
    """The bytes of a PNG that holds a mask of class numbers, `(height, width)`, as it is."""
    return tf.io.encode_png(tf.cast(mask, tf.uint8)[..., None]).numpy()


def read_images(names, read_bytes, image_size, channels=3, in_memory=None):
    """Many images as one array, or as one that decodes them when they are used.

    Args:
        names: File names, in the order of the result.
        read_bytes: Function from a name to the bytes of that file, called from several threads.
        image_size: `(height, width)`.
        channels: 1 or 3.
        in_memory: `True` decodes now, `False` when an image is used; `None` decodes now what takes
            at most `MAX_BYTES`.

    Returns: uint8 array, `(len(names), height, width, channels)`, or `LazyImages` of that shape.

    Raises: `DataError` naming the file that is no image (when it is decoded), or with
        `in_memory=True` if the array would not fit.
    """
    return read_all(
        names,
        bounded(read_bytes),
        lambda encoded: decode_image(encoded, image_size, channels),
        (*image_size, channels),
        in_memory,
    )


def read_masks(names, read_bytes, image_size, in_memory=None, lookup=None):
    """Like `read_images` for masks of class numbers, `(len(names), height, width)`.

    Args:
        lookup: uint8 `(256,)`, the class number of each value in the files (`BINARY`, say);
            `None` takes the values as they are.
    """

    def decode(encoded):
        mask = np.asarray(decode_mask(encoded, image_size))
        return mask if lookup is None else lookup[mask]

    return read_all(names, bounded(read_bytes), decode, image_size, in_memory)


def read_all(names, read_bytes, decode, shape, in_memory=None):
    """`read_images` with a `decode` of one's own: from bytes to uint8 of shape `shape`."""
    lazy = LazyImages(names, read_bytes, functools.partial(_decode_named, decode), shape)
    fits = lazy.nbytes <= MAX_BYTES
    if in_memory and not fits:
        raise DataError(
            f"Expected images that fit in {MAX_BYTES / 2**30:.0f} GiB once decoded. Received: "
            f"{len(lazy)} images of shape {tuple(shape)}, {lazy.nbytes / 2**30:.1f} GiB. "
            "Choose a smaller --image-size (image_size=), or in_memory=False."
        )
    return lazy[:] if in_memory or (in_memory is None and fits) else lazy


def bounded(read_bytes):
    """`read_bytes`, but for an image whose header claims more than `MAX_PIXELS`."""

    def read(name):
        encoded = read_bytes(name)
        pixels = _num_pixels(encoded, name)
        if pixels > MAX_PIXELS:
            raise DataError(
                f"Expected an image of at most {MAX_PIXELS / 2**20:.0f} million pixels. Received: "
                f"{name!r} of {pixels / 2**20:,.0f} million. Make it smaller, or cut it up."
            )
        return encoded

    return read


def _num_pixels(encoded, name):
    """Pixels that are in memory while it is decoded: of a GIF all frames, though one is used."""
    if encoded[:3] == b"GIF":
        return sum(width * height for width, height in _gif_frames(encoded))
    height, width = encoded_size(encoded, name)
    return height * width


def _gif_frames(encoded):
    """Yields width and height of the screen of a GIF and of each frame, until the file breaks."""
    try:
        width, height, flags = struct.unpack_from("<HHB", encoded, 6)
        yield width, height
        at = 13 + _table_size(flags)
        while encoded[at] in b"!,":
            if encoded[at] == ord("!"):
                at += 2
            else:
                width, height, flags = struct.unpack_from("<HHB", encoded, at + 5)
                yield width, height
                at += 11 + _table_size(flags)
            while encoded[at]:  # Blocks, each after its length.
                at += 1 + encoded[at]
            at += 1
    except (struct.error, IndexError):
        return


def _table_size(flags):
    """Bytes of the colour table that a GIF's flags announce."""
    return 3 * 2 ** (flags % 8 + 1) if flags & 0x80 else 0


def _decode_named(decode, encoded, name):
    try:
        # A GPU would take single images there and back.
        with tf.device("cpu:0"):
            return np.asarray(decode(encoded))
    except tf.errors.InvalidArgumentError as error:
        reason = str(error).rpartition("}} ")[2].partition(" [Op:")[0].splitlines()[0]
        raise _no_image(name, reason) from error


def _no_image(name, reason="no header of one"):
    return DataError(
        f"Expected a JPEG, PNG, GIF or BMP image. Received: {name!r}, which cannot be decoded "
        f"({reason}). Fetch this file again, or convert it to PNG."
    )


def encoded_size(encoded, name):
    """`(height, width)` by the header of a JPEG, PNG, GIF or BMP; the pixels are not decoded.

    Raises: `DataError` with `name` for anything else.
    """
    try:
        if encoded[:2] == b"\xff\xd8":
            height, width, _ = tf.io.extract_jpeg_shape(encoded).numpy().tolist()
        elif encoded[:4] == b"\x89PNG":
            width, height = struct.unpack(">II", encoded[16:24])
        elif encoded[:3] == b"GIF":
            width, height = struct.unpack("<HH", encoded[6:10])
        elif encoded[:2] == b"BM":
            # The height is negative where the rows run from top to bottom.
            width, height = struct.unpack("<ii", encoded[18:26])
        else:
            raise _no_image(name)
    except (struct.error, tf.errors.InvalidArgumentError) as error:
        raise _no_image(name) from error
    return abs(height), width


def _decode(encoded, image_size, channels, **resize):
    image = tf.io.decode_image(encoded, channels=channels, expand_animations=False)
    # decode_image leaves the rank open, for animations.
    image = tf.ensure_shape(image, (None, None, channels))
    return resize_image(image, image_size, **resize)
