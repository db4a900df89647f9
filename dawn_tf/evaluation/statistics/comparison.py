"""A table of methods against a baseline and against the best."""

import math

import numpy as np

from dawn_tf.evaluation.statistics.effect_size import cohens_d
from dawn_tf.evaluation.statistics.holm import holm
from dawn_tf.evaluation.statistics.inputs import differences
from dawn_tf.evaluation.statistics.paired import paired_t_test
from dawn_tf.evaluation.statistics.signed_rank import wilcoxon
from dawn_tf.evaluation.statistics.summary import summarize


def compare(table, baseline, alpha=0.05, confidence=0.95, test_to_train=0.0, higher_is_better=True):
    """Every method against the baseline, and which are tied with the best.

    Observations are the n paired scores: seeds, or, of `(datasets, seeds)`, the mean over seeds of
    each data set, as seeds of one data set are no further data sets. Holm's correction is over the
    methods. A method is tied with the best if the paired t-test between them, Holm-corrected over
    all others, is not below alpha. Tied is not equal: with few seeds much is tied.

    Args:
        table: `{method: scores}`, `(seeds,)` or `(datasets, seeds)`, the same for all, in the same
            order; at least 2 methods and 2 observations.
        baseline: The method to compare with.
        alpha: Level of "tied".
        confidence: Of the t-intervals of mean and difference.
        test_to_train: Above 0 for seeds that split the data anew; see `summarize`. Wilcoxon's
            test knows no such correction, so its p is too small there.
        higher_is_better: False for losses.

    Returns:
        A list of JSON-able dicts in the order of the table: `method`, `n`, `mean`, `deviation`,
        `low`, `high`, `best`, `tied` (with the best; True for the best itself), and against the
        baseline (`None` in its own row): `difference`, `difference_low`, `difference_high`,
        `t_p`, `t_p_holm`, `wilcoxon_p`, `wilcoxon_floor`, `wilcoxon_p_holm`, `d_z`. A value that is
        not defined (t of equal differences) is `None`, and takes no part in the correction.

    Raises:
        ValueError: for an unknown baseline, or scores that do not pair.
    """
    scores = _observations(table)
    if baseline not in scores or len(scores) < 2:
        raise ValueError(
            f"Expected a baseline among 2 or more methods. Received: baseline={baseline!r}, "
            f"methods {list(scores)}. Add its scores to the table."
        )
    sign = 1 if higher_is_better else -1
    best = max(scores, key=lambda name: sign * scores[name].mean())
    others = [name for name in scores if name != best]
    against_best = _holm([_t(scores[m], scores[best], test_to_train) for m in others])
    tied = {m for m, p in zip(others, against_best, strict=True) if p is None or p >= alpha}
    # Equal differences, all one way, have no t, but the method is worse each time.
    tied -= {m for m in others if _always_apart(scores[m], scores[best])}
    rows = [
        {
            "method": name,
            **summarize(x, confidence, test_to_train),
            "best": name == best,
            "tied": name == best or name in tied,
            **_against(x, scores[baseline], name == baseline, confidence, test_to_train),
        }
        for name, x in scores.items()
    ]
    for test in ("t_p", "wilcoxon_p"):
        corrected = _holm([row[test] for row in rows])
        for row, p_value in zip(rows, corrected, strict=True):
            row[f"{test}_holm"] = p_value
    return rows


def _observations(table):
    scores = {name: np.asarray(x, "float64") for name, x in table.items()}
    shapes = {x.shape for x in scores.values()}
    if len(shapes) != 1 or not all(0 < x.ndim < 3 and x.size for x in scores.values()):
        raise ValueError(
            "Expected scores (seeds,) or (datasets, seeds), of one shape for all methods. "
            f"Received: { ({name: x.shape for name, x in scores.items()}) }. "
            "Leave out seeds that a method has not finished."
        )
    return {name: x.mean(1) if x.ndim == 2 else x for name, x in scores.items()}


def _against(x, baseline, is_baseline, confidence, test_to_train):
    if is_baseline:
        keys = ("difference", "difference_low", "difference_high", "t_p", "wilcoxon_p")
        return dict.fromkeys((*keys, "wilcoxon_floor", "d_z"))
    difference = summarize(differences(x, baseline), confidence, test_to_train)
    ranked = wilcoxon(x, baseline)
    return {
        "difference": difference["mean"],
        "difference_low": difference["low"],
        "difference_high": difference["high"],
        "t_p": _t(x, baseline, test_to_train),
        "wilcoxon_p": ranked.p_value,
        "wilcoxon_floor": ranked.floor,
        "d_z": _known(cohens_d(x, baseline, "d_z")),
    }


def _t(a, b, test_to_train):
    return _known(paired_t_test(a, b, test_to_train).p_value)


def _always_apart(a, b):
    d = differences(a, b)
    return bool(d[0] and np.ptp(d) == 0)


def _known(value):
    return None if math.isnan(value) else value


def _holm(p_values):
    known = [p for p in p_values if p is not None]
    corrected = iter(holm(known).tolist())
    return [None if p is None else next(corrected) for p in p_values]
