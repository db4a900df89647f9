"""Random changes to images, the more often the rarer the class."""

import math

import numpy as np
import tensorflow as tf

from dawn_tf.data.colour import colour_terms, recolour
from dawn_tf.data.stateless import uniform
from dawn_tf.data.warp import CONTROL_POINTS, affine_grid, bend_rows, pack, resample, unpack

FILLS = ("reflect", "zero")
# Draws of an example: one that decides and one that measures for each change below.
_FLIP_LEFT_RIGHT, _FLIP_UP_DOWN, _ROTATE, _ANGLE, _SCALE, _ZOOM, _BEND, _JITTER = range(8)
_BRIGHTNESS, _CONTRAST, _SATURATION, _SHIFT_ROWS, _SHIFT_COLUMNS = range(8, 13)
_CONTROL = 13
_NUM_DRAWS = _CONTROL + 2 * CONTROL_POINTS**2


class Augmenter:
    """Flips, rotates, scales, bends and recolours a batch of images, and its masks with them.

    Each change is made to an example of class c with probability
    `p_c = p_head + (p_tail - p_head) * log(n_max / n_c) / log(n_max / n_min)`,
    `n_c` being the counts: `p_head` for the commonest class, `p_tail` for the rarest. Only the
    shift is drawn for every example.

    Flips, shift, rotation, scale and elastic deformation become one sampling grid, by which the
    image is interpolated once (bilinear) and the mask looked up once (nearest): the two move
    together, and no label arises that was not there. Outside of the image is what `fill` says;
    outside of the mask is `ignore_class`, or where there is none the mask's mirror image. An image
    to which nothing happens stays as it is, bit by bit.

    All randomness of an example is a function of `seed` and its example number, so neither the
    other examples of the batch nor the number of threads matter.

    The usual augmentation of CIFAR (a crop of 32x32 out of the image padded by 4 zeros, mirrored
    half of the time) is `Augmenter(class_counts, rotation=0, scale=0, elastic=0, jitter=0,
    shift=4, fill="zero", p_tail=0.5)`.

    Args:
        class_counts: Examples (or pixels) per class of the training part, `(C,)`.
        flip_left_right: Whether to mirror.
        flip_up_down: Whether to turn upside down.
        rotation: Largest rotation about the middle, either way, in degrees.
        scale: Largest change of size s: factors from `1 / (1 + s)` to `1 + s`, their logarithm
            uniform.
        shift: Largest shift of rows and of columns, either way, in whole pixels; every number of
            pixels is as likely.
        elastic: Largest displacement of the 4x4 control points, as a fraction of height and
            width; between them it is bicubic. After
            [Ronneberger et al., 2015](https://arxiv.org/abs/1505.04597).
        jitter: Largest change j of brightness (`+- 255 * j`), of contrast about the mean of the
            image and of saturation about its grey (factors `1 +- j`; grey of 3 channels only).
        fill: "reflect", the image mirrored at its edge, or "zero", black.
        p_head: Probability for the commonest class.
        p_tail: Probability for the rarest class.
        ignore_class: Label of pixels that came from outside of the mask, or `None`.
        seed: Integer.

    Call arguments:
        images: uint8 `(batch, height, width, channels)`.
        masks: uint8 labels, `(batch, height, width)`, or `None`.
        labels: Class of each example, `(batch,)`.
        example_numbers: int64 `(batch,)`, one number per example and draw of it.

    Returns: images and masks (or `None`), uint8 as they came.

    Raises: `ValueError` for probabilities or strengths out of range, for rows, for images or
        masks that are not uint8, and for masks with `fill="zero"` but no `ignore_class`.
    """

    def __init__(
        self,
        class_counts,
        flip_left_right=True,
        flip_up_down=False,
        rotation=15.0,
        scale=0.1,
        shift=0,
        elastic=0.04,
        jitter=0.1,
        fill="reflect",
        p_head=0.5,
        p_tail=0.9,
        ignore_class=None,
        seed=0,
    ):
        _check_range(0, 1, p_head=p_head, p_tail=p_tail, elastic=elastic, jitter=jitter)
        _check_range(0, 180, rotation=rotation)
        _check_range(0, math.inf, scale=scale, shift=shift)
        if fill not in FILLS:
            raise ValueError(
                f"Expected a fill among {FILLS}. Received: fill={fill!r}. Choose one of them."
            )
        self.flip_left_right = flip_left_right
        self.flip_up_down = flip_up_down
        self.rotation = rotation
        self.scale = scale
        self.shift = shift
        self.elastic = elastic
        self.jitter = jitter
        self.fill = fill
        self.ignore_class = ignore_class
        self.seed = seed
        self.probabilities = probabilities(class_counts, p_head, p_tail)

    def __call__(self, images, masks, labels, example_numbers):
        if images.shape.rank != 4:
            raise ValueError(
                "Expected images of shape (batch, height, width, channels). Received: "
                f"images.shape={tuple(images.shape)}. Train rows without an augmenter."
            )
        for name, value in (("images", images), ("masks", masks)):
            if value is not None and value.dtype != tf.uint8:
                raise ValueError(
                    f"Expected {name} of dtype uint8. Received: {name}.dtype={value.dtype.name}. "
                    "Cast them with tf.cast."
                )
        channels, has_masks = images.shape[-1], masks is not None
        if has_masks and self.fill == "zero" and self.ignore_class is None:
            raise ValueError(
                "Expected an ignore_class for the mask of what is filled with zeros. Received: "
                "fill='zero', ignore_class=None. Name one, or use fill='reflect'."
            )
        plan = self._plan(images, labels, example_numbers)
        words = self._warp(pack(images, masks), channels, has_masks, *plan)
        return unpack(words, channels, has_masks)

    # XLA makes one loop over the pixels of what is some hundred passes over memory otherwise.
    @tf.function(jit_compile=True)
    def _warp(self, words, channels, has_masks, affine, bend, colours):
        grid = affine_grid(affine, *words[0].shape[1:], bend if self.elastic else None)
        change = (lambda values: recolour(values, colours)) if self.jitter else None
        return resample(words, grid, channels, has_masks, change, self.fill, self.ignore_class)

    @tf.function(jit_compile=True)
    def _plan(self, images, labels, example_numbers):
        """What happens to each example: its affine map, its bend and its colours."""
        numbers = tf.cast(example_numbers, tf.int64)[:, None]
        draws = uniform(self.seed, numbers, tf.range(_NUM_DRAWS, dtype=tf.int64))
        p = tf.gather(tf.constant(self.probabilities), labels)

        def happens(draw):
            return tf.cast(draws[:, draw] < p, tf.float64)

        def strength(draw, largest):
            return (2 * draws[:, draw] - 1) * largest

        def pixels(draw):
            return tf.floor(draws[:, draw] * (2 * self.shift + 1)) - self.shift

        affine = _affine(
            up_down=happens(_FLIP_UP_DOWN) * self.flip_up_down,
            left_right=happens(_FLIP_LEFT_RIGHT) * self.flip_left_right,
            angle=happens(_ROTATE) * strength(_ANGLE, math.radians(self.rotation)),
            zoom=tf.exp(happens(_SCALE) * strength(_ZOOM, math.log1p(self.scale))),
            shift=(pixels(_SHIFT_ROWS), pixels(_SHIFT_COLUMNS)),
        )
        control = happens(_BEND)[:, None] * (2 * draws[:, _CONTROL:] - 1) * self.elastic
        control = tf.reshape(control, (-1, CONTROL_POINTS, CONTROL_POINTS, 2))
        bend = bend_rows(tf.cast(control, tf.float32), *images.shape[1:3])
        colours = colour_terms(
            images,
            saturation=1 + happens(_JITTER) * strength(_SATURATION, self.jitter),
            contrast=1 + happens(_JITTER) * strength(_CONTRAST, self.jitter),
            brightness=happens(_JITTER) * strength(_BRIGHTNESS, 255 * self.jitter),
        )
        return affine, bend, colours


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


def _affine(up_down, left_right, angle, zoom, shift):
    """Source of each place of the changed image, float32 `(batch, 2, 3)`; see `affine_grid`."""
    cos, sin = tf.cos(angle) / zoom, tf.sin(angle) / zoom
    up_down, left_right = 1 - 2 * up_down, 1 - 2 * left_right
    rows = cos * up_down, sin * left_right
    columns = -sin * up_down, cos * left_right
    affine = [[a, b, -a * shift[0] - b * shift[1]] for a, b in (rows, columns)]
    # Sines are taken in float64 and rounded here: they can differ in the last bit with the place
    # of an example in its batch.
    return tf.cast(tf.stack([tf.stack(row, axis=-1) for row in affine], axis=1), tf.float32)


def _check_range(low, high, **arguments):
    for name, value in arguments.items():
        if not low <= value <= high:
            raise ValueError(
                f"Expected {name} in {low}..{high}. Received: {name}={value}. "
                "0 switches that change off."
            )
