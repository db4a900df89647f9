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

Soft labels count by their masses, as in the same formula of Berman et al.: a pixel of label `y`
lowers `R` by `y` and raises `U` by `1 - y`, so

    g_i = (y * U + (1 - y) * R) / (U * (U - (1 - y))).

Pixels that are not valid change neither `R` nor `U` and weigh 0, wherever they are sorted.
Without a pixel of the class `J` is 1 as soon as a pixel is wrong, so the largest error weighs 1.
Counts are float32: exact to 2^24 pixels in a row, masses to float32's rounding.
"""

from keras import ops


def sorted_weights(errors, y, valid, hard=False, order=None):
    """Exact weights, by one sort of all rows.

    Args:
        errors: Errors in `[0, 1]`, `(rows, pixels)`, each row a class of an image or of a batch;
            0 at the pixels that do not count.
        y: 1 at the pixels of the row's class, else 0, or soft labels in between; same shape.
        valid: 1 at the pixels that count, else 0; same shape.
        hard: Whether `y` is 0 or 1 everywhere, which saves a look-up.
        order: `flat_order(sort_keys(errors))` if it is known already.

    Returns: Weights of that shape, at least 0, of sum 1 in every row with a valid pixel.
    """
    errors, y, valid = (ops.stop_gradient(x) for x in (errors, y, valid))
    if order is None:
        order = flat_order(sort_keys(errors))
    positives = ops.sum(y, axis=-1, keepdims=True)
    # Pixels that do not count have error 0: they come last, and `hard` need not tell them apart.
    other = None if hard else permuted(valid - y, order)
    y = permuted(y, order)
    other = 1.0 - y if hard else other
    remaining = positives - ops.cumsum(y, axis=-1)
    remaining = ops.maximum(remaining, 0.0)  # Below 0 by the rounding of masses only.
    wrong = ops.cumsum(other, axis=-1)
    union = positives + wrong
    before = positives + (wrong - other)  # Not `union - other`, which would round a small sum away.
    weights = ops.divide_no_nan(y * union + other * remaining, union * before)
    weights = ops.where(ops.logical_and(positives == 0, wrong == 1), other, weights)
    # Adding to zeros puts every weight back to its pixel: `order` holds each index once.
    size = ops.shape(order)[0]
    weights = ops.segment_sum(ops.reshape(weights, (-1,)), order, num_segments=size)
    return ops.reshape(weights, ops.shape(errors)) * valid


def sort_keys(errors):
    """Numbers that sort as the errors do, the largest error first.

    Floats of one sign are in the order of their bits, and integers sort faster. Of a size that is
    not known before the graph runs, the bits cannot be had.
    """
    errors = ops.stop_gradient(errors)
    return -errors if None in errors.shape else -ops.view(errors, "int32")


def flat_order(keys):
    """Indices into the flat `keys`, `(rows, pixels)`, that sort each row."""
    rows, pixels = ops.shape(keys)
    return ops.reshape(ops.argsort(keys, axis=-1) + ops.arange(rows)[:, None] * pixels, (-1,))


def permuted(x, order):
    return ops.reshape(ops.take(ops.reshape(x, (-1,)), order), ops.shape(x))


def binned_weights(errors, y, valid, bins=1024, row=None, num_rows=None, hard=False):
    """Approximate weights in linear time, from histograms of the errors instead of a sort.

    The errors of a bin, `bins` equal parts of `[0, 1]`, are taken as equal, and its pixels get
    the mean weights over all orders of them. Both kinds of weights of a bin have the sum
    `J(bins down to this one) - J(bins above)` and its errors differ by at most `1 / bins`, so

        |loss(binned) - loss(exact)| <= 1 / bins.

    Args:
        errors, y, valid: As in `sorted_weights`; with `row`, of any shape.
        bins: Number of bins.
        row, num_rows: The row that a pixel belongs to, integers that broadcast to that shape, and
            how many rows there are. With `None` the rows are those of `(rows, pixels)`.
        hard: Whether `y` is 0 or 1 everywhere, which saves half of the work.

    Returns: Weights of that shape, at least 0, of sum 1 in every row with a valid pixel.
    """
    errors, y, valid = (ops.stop_gradient(x) for x in (errors, y, valid))
    if row is None:
        num_rows = ops.shape(errors)[0]
        row = ops.arange(num_rows)[:, None]
    cell = row * bins + ops.clip(ops.cast(errors * bins, "int32"), 0, bins - 1)
    if hard:
        cell = ops.reshape(cell * 2 + ops.cast(y, "int32"), (-1,))
        masses = ops.reshape(valid, (-1,))
        counts = ops.segment_sum(masses, cell, num_segments=num_rows * bins * 2)
    else:
        cell = ops.reshape(cell, (-1,))
        masses = ops.reshape(ops.stack([valid - y, y], axis=-1), (-1, 2))
        counts = ops.segment_sum(masses, cell, num_segments=num_rows * bins)
    counts = ops.reshape(counts, (num_rows, bins, 2))
    table = in_memory(ops.reshape(bin_weights(counts[..., 0], counts[..., 1]), (-1,)))
    if not hard:
        table = ops.reshape(table, (num_rows * bins, 2))
    weights = ops.take(table, cell, axis=0) * masses
    return ops.reshape(weights if hard else ops.sum(weights, axis=-1), ops.shape(errors))


def in_memory(table):
    """`table` itself, kept from being computed anew for every pixel that looks into it.

    XLA would fuse the formulas of the bins into the look-up, logarithms and all, and be five times
    slower. It does not fuse over a scatter.
    """
    return ops.segment_sum(table, ops.arange(ops.shape(table)[0]), num_segments=ops.shape(table)[0])


def bin_weights(others, positives):
    """Mean weights over all orders within each bin.

    Let `U` be the union before a bin, `V = U + b` after it, `b` its other pixels and `R` the
    positives that remain before it. A positive comes after j of the b others with the same chance
    for every j in 0..b, so it weighs `m = mean_j 1 / (U + j)`, between `1 / U` and `1 / V`:

        m = 1 / V + t * b / (U * V)          and          (R - t * f) / (U * V)

    for each other pixel, which is what is left of the bin's sum, `f` being its positives.

    Args:
        others, positives: How many valid pixels of either kind each bin holds, `(rows, bins)`,
            bins by increasing error; or their masses. A soft pixel weighs in both parts.

    Returns: `(rows, bins, 2)`, the weight of an other pixel and of a positive.
    """
    total = ops.sum(positives, axis=-1, keepdims=True)
    above = sum_above(others)
    remaining = total - sum_above(positives)
    # Without positives the union starts empty and the first bin that is not empty has it all.
    u = total + above
    u = ops.where(u > 0, u, 1.0)
    v = u + others
    # Euler-Maclaurin for the mean, within 1 % of t; exact for b = 0, where t has no effect.
    mean = ops.log1p(others / u) + (1.0 / u + 1.0 / v) / 2.0
    mean = (mean + (1.0 / u**2 - 1.0 / v**2) / 12.0) / (others + 1.0)
    t = ops.divide_no_nan((mean - 1.0 / v) * u * v, others)
    # t is 1/2 - b / (6 U) for small b / U, where the line above would cancel.
    t = ops.where(others < 0.01 * u, 0.5, t)
    t = ops.clip(t, 0.0, 0.5)  # True of whole counts; for masses it keeps all weights >= 0.
    positive = 1.0 / v + t * others / (u * v)
    other = (remaining - t * positives) / (u * v)
    absent = ops.logical_and(total == 0, above == 0)
    other = ops.where(absent, ops.divide_no_nan(1.0, others), other)
    return ops.stack([other, positive], axis=-1)


def sum_above(counts):
    """For each bin, the sum over the bins of larger error."""
    return ops.flip(ops.cumsum(ops.flip(counts, axis=-1), axis=-1), axis=-1) - counts
