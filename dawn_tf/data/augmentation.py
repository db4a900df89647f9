"""Random changes to images, the more often the rarer the class."""

import math

import numpy as np
import tensorflow as tf

from dawn_tf.data.stateless import uniform

_CONTROL_POINTS = 4
# Draws of an example: one that decides and one that measures for each change below.
_FLIP_LEFT_RIGHT, _FLIP_UP_DOWN, _ROTATE, _ANGLE, _BEND, _JITTER = range(6)
_BRIGHTNESS, _CONTRAST, _SATURATION = range(6, 9)
_CONTROL = 9
_NUM_DRAWS = _CONTROL + 2 * _CONTROL_POINTS**2


class Augmenter:
    """Flips, rotates, bends and recolours a batch of images, and its masks with them.

    Each change is made to an example of class c with probability
    `p_c = p_head + (p_tail - p_head) * log(n_max / n_c) / log(n_max / n_min)`,
    `n_c` being the counts: `p_head` for the commonest class, `p_tail` for the rarest.

    Flips, rotation and elastic deformation become one sampling grid, by which the image is
    interpolated once (bilinear) and the mask looked up once (nearest): the two move together, and
    no label arises that was not there. Outside of the image its edge goes on; outside of the mask
    is `ignore_class`, or where there is none the mask's edge. Colours change after that.

    All randomness of an example is a function of `seed` and its example number, so neither the
    other examples of the batch nor the number of threads matter.

    Args:
        class_counts: Examples (or pixels) per class of the training part, `(C,)`.
        flip_left_right: Whether to mirror.
        flip_up_down: Whether to turn upside down.
        rotation: Largest rotation about the middle, either way, in degrees.
        elastic: Largest displacement of the 4x4 control points, as a fraction of height and
            width; between them it is bicubic. After
            [Ronneberger et al., 2015](https://arxiv.org/abs/1505.04597).
        jitter: Largest change j of brightness (`+- 255 * j`), of contrast about the mean of the
            image and of saturation about its grey (factors `1 +- j`; grey of 3 channels only).
        p_head: Probability for the commonest class.
        p_tail: Probability for the rarest class.
        ignore_class: Label of pixels that came from outside of the mask, or `None`.
        seed: Integer.

    Call arguments:
        images: `(batch, height, width, channels)` in 0..255.
        masks: Integer labels, `(batch, height, width)`, or `None`.
        labels: Class of each example, `(batch,)`.
        example_numbers: int64 `(batch,)`, one number per example and draw of it.

    Returns: images, float32 in 0..255, and masks of the dtype given, or `None`.

    Raises: `ValueError` for probabilities or strengths out of range, and for rows.
    """

    def __init__(
        self,
        class_counts,
        flip_left_right=True,
        flip_up_down=False,
        rotation=15.0,
        elastic=0.04,
        jitter=0.1,
        p_head=0.5,
        p_tail=0.9,
        ignore_class=None,
        seed=0,
    ):
        _check_range(0, 1, p_head=p_head, p_tail=p_tail, elastic=elastic, jitter=jitter)
        _check_range(0, 180, rotation=rotation)
        self.flip_left_right = flip_left_right
        self.flip_up_down = flip_up_down
        self.rotation = rotation
        self.elastic = elastic
        self.jitter = jitter
        self.ignore_class = ignore_class
        self.seed = seed
        self.probabilities = probabilities(class_counts, p_head, p_tail)

    def __call__(self, images, masks, labels, example_numbers):
        if images.shape.rank != 4:
            raise ValueError(
                "Expected images of shape (batch, height, width, channels). Received: "
                f"images.shape={tuple(images.shape)}. Train rows without an augmenter."
            )
        return self._augment(images, masks, labels, example_numbers)

    # XLA makes one loop over the pixels of what is some hundred passes over memory otherwise.
    @tf.function(jit_compile=True)
    def _augment(self, images, masks, labels, example_numbers):
        draws = self._draws(labels, example_numbers)
        grid = self._grid(draws, *images.shape[1:3])
        images = self._recolour(interpolate(images, grid), draws)
        return images, None if masks is None else look_up(masks, grid, self.ignore_class)

    def _draws(self, labels, example_numbers):
        """What happens to each example: tensors `(batch,)`, 0 where nothing does."""
        numbers = tf.cast(example_numbers, tf.int64)[:, None]
        draws = uniform(self.seed, numbers, tf.range(_NUM_DRAWS, dtype=tf.int64))
        p = tf.gather(tf.constant(self.probabilities), labels)

        def happens(draw):
            return tf.cast(draws[:, draw] < p, tf.float64)

        def strength(draw, largest):
            return (2 * draws[:, draw] - 1) * largest

        control = happens(_BEND)[:, None] * (2 * draws[:, _CONTROL:] - 1) * self.elastic
        recoloured = happens(_JITTER)
        return {
            "left_right": happens(_FLIP_LEFT_RIGHT) * self.flip_left_right,
            "up_down": happens(_FLIP_UP_DOWN) * self.flip_up_down,
            "angle": happens(_ROTATE) * strength(_ANGLE, math.radians(self.rotation)),
            "control": tf.reshape(control, (-1, _CONTROL_POINTS, _CONTROL_POINTS, 2)),
            "brightness": recoloured * strength(_BRIGHTNESS, 255 * self.jitter),
            "contrast": 1 + recoloured * strength(_CONTRAST, self.jitter),
            "saturation": 1 + recoloured * strength(_SATURATION, self.jitter),
        }

    def _grid(self, draws, height, width):
        """Where each pixel comes from: (row, column), float32, two of `(batch, height, width)`."""

        def over_space(draw):
            # Sines are taken in float64 and rounded here: they can differ in the last bit with
            # the place of an example in its batch.
            return tf.cast(draw, tf.float32)[:, None, None]

        middle = (height - 1) / 2, (width - 1) / 2
        row = (tf.range(height, dtype=tf.float32) - middle[0])[None, :, None]
        column = (tf.range(width, dtype=tf.float32) - middle[1])[None, None, :]
        row = row * over_space(1 - 2 * draws["up_down"])
        column = column * over_space(1 - 2 * draws["left_right"])
        cos, sin = over_space(tf.cos(draws["angle"])), over_space(tf.sin(draws["angle"]))
        row, column = cos * row + sin * column, cos * column - sin * row
        if self.elastic:
            control = tf.cast(draws["control"], tf.float32) * (height, width)
            row += _surface(control[..., 0], height, width)
            column += _surface(control[..., 1], height, width)
        return row + middle[0], column + middle[1]

    def _recolour(self, images, draws):
        if not self.jitter:
            return images

        def over_image(draw):
            return tf.cast(draw, tf.float32)[:, None, None, None]

        if images.shape[-1] == 3:
            grey = tf.reduce_sum(images * (0.299, 0.587, 0.114), axis=-1, keepdims=True)
            images = grey + over_image(draws["saturation"]) * (images - grey)
        # Float64: the order of a sum depends on the size of the batch.
        mean = tf.reduce_mean(tf.cast(images, tf.float64), axis=(1, 2, 3), keepdims=True)
        mean = tf.cast(mean, tf.float32)
        images = mean + over_image(draws["contrast"]) * (images - mean)
        return tf.clip_by_value(images + over_image(draws["brightness"]), 0, 255)


