"""Bootstrap confidence intervals over test examples, and over examples and seeds together."""

import numpy as np
from scipy.stats import bootstrap, norm, t

from dawn_tf.evaluation.statistics.inputs import scores
from dawn_tf.evaluation.statistics.outcome import Interval, Outcome

METHODS = ("bca", "percentile")


def score_interval(score, sample, method="bca", confidence=0.95, resamples=2000, seed=0):
    """Interval of a score of one trained model, over test examples.

    Percentile: quantiles of the score on resampled test sets. BCa ("bias-corrected and
    accelerated") moves these quantiles by the bias `z0` and the skewness `a`:
    `Phi(z0 + (z0 + z) / (1 - a (z0 + z)))`, `a` from leaving out one example at a time.
    A class that a resample lacks is treated as by the score; where the score of a resample is NaN,
    the resample is left out. A score at its limit (recall 1) gives an interval of no width:
    the bootstrap can only show what the sample holds.

    After [Efron, 1987](https://doi.org/10.1080/01621459.1987.10478410).

    Args:
        score: Function of counts `(..., C, C)`, to `(...)` or, for several values, `(..., k)`; of
            `SCORES` or your own.
        sample: A `ConfusionSample` of one model.
        method: `"bca"` or `"percentile"`.
        confidence: Above 0 and below 1.
        resamples: Number of resampled test sets.
        seed: Of the resampling.

    Returns: an `Interval`, of floats or arrays `(k,)`.
    """
    _check(sample, 1, method)
    return _interval(lambda m: score(m[:, 0]), sample, method, confidence, resamples, seed)


def difference_interval(score, sample, method="bca", confidence=0.95, resamples=2000, seed=0):
    """Interval of `score(first) - score(second)`, two trained models on the same test examples.

    Both are scored on the same resamples, so what is hard for both cancels out. If it holds no 0,
    the two models differ; whether their recipes do, only seeds can tell (`seeds_interval`).
    Arguments as of `score_interval`; the sample is of two models.
    """
    _check(sample, 2, method)

    def statistic(matrices):
        return score(matrices[:, 0]) - score(matrices[:, 1])

    return _interval(statistic, sample, method, confidence, resamples, seed)


def seeds_interval(score, sample, paired=False, confidence=0.95, resamples=1000, seed=0):
    """Interval of a method's mean score, over seeds and test examples together.

    For seeds that share one test part: `mean ± t(f) sqrt(v_seeds + v_examples)`, where
    `v_seeds = var(scores) / S` and `v_examples` is the variance of the mean score over resampled
    test sets, drawn once for all seeds. `f = (v_seeds + v_examples)^2 / (v_seeds^2 / (S - 1))`
    (Satterthwaite, 1946), as a bootstrap of five seeds would be too narrow. If seeds split the
    data anew, their scores hold both variances already: `summarize`.

    Args:
        score: As of `score_interval`.
        sample: A `ConfusionSample` with one model for each seed, at least 2. With `paired`, first
            the method's seeds and then, in the same order, the baseline's.
        paired: Whether to give the method's mean score less the baseline's.
        confidence: Above 0 and below 1.
        resamples: Number of resampled test sets.
        seed: Of the resampling.

    Returns: an `Interval`.
    """
    seeds, rest = divmod(sample.num_models, 2 if paired else 1)
    if seeds < 2 or rest:
        raise ValueError(
            f"Expected at least 2 seeds{' of each method' if paired else ''}. Received: "
            f"sample.num_models={sample.num_models}. For one seed use score_interval or "
            "difference_interval."
        )

    def by_seed(matrices):
        values = score(matrices)
        return values[:, :seeds] - values[:, seeds:] if paired else values

    values = by_seed(sample.total()[None])[0]
    rng = np.random.default_rng(seed)
    means = np.concatenate([by_seed(m).mean(1) for m in sample.resamples(resamples, rng)])
    variance, freedom = _seeds_and_examples(values, means)
    half = t.ppf((1 + confidence) / 2, freedom) * np.sqrt(variance)
    mean = values.mean(0)
    return Interval(*(_plain(v) for v in (mean, mean - half, mean + half)))


def seeds_test(differences, resampled):
    """Whether two methods differ, for new seeds and new test examples: the test that belongs to
    `seeds_interval(paired=True)`.

    `t = mean(d) / sqrt(v_seeds + v_examples)`, degrees of freedom as there.

    Args:
        differences: Score of one method less that of the other, for each seed, `(n,)`, n at least
            2; one test part for all.
        resampled: Their mean on each resampled test set, `(resamples,)`; NaN, where a resample
            lacks what the score needs, is left out.

    Returns: an `Outcome`.
    """
    d, drawn = scores(differences), np.asarray(resampled, "float64")
    name = "paired test over seeds and test examples"
    variance, freedom = _seeds_and_examples(d, drawn[np.isfinite(drawn)])
    if not d.any():
        return Outcome(name, 0.0, 1.0, len(d))
    statistic = np.divide(d.mean(), np.sqrt(variance), out=np.full((), np.inf), where=variance > 0)
    return Outcome(name, float(statistic), float(2 * t.sf(abs(statistic), freedom)), len(d))


