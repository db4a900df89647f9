"""One interpolation for all that moves pixels: images and masks taken from a grid of places.

A pixel's channels and its label travel as the bytes of 32-bit words, so that each of its four
neighbours is fetched once for all of them.
"""

import tensorflow as tf

CONTROL_POINTS = 4


def bend_rows(control, height, width):
    """Displacements that bend an image, cubic down its rows; `affine_grid` does its columns.

    Args:
        control: Displacement of 4x4 control points as fractions of height and width, float32
            `(batch, 4, 4, 2)`.

    Returns: displacement in pixels of the points of 4 columns, float32 `(batch, 2, height, 4)`.
    """
    # Written out: a sum of four does not depend on the size of the batch.
    down = _cubic_weights(height)
    rows = sum(control[:, i, None] * down[i][:, None, None] for i in range(CONTROL_POINTS))
    return tf.transpose(rows, (0, 3, 1, 2)) * [[[float(height)]], [[float(width)]]]


def affine_grid(affine, height, width, bend=None):
    """Where each pixel comes from: (row, column), float32, two of `(batch, height, width)`.

    Args:
        affine: float32 `(batch, 2, 3)`: source (row, column) from (row, column, 1), all counted
            from the middle of the image.
        bend: See `bend_rows`; `None` for none.
    """
    middle = (height - 1) / 2, (width - 1) / 2
    row = (tf.range(height, dtype=tf.float32) - middle[0])[:, None]
    column = tf.range(width, dtype=tf.float32) - middle[1]
    across = _cubic_weights(width)

    def coordinate(k):
        a = affine[:, k, :, None, None]
        place = a[:, 0] * row + a[:, 1] * column + (a[:, 2] + middle[k])
        if bend is not None:
            place += sum(bend[:, k, :, j, None] * across[j] for j in range(CONTROL_POINTS))
        return place

    return coordinate(0), coordinate(1)


# Packing and unpacking are compiled apart from the warp: as one, XLA would pack a pixel anew for
# each of its four readers and warp it anew for each of its bytes.
@tf.function(jit_compile=True)
def pack(images, masks):
    """The bytes of each pixel, channels and then label, in uint32 words `(batch, height, width)`.

    Args:
        images: uint8 `(batch, height, width, channels)`.
        masks: uint8 `(batch, height, width)`, or `None`.
    """
    values = tf.unstack(images, axis=-1) + ([] if masks is None else [masks])
    return _words([tf.cast(v, tf.uint32) for v in values])


@tf.function(jit_compile=True)
def unpack(words, channels, has_masks):
    """The images and masks (or `None`) that went into `pack`."""
    values = tf.concat([tf.bitcast(word, tf.uint8) for word in words], axis=-1)
    return values[..., :channels], values[..., channels] if has_masks else None


def resample(words, grid, channels, has_masks, recolour=None, fill="reflect", ignore_class=None):
    """Bilinear values of the channels and the nearest label at a grid.

    Args:
        words: See `pack`.
        grid: Rows and columns, float32 `(batch, height, width)` each.
        channels: Number of bytes that are channels.
        has_masks: Whether the byte after them is a label.
        recolour: Function of the list of channels, float32 `(batch, height, width)`, to a list
            like it. After it values are cut to 0..255 and rounded.
        fill: What lies around an image: "reflect", its mirror image, or "zero".
        ignore_class: Label of what lies around a mask; with `None` its mirror image.

    Returns: words.
    """
    height, width = words[0].shape[1:]
    row, column = _mirrored(grid[0], height), _mirrored(grid[1], width)
    inside = _is_inside(grid[0], height) & _is_inside(grid[1], width)
    down, across = row - tf.floor(row), column - tf.floor(column)
    corners = _corners(words, tf.cast(row, tf.int32), tf.cast(column, tf.int32))

    def interpolated(k):
        a, b, c, d = (_byte(corner, k) for corner in corners)
        above, below = a + across * (b - a), c + across * (d - c)
        return above + down * (below - above)

    values = [interpolated(k) for k in range(channels)]
    values = values if recolour is None else recolour(values)
    # The cast cuts off: adding a half rounds. XLA has no fast one to unsigned integers.
    values = [tf.cast(tf.clip_by_value(v, 0, 255) + 0.5, tf.int32) for v in values]
    if fill == "zero":
        values = [tf.where(inside, v, 0) for v in values]
    words = _words([tf.cast(v, tf.uint32) for v in values])
    if has_masks:
        a, b, c, d = (corner[channels // 4] for corner in corners)
        upper, lower = tf.where(across < 0.5, a, b), tf.where(across < 0.5, c, d)
        label = _label(tf.where(down < 0.5, upper, lower), channels)
        if ignore_class is not None:
            void = tf.constant(ignore_class << 8 * (channels % 4), tf.uint32)
            label = tf.where(inside, label, void)
        words = [*words[: channels // 4], sum(words[channels // 4 :], label)]
    return words


def _cubic_weights(size):
    """Share of each control point in each of `size` pixels, float32 `(n, size)`."""
    # Outside of the compiled function, which has no bicubic resize.
    with tf.init_scope():
        points = tf.eye(CONTROL_POINTS)[:, :, None]
        weights = tf.image.resize(points, (CONTROL_POINTS, size), method="bicubic")
        return weights[..., 0].numpy()


def _mirrored(place, size):
    """Places in `0..size - 1`; those beyond an end are as far on this side of it."""
    last = size - 1
    return tf.clip_by_value(last - tf.abs(last - tf.abs(place)), 0, last)


def _is_inside(place, size):
    """Whether the pixel nearest to a place is one of `0..size - 1`."""
    return (place >= -0.5) & (place <= size - 0.5)


def _corners(words, row, column):
    """The pixels at a place, right of, below, and below right of it: four lists of words."""
    height, width = words[0].shape[1:]
    first = tf.range(tf.shape(row)[0])[:, None, None] * (height * width)
    upper = first + row * width
    lower = first + tf.minimum(row + 1, height - 1) * width
    right = tf.minimum(column + 1, width - 1)
    places = upper + column, upper + right, lower + column, lower + right
    flat = [tf.reshape(word, [-1]) for word in words]
    return [[tf.gather(word, place) for word in flat] for place in places]


def _words(values):
    """Every four values in 0..255, uint32, as one."""
    fours = [values[i : i + 4] for i in range(0, len(values), 4)]
    return [sum(v * 256**k for k, v in enumerate(four)) for four in fours]


def _byte(words, k):
    """Value number k of `words` as float32."""
    shifted = tf.bitwise.right_shift(words[k // 4], tf.constant(8 * (k % 4), tf.uint32))
    byte = tf.bitwise.bitwise_and(shifted, tf.constant(255, tf.uint32))
    return tf.cast(tf.cast(byte, tf.int32), tf.float32)


def _label(word, k):
    """A word with all but byte number k set to 0."""
    return tf.bitwise.bitwise_and(word, tf.constant(255 << 8 * (k % 4), tf.uint32))
