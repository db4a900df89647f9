"""Sobel gradient of maps, `(batch, height, width, channels)`."""

from keras import ops

# Differences below the rounding of probabilities: no edge, so no gradient of random direction.
FLAT = 1e-6


def sobel_magnitude(x):
    """Length of the Sobel gradient of each channel; `(batch, height, width, channels)`.

    `sqrt(gx**2 + gy**2)` with the 3x3 Sobel kernels divided by 4, the border pixels repeated
    outwards: a straight step of height 1 has length 1 at the pixels on both its sides. Lengths up
    to 1e-6 are 0 with zero gradient, so flat maps are exactly 0.
    After Sobel and Feldman, 1968 (Duda and Hart, Pattern Classification and Scene Analysis, 1973).
    """
    x = repeat_border(x)
    gx = difference(smooth(x, axis=1), axis=2)
    gy = difference(smooth(x, axis=2), axis=1)
    square = gx * gx + gy * gy
    flat = square <= FLAT**2
    # The inner `where` keeps the infinite slope of the root at 0 out of the gradient.
    return ops.where(flat, 0.0, ops.sqrt(ops.where(flat, 1.0, square)))


def touches(mask):
    """Positive where a pixel of `mask`, 0 or 1, is in the Sobel stencil, else 0; same shape."""
    return smooth(smooth(repeat_border(mask), axis=1), axis=2)


def repeat_border(x):
    """The maps with one more pixel on each side."""
    return ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")


def smooth(x, axis):
    """Weights 1/4, 1/2, 1/4 along axis 1 or 2; two pixels shorter."""
    before, at, after = windows(x, axis)
    return (before + after) / 4.0 + at / 2.0


def difference(x, axis):
    """The pixel after minus the pixel before along axis 1 or 2; two pixels shorter."""
    before, _, after = windows(x, axis)
    return after - before


def windows(x, axis):
    """`x` without the last two, the outer two and the first two pixels along axis 1 or 2."""
    size = list(ops.shape(x))
    size[axis] -= 2
    # Indexing would do, but TensorFlow's gradient of it is nine times slower on a CPU.
    starts = [[i if a == axis else 0 for a in range(4)] for i in range(3)]
    return [ops.slice(x, start, size) for start in starts]
