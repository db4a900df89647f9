"""How often each class is to come: target shares, their schedule over the epochs, quotas."""

import numpy as np

SCHEDULES = ("constant", "progressive", "deferred")
TARGETS = ("instance", "balanced", "sqrt", "effective", "repeat_factor")


def target_shares(counts, target, beta=0.999, threshold=None):
    """Share of each class in the stream, float64 `(C,)`, sum 1.

    With `n_c` examples of class c, `f_c = n_c / N` of all, the share is proportional to
    - "instance": `n_c`, the data as it is;
    - "balanced": 1;
    - "sqrt": `sqrt(n_c)`, [Mahajan et al., 2018](https://arxiv.org/abs/1805.00932);
    - "effective": `n_c * (1 - beta) / (1 - beta ** n_c)`, examples weighted by the inverse of
      their class's effective number, [Cui et al., 2019](https://arxiv.org/abs/1901.05555):
      "instance" for beta near 0, "balanced" for beta near 1;
    - "repeat_factor": `n_c * max(1, sqrt(threshold / f_c))`,
      [Gupta et al., 2019](https://arxiv.org/abs/1908.03195): classes rarer than the threshold
      are repeated, the others left as they are.
    Classes without an example get 0. An array is taken as it is, scaled to sum 1.

    Args:
        counts: Examples per class, `(C,)`.
        target: One of `TARGETS`, or an array with one share per class.
        beta: Of "effective", `0 <= beta < 1`.
        threshold: Of "repeat_factor", a share above 0. Defaults to one over the number of classes
            with examples, their share in balanced data: equal classes are not repeated. (The paper
            has 0.001 for 1,203 classes.)

    Raises: `ValueError` for arguments outside these ranges, and for an array that gives a share to
        a class without examples.
    """
    counts = np.asarray(counts)
    if not isinstance(target, str):
        return _given_shares(counts, np.asarray(target, "float64"))
    if target not in TARGETS:
        raise ValueError(
            f"Expected a target among {TARGETS} or an array of shares. Received: "
            f"target={target!r}. Choose one of them."
        )
    if not 0 <= beta < 1:
        raise ValueError(f"Expected 0 <= beta < 1. Received: beta={beta}. Choose 0.999, say.")
    if threshold is None:
        threshold = 1 / np.sum(counts > 0)
    elif threshold <= 0:
        raise ValueError(
            f"Expected threshold > 0. Received: threshold={threshold}. Pass the share below which "
            "a class is to be repeated."
        )
    n = np.where(counts > 0, counts, 1).astype("float64")
    weight = {
        "instance": n,
        "balanced": np.ones_like(n),
        "sqrt": np.sqrt(n),
        "effective": n * (1 - beta) / (1 - beta**n),
        "repeat_factor": n * np.maximum(1, np.sqrt(threshold * counts.sum() / n)),
    }[target]
    weight = np.where(counts > 0, weight, 0)
    return weight / weight.sum()


def scheduled_shares(instance, target, schedule, epochs):
    """Shares in epoch 0, 1, ..; the last row holds for all later ones. Float64 `(rows, C)`.

    - "constant": the target;
    - "progressive": `(1 - e / T) * instance + (e / T) * target` in epoch `e < T`, the target
      after, [Kang et al., 2020](https://arxiv.org/abs/1910.09217);
    - "deferred": instance in epochs `e < T`, the target after,
      [Cao et al., 2019](https://arxiv.org/abs/1906.07413).

    Args:
        instance: Shares of the data as it is, `(C,)`.
        target: Shares to arrive at, `(C,)`.
        schedule: One of `SCHEDULES`.
        epochs: T >= 1; "constant" does without.

    Raises: `ValueError` for another schedule, or one without its epochs.
    """
    if schedule not in SCHEDULES:
        raise ValueError(
            f"Expected a schedule among {SCHEDULES}. Received: schedule={schedule!r}. "
            "Choose one of them."
        )
    if schedule == "constant":
        return target[None]
    if epochs is None or epochs < 1:
        raise ValueError(
            f"Expected schedule_epochs >= 1 with a schedule. Received: schedule={schedule!r}, "
            f"schedule_epochs={epochs}. Pass the epoch from which the target holds."
        )
    mix = np.arange(epochs + 1) / epochs
    if schedule == "deferred":
        mix = np.floor(mix)
    return (1 - mix[:, None]) * instance + mix[:, None] * target


def raise_to_minimum(shares, minimum, batch_size):
    """The shares nearest to `shares` that hold `minimum` examples a batch, float64 `(C,)`.

    `max(minimum / batch_size, scale * shares)`, the scale such that the sum is 1: classes above
    their minimum keep their proportions. Of all shares that hold the minimum these have the least
    Kullback-Leibler divergence from `shares`, in either direction.

    Args:
        shares: Float64 `(C,)`, sum 1.
        minimum: Integers `(C,)`, sum at most `batch_size`.
        batch_size: Examples in a batch.
    """
    wanted, raised = batch_size * shares, minimum > batch_size * shares
    while True:
        left = batch_size - minimum[raised].sum()
        # Nothing is left for the others where the minimum fills the batch.
        scale = left / wanted[~raised].sum() if left else 0.0
        short = ~raised & (scale * wanted < minimum)
        if not short.any():
            return np.where(raised, minimum, scale * wanted) / batch_size
        raised |= short


def systematic_counts(expected, offsets):
    """Whole numbers of draws, int64 `(rows, C)`: each expectation rounded down or up.

    With `X_c` the sum of a row's expectations up to class c and `u` its offset,
    `floor(X_c + u) - floor(X_(c - 1) + u)`: systematic sampling (Madow, 1949). A row keeps its sum,
    and over offsets that fill [0, 1) evenly each count averages its expectation.

    Args:
        expected: Float64 `(rows, C)`, at least 0; every row's sum is a whole number.
        offsets: Float64 `(rows,)`, in [0, 1).
    """
    edges = np.cumsum(expected, axis=1)
    edges[:, -1] = np.round(edges[:, -1])
    return np.diff(np.floor(edges + offsets[:, None]), axis=1, prepend=0).astype("int64")


def _given_shares(counts, target):
    if target.shape != counts.shape or (target < 0).any() or np.any((target > 0) & (counts == 0)):
        raise ValueError(
            "Expected one share >= 0 per class, and 0 for a class without examples. Received: "
            f"target={target.tolist()} for class counts {counts.tolist()}. Give a share to "
            "classes with examples only."
        )
    if target.sum() == 0:
        raise ValueError(
            f"Expected a positive share. Received: target={target.tolist()}. Give one to a class."
        )
    return target / target.sum()
