"""From probabilities to a class: weights chosen on validation, or costs.

A decision is a threshold on the second of two classes, or one weight per class:
`argmax(weights * p)`, which covers prior correction and per-class thresholds. A served model
applies either with one operation.
"""

import numpy as np

_SWEEPS = 20
# Exponents of the class shares that are tried; see `choose_prior_power`.
_POWERS = tuple(i / 20 for i in range(-30, 31))


def decide(probabilities, decision=None):
    """Predicted classes.

    Args:
        probabilities: `(..., C)`.
        decision: `None` for the most probable class; a number t for class 1 of two iff
            `p_1 >= t`; or weights `(C,)`, at least 0, for `argmax(weights * p)`. Ties go to the
            lower class.
    """
    p = np.asarray(probabilities, "float64")
    check_decision(decision, p.shape[-1])
    if decision is None:
        return p.argmax(-1)
    if np.ndim(decision) == 0:
        return (p[..., 1] >= decision).astype("int64")
    return (p * np.asarray(decision, "float64")).argmax(-1)


def check_decision(decision, num_classes):
    """Raises `ValueError` unless `decision` is one for so many classes; see `decide`."""
    if decision is None or (np.ndim(decision) == 0 and num_classes == 2):
        return
    weights = np.asarray(decision, "float64")
    if weights.shape != (num_classes,) or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(
            f"Expected a decision for {num_classes} classes: None, a threshold for two classes, "
            f"or {num_classes} weights >= 0. Received: decision={decision}. Leave it out for "
            "the most probable class."
        )


def decide_by_cost(probabilities, cost):
    """Classes of least expected cost, `argmin_j sum_i p_i cost[i, j]`, ties to the lower class.

    After [Elkan, 2001](https://dl.acm.org/doi/10.5555/1642194.1642224), Eq. 1.

    Args:
        probabilities: `(..., C)`, calibrated.
        cost: `cost[i, j]` of predicting j where i is true, `(C, C)`, finite.
    """
    p, cost = np.asarray(probabilities, "float64"), np.asarray(cost, "float64")
    if cost.shape != (p.shape[-1],) * 2 or not np.isfinite(cost).all():
        raise ValueError(
            f"Expected a finite ({p.shape[-1]}, {p.shape[-1]}) matrix of costs, true classes as "
            f"rows. Received: cost of shape {cost.shape}. Give a cost for every pair."
        )
    return (p @ cost).argmin(-1)


def choose_prior_power(y_true, probabilities, prior, powers=_POWERS):
    """Weights `prior ** -s` with the s of highest macro-F1: one number to choose.

    s = 0 is the most probable class. With probabilities that are right for `prior`, s = 1 aims at
    balanced recall; with those of a model trained on adjusted logits (right for equal shares),
    s = -1 goes back to the most probable class under `prior`. Of equally good ones that nearest
    to 0 is taken. Choose on validation data.

    Args:
        y_true: Labels, `(n,)`.
        probabilities: `(n, C)`.
        prior: Class shares of the training part, `(C,)`, all above 0.
        powers: The s tried.

    Returns: `(weights, s)`.
    """
    prior = np.asarray(prior, "float64") / np.sum(prior)
    powers = sorted(powers, key=abs)
    scores = [macro_f1(y_true, decide(probabilities, prior**-s), len(prior)) for s in powers]
    s = powers[int(np.argmax(scores))]
    weights = prior**-s
    return weights / weights.max(), s


def choose_class_weights(y_true, probabilities, start=None):
    """Weights of highest macro-F1 on these data, by exact line searches class by class.

    For one class after the other its weight is set to the best of all values (every cut between
    two examples is tried), until none helps. A local optimum, and C numbers fitted to the rare
    classes' few examples: `choose_prior_power` generalises better where those are few.

    Args:
        y_true: Labels, `(n,)`.
        probabilities: `(n, C)`.
        start: Weights to start from, `(C,)`; equal ones by default.

    Returns: weights, largest 1.
    """
    y, p = np.asarray(y_true), np.asarray(probabilities, "float64")
    weights = np.ones(p.shape[1]) if start is None else np.array(start, "float64")
    best = macro_f1(y, decide(p, weights), len(weights))
    for _ in range(_SWEEPS):
        before = best
        for c in range(len(weights)):
            weight, score = _best_weight(y, p, weights, c)
            if score > best + 1e-12:
                weights[c], best = weight, score
        if best <= before:
            break
    return weights / weights.max()


def macro_f1(y_true, y_pred, num_classes):
    """Mean F1 over the classes in truth or prediction, as scikit-learn's default."""
    pairs = np.bincount(np.asarray(y_true) * num_classes + y_pred, minlength=num_classes**2)
    matrix = pairs.reshape(num_classes, num_classes)
    sizes = matrix.sum(0) + matrix.sum(1)
    return float((2 * np.diagonal(matrix)[sizes > 0] / sizes[sizes > 0]).mean())


def _best_weight(y, p, weights, c):
    """`(weight, macro-F1)` of the best weight of class c, the others held."""
    n, num_classes = p.shape
    others = p * weights
    others[:, c] = -1.0
    rival = others.argmax(1)
    # Example i goes to c once its weight reaches this ratio.
    needed = others[np.arange(n), rival] / np.maximum(p[:, c], 1e-300)
    order = np.argsort(needed, kind="stable")
    moved_to_c = np.arange(n + 1)
    hit_c = np.concatenate([[0], np.cumsum(y[order] == c)])
    # What the rivals lose, one row for each example that has gone over.
    lost = np.zeros((n + 1, num_classes))
    lost[np.arange(1, n + 1), rival[order]] = 1
    lost = lost.cumsum(0)
    lost_hits = np.zeros((n + 1, num_classes))
    right = rival[order] == y[order]
    lost_hits[np.arange(1, n + 1)[right], rival[order][right]] = 1
    lost_hits = lost_hits.cumsum(0)

    predicted = np.bincount(rival, minlength=num_classes) - lost
    hits = np.bincount(rival[rival == y], minlength=num_classes) - lost_hits
    predicted[:, c], hits[:, c] = moved_to_c, hit_c
    sizes = predicted + np.bincount(y, minlength=num_classes)
    f1 = np.divide(2 * hits, sizes, out=np.zeros_like(sizes), where=sizes > 0)
    score = f1.sum(1) / (sizes > 0).sum(1)
    # Examples with one ratio go over together.
    ratio = needed[order]
    possible = np.concatenate([[True], ratio[1:] > ratio[:-1], [True]])
    k = int(np.argmax(np.where(possible, score, -1.0)))
    low = ratio[k - 1] if k else 0.0
    high = ratio[k] if k < n else max(2 * low, 1.0)
    middle = np.sqrt(low * high) if low > 0 else high / 2
    return (middle if low < middle < high else high), float(score[k])
