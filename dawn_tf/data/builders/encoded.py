"""What builders need of the sources: files as published, each with its labels, none decoded."""

import pathlib

import numpy as np
import tensorflow as tf

from dawn_tf.data.images import encode_mask
from dawn_tf.data.request import Request


def read_encoded(source, manual_dir, task, image_size=None):
    """`Records` of an image source whose `x` and masks are `LazyImages`: bytes, not pixels.

    Raises: `DataError` as the source does.
    """
    return source.read(
        Request(
            folder=pathlib.Path(manual_dir),
            task=task,
            protocol=source.PROTOCOLS[0],
            image_size=image_size or source.IMAGE_SIZE,
            in_memory=False,
        )
    )


def file_bytes(images, i):
    """The bytes of file `i` of `LazyImages`."""
    return images.read_bytes(str(images.names[i]))


def class_mask(masks, i, lookup):
    """PNG of class numbers, as large as file `i` of `LazyImages`; `lookup` as in `read_masks`."""
    grey = tf.io.decode_image(file_bytes(masks, i), channels=1, expand_animations=False)
    return encode_mask(np.asarray(lookup)[grey.numpy()[..., 0]])
