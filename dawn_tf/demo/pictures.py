"""Pictures of an answer, as RGB arrays in 0..255."""

import base64

import numpy as np
import tensorflow as tf

from dawn_tf.data.images import resize_image
from dawn_tf.evaluation.report.image_plots import overlay, to_rgb
from dawn_tf.evaluation.report.style import class_colors

_SIDE = 384  # Small images are enlarged to this, so that a page need not blur them.
# Apart also for colour-blind eyes, of Okabe and Ito: bluish green, reddish purple. The first
# classes of masks have other colours.
GLOBAL, DETAIL = np.array([0, 158, 115]) / 255, np.array([204, 121, 167]) / 255


def enlarged(image):
    """`image` with a longer side of at least `_SIDE`, each pixel a square."""
    factor = max(1, _SIDE // max(image.shape[:2]))
    return image.repeat(factor, 0).repeat(factor, 1)


def masked(image, mask, num_classes):
    """The image with the classes of its mask tinted, the background as it is."""
    tinted = overlay(to_rgb(image), mask, class_colors(num_classes), ignore_class=None)
    return enlarged(_bytes(tinted))


def gate_map(image, gate):
    """The image in grey, tinted where the gate takes sides: green the global decoder's, purple
    the detail decoder's, the stronger the further from one half.

    Args:
        image: `(height, width, channels)` in 0..255.
        gate: `(rows, columns)` in 0..1.
    """
    grey = to_rgb(image).mean(-1, keepdims=True)
    trust = np.uint8(gate[..., None] * 255)
    trust = np.asarray(resize_image(trust, image.shape[:2]), float) / 255
    strength = 0.85 * np.abs(2 * trust - 1)
    color = np.where(trust > 0.5, DETAIL, GLOBAL)
    return enlarged(_bytes((1 - strength) * grey + strength * color))


def data_uri(image):
    """An RGB image in 0..255 as the `src` of an `<img>`."""
    png = tf.io.encode_png(image).numpy()
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def swatch(color):
    """A colour as CSS, from an RGB triple in 0..1."""
    return "rgb({}, {}, {})".format(*_bytes(np.asarray(color)))


def _bytes(image):
    return np.uint8(np.clip(image, 0, 1) * 255 + 0.5)
