"""Saturation, contrast and brightness as one affine map of the colours of an image."""

import tensorflow as tf

_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601.


def colour_terms(images, saturation, contrast, brightness):
    """The map `v -> own * v + grey * grey(v) + constant` of each image, three of `(batch,)`.

    It equals, in this order: `grey + saturation * (v - grey)`, then
    `mean + contrast * (v - mean)` with the mean of the image as it came, then `v + brightness`.

    Args:
        images: uint8 `(batch, height, width, channels)`.
        saturation: Factor, `(batch,)`.
        contrast: Factor, `(batch,)`.
        brightness: Summand, `(batch,)`.
    """
    mean = tf.cast(_mean(images), contrast.dtype)
    terms = contrast * saturation, contrast * (1 - saturation), (1 - contrast) * mean + brightness
    return [tf.cast(term, tf.float32) for term in terms]


def recolour(channels, terms):
    """`colour_terms` applied to a list of channels, each `(batch, height, width)`.

    Only three channels have a grey; others keep their saturation.
    """
    own, grey, constant = (term[:, None, None] for term in terms)
    if len(channels) != 3:
        return [(own + grey) * v + constant for v in channels]
    rest = grey * sum(weight * v for weight, v in zip(_GREY, channels, strict=True)) + constant
    return [own * v + rest for v in channels]


def _mean(images):
    """Mean of each image, float64 `(batch,)`, the same whatever else is in the batch."""
    # Exact, for the sums are integers: float32 holds those of a row, float64 those of an image.
    height, size = images.shape[1], images.shape[2] * images.shape[3]
    rows = tf.cast(tf.reshape(images, (-1, height, size)), tf.float32)
    rows = tf.linalg.matvec(rows, tf.ones(size))
    return tf.reduce_sum(tf.cast(rows, tf.float64), axis=1) / (height * size)
