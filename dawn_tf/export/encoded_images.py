"""Encoded images from strangers to pixels, in TensorFlow ops alone."""

import tensorflow as tf

from dawn_tf.data.images import decode_image

# 8,192 x 4,096. TensorFlow's own limit is 2**29 bytes decoded, and resizing takes six times that.
MAX_PIXELS = 2**25


def decode_images(encoded, input_shape):
    """JPEG and PNG files to a batch of float32 pixels, decoded and resized as in training.

    Args:
        encoded: Strings, `(batch,)`.
        input_shape: `(height, width, channels)` of the result.

    Raises: `tf.errors.InvalidArgumentError` where the graph runs, for anything but a whole JPEG or
        PNG, and for one of more than `MAX_PIXELS`, which is not decoded.
    """

    def decode(image):
        with tf.control_dependencies([_check_size(image)]):
            image = tf.identity(image)
        return decode_image(image, input_shape[:2], input_shape[2])

    spec = tf.TensorSpec(input_shape, tf.uint8)
    # One at a time: what is decoded is large, the model comes after it, and the server has
    # other requests for its other cores.
    pixels = tf.map_fn(decode, encoded, fn_output_signature=spec, parallel_iterations=1)
    return tf.cast(pixels, tf.float32)


def _check_size(encoded):
    start = tf.strings.substr(encoded, 0, 4)
    is_jpeg = tf.strings.substr(start, 0, 3) == b"\xff\xd8\xff"
    # Long enough to say its size: TensorFlow's error about a shorter one is no text.
    is_png = (start == b"\x89PNG") & (tf.strings.length(encoded) >= 24)
    message = "Expected an encoded JPEG or PNG image. Received: something else"
    with tf.control_dependencies([tf.debugging.Assert(is_jpeg | is_png, [message])]):
        height, width = tf.cond(is_jpeg, lambda: _jpeg_size(encoded), lambda: _png_size(encoded))
    message = f"Expected an image of at most {MAX_PIXELS} pixels. Received (height, width):"
    return tf.debugging.Assert(height * width <= MAX_PIXELS, [message, height, width])


def _jpeg_size(encoded):
    shape = tf.io.extract_jpeg_shape(encoded, output_type=tf.int32)
    return tf.cast(shape[0], tf.int64), tf.cast(shape[1], tf.int64)


def _png_size(encoded):
    digits = tf.cast(tf.io.decode_raw(tf.strings.substr(encoded, 16, 8), tf.uint8), tf.int64)
    digits = tf.ensure_shape(digits, (8,))
    powers = tf.constant([2**24, 2**16, 2**8, 1], tf.int64)
    return tf.reduce_sum(digits[4:] * powers), tf.reduce_sum(digits[:4] * powers)
