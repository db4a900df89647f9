"""Weights of the Lovász extension of the Jaccard loss: `loss = sum(errors * weights)`.

Let `errors` be `|y - p|` of one class at each pixel and `J(S) = 1 - |Y - S| / |Y u S|` the Jaccard
loss if exactly the pixels `S` are wrong, `Y` being those of the class. With the errors sorted,
`e_1 >= e_2 >= ...`, the Lovász extension is

    loss = sum_i e_i * g_i,    g_i = J({1..i}) - J({1..i-1})

([Berman et al., 2018](https://arxiv.org/abs/1705.08790), Eq. 8 and 9). `g` depends on the order
alone, so the extension is linear wherever no two errors are equal: with `g` held constant both
`loss` and its gradient `g` are exact, and where errors are equal `g` is a subgradient. The
functions here give `g`, in the order of the pixels and outside of differentiation.

The differences need not be computed as such, which would cancel: with `U` the size of the union
`|Y u S|` and `R` the pixels of `Y` outside `S`, both after step i,

    g_i = 1 / U                  at a pixel of the class: R falls by one,
    g_i = R / (U * (U - 1))      elsewhere: U grows by one.

Pixels that are not valid change neither `R` nor `U` and weigh 0, wherever they are sorted.
Without a pixel of the class `J` is 1 as soon as a pixel is wrong, so the largest error weighs 1.
Counts are float32: exact to 2^24 pixels in a row.
"""

from keras import ops


def sorted_weights(errors, y, valid):
    """Exact weights, by one sort of all rows.

    Args:
        errors: Errors in `[0, 1]`, `(rows, pixels)`, each row a class of an image or of a batch.
        y: 1 at the pixels of the row's class, else 0; same shape.
        valid: 1 at the pixels that count, else 0; same shape.

    Returns: Weights of that shape, at least 0, of sum 1 in every row with a valid pixel.
    """
    errors, y, valid = (ops.stop_gradient(x) for x in (errors, y, valid))
    rows, pixels = ops.shape(errors)
    order = ops.argsort(-errors, axis=-1) + ops.arange(rows)[:, None] * pixels
    order = ops.reshape(order, (rows * pixels,))
    y, valid = (
        ops.reshape(ops.take(ops.reshape(x, (rows * pixels,)), order), (rows, pixels))
        for x in (y, valid)
    )
    positives = ops.sum(y, axis=-1, keepdims=True)
    wrong = ops.cumsum(valid - y, axis=-1)
    remaining, union = positives - ops.cumsum(y, axis=-1), positives + wrong
    elsewhere = ops.divide_no_nan(remaining, union * (union - 1.0))
    first = ops.cast(ops.logical_and(positives == 0, wrong == 1), "float32")
    weights = ops.divide_no_nan(y, union) + (valid - y) * (elsewhere + first)
    # Adding to zeros puts every weight back to its pixel: `order` holds each index once.
    weights = ops.segment_sum(ops.reshape(weights, (-1,)), order, num_segments=rows * pixels)
    return ops.reshape(weights, (rows, pixels))


def binned_weights(errors, y, valid, bins=1024):
    """Approximate weights in linear time, from histograms of the errors instead of a sort.

    The errors of a bin, `bins` equal parts of `[0, 1]`, are taken as equal, and its pixels get
    the mean weights over all orders of them. Both kinds of weights of a bin have the sum
    `J(bins down to this one) - J(bins above)` and its errors differ by at most `1 / bins`, so

        |loss(binned) - loss(exact)| <= 1 / bins.

    Arguments and returned shape are those of `sorted_weights`, and `bins` the number of bins.
    """
    errors, y, valid = (ops.stop_gradient(x) for x in (errors, y, valid))
    rows, pixels = ops.shape(errors)
    which = ops.clip(ops.cast(errors * bins, "int32"), 0, bins - 1)
    cell = (ops.arange(rows)[:, None] * bins + which) * 2 + ops.cast(y, "int32")
    cell, valid = ops.reshape(cell, (rows * pixels,)), ops.reshape(valid, (rows * pixels,))
    counts = ops.segment_sum(valid, cell, num_segments=rows * bins * 2)
    counts = ops.reshape(counts, (rows, bins, 2))
    table = ops.reshape(bin_weights(counts[..., 0], counts[..., 1]), (rows * bins * 2,))
    return ops.reshape(ops.take(table, cell) * valid, (rows, pixels))


def bin_weights(others, positives):
    """Mean weights over all orders within each bin.

    Let `U` be the union before a bin, `V = U + b` after it, `b` its other pixels and `R` the
    positives that remain before it. A positive comes after j of the b others with the same chance
    for every j in 0..b, so it weighs `m = mean_j 1 / (U + j)`, between `1 / U` and `1 / V`:

        m = 1 / V + t * b / (U * V)          and          (R - t * f) / (U * V)

    for each other pixel, which is what is left of the bin's sum, `f` being its positives.

    Args:
        others, positives: How many valid pixels of either kind each bin holds, `(rows, bins)`,
            bins by increasing error.

    Returns: `(rows, bins, 2)`, the weight of an other pixel and of a positive.
    """
    total = ops.sum(positives, axis=-1, keepdims=True)
    above = sum_above(others)
    remaining = total - sum_above(positives)
    # Without positives the union starts empty and the first bin that is not empty has it all.
    u = ops.maximum(total + above, 1.0)
    v = u + others
    # Euler-Maclaurin for the mean, within 1 % of t; exact for b = 0, where t has no effect.
    mean = ops.log1p(others / u) + (1.0 / u + 1.0 / v) / 2.0
    mean = (mean + (1.0 / u**2 - 1.0 / v**2) / 12.0) / (others + 1.0)
    t = ops.divide_no_nan((mean - 1.0 / v) * u * v, others)
    # t is 1/2 - b / (6 U) for small b / U, where the line above would cancel.
    t = ops.where(others < 0.01 * u, 0.5, t)
    positive = 1.0 / v + t * others / (u * v)
    other = (remaining - t * positives) / (u * v)
    absent = ops.logical_and(total == 0, above == 0)
    other = ops.where(absent, ops.divide_no_nan(1.0, others), other)
    return ops.stack([other, positive], axis=-1)


def sum_above(counts):
    """For each bin, the sum over the bins of larger error."""
    return ops.flip(ops.cumsum(ops.flip(counts, axis=-1), axis=-1), axis=-1) - counts
