"""Mean, deviation and t-interval of a few scores."""

import numpy as np
from scipy.stats import t

from dawn_tf.evaluation.statistics.inputs import scores


def summarize(values, confidence=0.95, test_to_train=0.0):
    """Mean, sample deviation (ddof = 1) and t-interval of scores, one for each seed.

    `mean ± t(n - 1) sd sqrt(1 / n + test_to_train)`. With `test_to_train = 0` it is Student's, for
    seeds that share one training and one test part. Seeds that split the data anew share most of
    their training examples, so their scores are no independent draws: there, give the size of the
    test part divided by that of the training part
    ([Nadeau & Bengio, 2003](https://doi.org/10.1023/A:1024068626366), their corrected resampled
    t-test).

    Args:
        values: Scores, `(n,)`, n at least 2.
        confidence: Share of intervals that should hold the mean, above 0 and below 1.
        test_to_train: At least 0.

    Returns:
        Dict with `n`, `mean`, `deviation`, `low`, `high`.

    Raises:
        ValueError: for fewer than two scores or one that is not finite.
    """
    x = scores(values)
    half = t.ppf((1 + confidence) / 2, len(x) - 1) * standard_error(x, test_to_train)
    return {
        "n": len(x),
        "mean": float(x.mean()),
        "deviation": float(x.std(ddof=1)),
        "low": float(x.mean() - half),
        "high": float(x.mean() + half),
    }


def standard_error(x, test_to_train=0.0):
    """Of the mean of `x (n,)`; `test_to_train` as in `summarize`."""
    return x.std(ddof=1) * np.sqrt(1 / len(x) + test_to_train)