def _seeds_and_examples(values, means):
    """Variance of the mean of `values (seeds, ...)` over seeds and examples; degrees of freedom."""
    seeds = len(values)
    of_seeds = values.var(0, ddof=1) / seeds
    both = of_seeds + means.var(0, ddof=1)
    freedom = np.divide(
        both**2 * (seeds - 1),
        of_seeds**2,
        out=np.full(np.shape(both), np.inf),
        where=of_seeds > 0,
    )
    return both, freedom


def example_interval(
    statistic, *arrays, method="percentile", confidence=0.95, resamples=1000, seed=0
):
    """Interval of any statistic of test examples, such as PR-AUC: `scipy.stats.bootstrap`.

    Slower than `score_interval`, for scores that the confusion matrix does not decide. BCa calls
    the statistic once more for each example. A rare class can be missing from a resample; the
    statistic must stand it.

    Args:
        statistic: Function of the resampled arrays, to a float.
        *arrays: Of n examples each, drawn together.
        method: `"bca"` or `"percentile"`.
        confidence, resamples, seed: As of `score_interval`.

    Returns: an `Interval`.
    """
    _check_method(method)
    arrays = [np.asarray(a) for a in arrays]
    found = bootstrap(
        (np.arange(len(arrays[0])),),
        lambda chosen: statistic(*(a[chosen] for a in arrays)),
        vectorized=False,
        n_resamples=resamples,
        confidence_level=confidence,
        method="BCa" if method == "bca" else method,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(float(statistic(*arrays)), float(found.low), float(found.high))


def _interval(statistic, sample, method, confidence, resamples, seed):
    value = np.asarray(statistic(sample.total()[None])[0])
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([statistic(m) for m in sample.resamples(resamples, rng)])
    drawn = drawn.reshape(resamples, -1)
    levels = np.full((2, drawn.shape[1]), [[(1 - confidence) / 2], [(1 + confidence) / 2]])
    if method == "bca":
        without = np.concatenate([statistic(m) for m in sample.leave_one_out()])
        without = without.reshape(len(without), -1)
        levels = _bca_levels(levels, value.reshape(-1), drawn, without, sample.multiplicity)
    ends = [_quantiles(column, level) for column, level in zip(drawn.T, levels.T, strict=True)]
    low, high = np.transpose(ends)
    low, high = (np.where(np.isnan(value), np.nan, e.reshape(value.shape)) for e in (low, high))
    return Interval(_plain(value), _plain(low), _plain(high))


def _bca_levels(levels, value, drawn, without, multiplicity):
    known = np.isfinite(drawn).sum(0)
    below = ((drawn < value).sum(0) + (drawn <= value).sum(0)) / 2
    # Half a resample keeps z0 finite where all lie on one side.
    share = np.clip(below, 0.5, np.maximum(known - 0.5, 0.5)) / np.maximum(known, 1)
    z0 = norm.ppf(share)
    weights = np.where(np.isfinite(without), multiplicity[:, None], 0.0)
    without = np.where(np.isfinite(without), without, 0.0)
    centre = (weights * without).sum(0) / np.maximum(weights.sum(0), 1)
    influence = centre - without
    square = (weights * influence**2).sum(0)
    cube = (weights * influence**3).sum(0)
    # Rounding alone leaves about 1e-16 where every example counts the same.
    acceleration = np.divide(cube, 6 * square**1.5, out=np.zeros_like(cube), where=square > 1e-24)
    z = z0 + norm.ppf(levels)
    return norm.cdf(z0 + z / (1 - acceleration * z))


def _quantiles(column, levels):
    column = column[np.isfinite(column)]
    return np.quantile(column, levels) if len(column) else np.full(2, np.nan)


def _plain(value):
    return float(value) if np.ndim(value) == 0 else value


def _check(sample, num_models, method):
    if sample.num_models != num_models:
        raise ValueError(
            f"Expected a sample of {num_models} model(s). Received: "
            f"sample.num_models={sample.num_models}. For several seeds use seeds_interval."
        )
    _check_method(method)


def _check_method(method):
    if method not in METHODS:
        raise ValueError(
            f"Expected method in {METHODS}. Received: method={method!r}. Use 'bca' if unsure."
        )