def probabilities(class_counts, p_head, p_tail):
    """Probability of a change by class, float64 `(C,)`; see `Augmenter`.

    A class without examples counts as the rarest; with classes of one size all get `p_head`.
    """
    counts = np.asarray(class_counts, "float64")
    n_max, n_min = counts.max(), counts[counts > 0].min()
    if n_max == n_min:
        return np.full(len(counts), float(p_head))
    rarity = np.log(n_max / np.maximum(counts, n_min)) / np.log(n_max / n_min)
    return p_head + (p_tail - p_head) * rarity


def interpolate(images, grid):
    """Bilinear values of images at a grid; beyond the edge, of the edge.

    Args:
        images: `(batch, height, width, channels)`.
        grid: Rows and columns, float32 `(batch, height, width)` each.

    Returns: float32 tensor of the shape of `images`.
    """
    height, width = images.shape[1:3]
    row = tf.clip_by_value(grid[0], 0, height - 1)
    column = tf.clip_by_value(grid[1], 0, width - 1)
    top, left = tf.floor(row), tf.floor(column)
    bottom, right = tf.minimum(top + 1, height - 1), tf.minimum(left + 1, width - 1)
    down, across = (row - top)[..., None], (column - left)[..., None]

    def corner(r, c):
        return tf.cast(_gather(images, r, c), tf.float32)

    upper_left, lower_left = corner(top, left), corner(bottom, left)
    upper = upper_left + across * (corner(top, right) - upper_left)
    lower = lower_left + across * (corner(bottom, right) - lower_left)
    return upper + down * (lower - upper)


def look_up(masks, grid, ignore_class=None):
    """Labels nearest to a grid; beyond the edge `ignore_class`, or without one the edge's.

    Args:
        masks: Integers, `(batch, height, width)`.
        grid: Rows and columns, float32 `(batch, height, width)` each.
        ignore_class: Label, or `None`.
    """
    height, width = masks.shape[1:3]
    row, column = tf.round(grid[0]), tf.round(grid[1])
    inner_row, inner_column = (
        tf.clip_by_value(row, 0, height - 1),
        tf.clip_by_value(column, 0, width - 1),
    )
    found = _gather(masks[..., None], inner_row, inner_column)[..., 0]
    if ignore_class is None:
        return found
    inside = (row == inner_row) & (column == inner_column)
    return tf.where(inside, found, tf.cast(ignore_class, masks.dtype))


def _surface(control, height, width):
    """Bicubic surface, `(batch, height, width)`, over control points `(batch, n, n)`."""
    down, across = _cubic_weights(height), _cubic_weights(width)
    rows = tf.reduce_sum(control[:, :, None, :] * down[:, :, None], axis=1)
    return tf.reduce_sum(rows[..., None] * across, axis=2)


def _cubic_weights(size):
    """Share of each control point in each of `size` pixels, float32 `(n, size)`."""
    # Outside of the compiled function, which has no bicubic resize.
    with tf.init_scope():
        points = tf.eye(_CONTROL_POINTS)[:, :, None]
        weights = tf.image.resize(points, (_CONTROL_POINTS, size), method="bicubic")
        return weights[..., 0].numpy()


def _gather(values, row, column):
    """`values[b, row, column]`, the place in the flattened batch being one index."""
    _, height, width, channels = values.shape
    batch = tf.range(tf.shape(values)[0])[:, None, None]
    place = (batch * height + tf.cast(row, tf.int32)) * width + tf.cast(column, tf.int32)
    return tf.gather(tf.reshape(values, (-1, channels)), place)


def _check_range(low, high, **arguments):
    for name, value in arguments.items():
        if not low <= value <= high:
            raise ValueError(
                f"Expected {name} in {low}..{high}. Received: {name}={value}. "
                "0 switches that change off."
            )
