"""Encoded images and masks to arrays."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from dawn_tf.data.errors import DataError

MAX_BYTES = 4 * 2**30


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


def read_images(names, read_bytes, image_size, channels=3):
    """Decodes many images in a few threads.

    Args:
        names: File names, in the order of the result.
        read_bytes: Function from a name to the bytes of that file.
        image_size: `(height, width)`.
        channels: 1 or 3.

    Returns: uint8 array, `(len(names), height, width, channels)`.

    Raises: `DataError` naming the file that is no image, or if the result would not fit.
    """
    shape = (*image_size, channels)
    return _read_all(names, read_bytes, shape, lambda b: decode_image(b, image_size, channels))


def read_masks(names, read_bytes, image_size):
    """Like `read_images` for masks: uint8 array, `(len(names), height, width)`."""
    return _read_all(names, read_bytes, image_size, lambda b: decode_mask(b, image_size))


def _decode(encoded, image_size, channels, **resize):
    image = tf.io.decode_image(encoded, channels=channels, expand_animations=False)
    # decode_image leaves the rank open, for animations.
    image = tf.ensure_shape(image, (None, None, channels))
    return resize_image(image, image_size, **resize)


def _read_all(names, read_bytes, shape, decode):
    num_bytes = len(names) * math.prod(shape)
    if num_bytes > MAX_BYTES:
        raise DataError(
            f"Expected images that fit in {MAX_BYTES / 2**30:.0f} GiB once decoded. Received: "
            f"{len(names)} images of shape {tuple(shape)}, {num_bytes / 2**30:.1f} GiB. "
            "Choose a smaller --image-size (image_size=)."
        )
    array = np.empty((len(names), *shape), "uint8")

    def fill(i):
        try:
            array[i] = decode(read_bytes(names[i])).numpy()
        except tf.errors.InvalidArgumentError as error:
            raise DataError(
                f"Expected a JPEG or PNG image. Received: {names[i]!r}, which cannot be decoded. "
                "Fetch this file again."
            ) from error

    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(fill, range(len(names))):
            pass
    return array
