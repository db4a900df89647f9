"""Sobel gradient of maps, `(batch, height, width, channels)`.

`m = sqrt(gx**2 + gy**2)` with the 3x3 Sobel kernels divided by 4, the border pixels repeated
outwards: a straight step of height 1 has length 1 at the pixels on both its sides. Lengths up to
1e-6 are 0 with zero gradient, so flat maps are exactly 0.
After Sobel and Feldman, 1968 (Duda and Hart, Pattern Classification and Scene Analysis, 1973).

Inside, a row of the map is one long row of its pixels and channels, `(batch, height, width *
channels)`: few channels would fill no vector of the processor.
"""

from keras import ops

# Differences below the rounding of probabilities: no edge, so no gradient of random direction.
FLAT = 1e-6


def sobel_magnitude(x):
    """Length `m` of the Sobel gradient of each channel; shaped like `x`."""
    return ops.reshape(length(*gradient(to_rows(x), x.shape[-1])), ops.shape(x))


def edge_difference(p, y, void, squared=False):
    """`|m(p) - m(y)|`, or its square, summed over the pixels; `(batch, channels)`.

    Its gradient, with respect to `p` alone, is written out, as the automatic one of slices is
    several times slower:

        d|m(p) - m(y)| / dp = Gx'(s * gx / m) + Gy'(s * gy / m),    s = sign(m(p) - m(y)),

    `Gx'` and `Gy'` being the transposed stencils.

    Args:
        p, y: Maps.
        void: 1 at the pixels without a label and 0 at the others, `(batch, height, width, 1)`:
            they and the eight neighbours of each are left out.
        squared: Whether the differences are squared.
    """
    y = ops.stop_gradient(y)
    channels, shape = p.shape[-1], ops.shape(p)

    def masked(gap):
        counted = ops.cast(touches(void) == 0, "float32")
        return gap * ops.reshape(ops.broadcast_to(counted, shape), ops.shape(gap))

    @ops.custom_gradient
    def total(p):
        gx, gy = gradient(to_rows(p), channels)
        m = length(gx, gy)
        gap = m - length(*gradient(to_rows(y), channels))
        # The mask, which few batches need, costs as much as all the rest.
        gap = ops.cond(ops.any(void > 0), lambda: masked(gap), lambda: gap)
        values = ops.square(gap) if squared else ops.abs(gap)
        slope = 2.0 * gap if squared else ops.sign(gap)
        slope = ops.where(m > 0, slope / ops.where(m > 0, m, 1.0), 0.0)

        def backward(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            each = ops.reshape(transposed(slope * gx, slope * gy, channels), shape)
            return each * upstream[:, None, None, :]

        return ops.sum(ops.reshape(values, shape), axis=(1, 2)), backward

    return total(p)


def touches(mask):
    """Positive where a pixel of `mask`, 0 or 1, is in the Sobel stencil, else 0; same shape."""
    rows, channels = to_rows(mask), mask.shape[-1]
    return ops.reshape(smooth(smooth(rows, 1, 1), 2, channels), ops.shape(mask))


def gradient(rows, channels):
    """`(gx, gy)` of what `to_rows` gives, `(batch, height, width * channels)` each."""
    gx = difference(smooth(rows, 1, 1), 2, channels)
    gy = smooth(difference(rows, 1, 1), 2, channels)
    return gx, gy


def length(gx, gy):
    square = gx * gx + gy * gy
    flat = square <= FLAT**2
    # The inner `where` keeps the infinite slope of the root at 0 out of the gradient.
    return ops.where(flat, 0.0, ops.sqrt(ops.where(flat, 1.0, square)))


def to_rows(x):
    """The maps with one more pixel on each side, `(batch, height + 2, (width + 2) * channels)`."""
    x = ops.concatenate([x[:, :1], x, x[:, -1:]], axis=1)
    x = ops.concatenate([x[:, :, :1], x, x[:, :, -1:]], axis=2)
    batch, height, width, channels = ops.shape(x)
    return ops.reshape(x, (batch, height, width * channels))


def transposed(gx, gy, channels):
    """The transpose of `gradient` after `to_rows`: from maps like its results to one like `x`."""
    margin = ((0, 0), (2, 2), (2 * channels, 2 * channels))
    gx, gy = ops.pad(gx, margin), ops.pad(gy, margin)
    # Smoothing is its own transpose, the difference is its own with the sign turned.
    x = -difference(smooth(gx, 1, 1), 2, channels) - smooth(difference(gy, 1, 1), 2, channels)
    batch, height, width = ops.shape(x)
    x = ops.reshape(x, (batch, height, width // channels, channels))
    return fold_border(fold_border(x, 1), 2)


def fold_border(x, axis):
    """Adds the outermost pixels along an axis to those within, from where they were repeated."""
    size = ops.shape(x)[axis] - 2
    first, last = part(x, axis, 0, 1), part(x, axis, size + 1, 1)
    if isinstance(size, int) and size > 1:  # Faster than the sum below.
        first = first + part(x, axis, 1, 1)
        last = part(x, axis, size, 1) + last
        return ops.concatenate([first, part(x, axis, 2, size - 2), last], axis=axis)
    before, after = ([(0, 0)] * 4 for _ in range(2))
    before[axis], after[axis] = (size - 1, 0), (0, size - 1)
    return part(x, axis, 1, size) + ops.pad(first, after) + ops.pad(last, before)


def smooth(x, axis, step):
    """Weights 1/4, 1/2, 1/4 along an axis, neighbours being `step` apart; `2 * step` shorter."""
    size = ops.shape(x)[axis] - 2 * step
    sides = part(x, axis, 0, size) + part(x, axis, 2 * step, size)
    return sides / 4.0 + part(x, axis, step, size) / 2.0


def difference(x, axis, step):
    """The pixel after minus the pixel before along an axis; `2 * step` shorter."""
    size = ops.shape(x)[axis] - 2 * step
    return part(x, axis, 2 * step, size) - part(x, axis, 0, size)


def part(x, axis, start, size):
    """`size` entries along an axis from `start` on."""
    sizes = list(ops.shape(x))
    sizes[axis] = size
    # Indexing would do, but TensorFlow's gradient of it is nine times slower on a CPU.
    return ops.slice(x, [start if a == axis else 0 for a in range(len(sizes))], sizes)
