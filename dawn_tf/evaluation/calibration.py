"""How far predicted probabilities can be taken at their word; sums that can be streamed."""

import numpy as np

NUM_BINS = 15


class Calibration:
    """Streaming calibration error, Brier score and log loss of class probabilities.

    The confidence of an example is its largest probability, whatever decision threshold is
    in use. After [Guo et al., 2017](https://arxiv.org/abs/1706.04599), Eq. 3, with 15 bins
    `(i / 15, (i + 1) / 15]` of equal width. The class-wise error bins every class's probability
    and takes the mean over classes, so it sees the rare ones
    ([Kull et al., 2019](https://arxiv.org/abs/1910.12656), Eq. 4).
    """

    def __init__(self):
        self.count = np.zeros(NUM_BINS, "int64")
        self.confidence_sum = np.zeros(NUM_BINS)
        self.correct = np.zeros(NUM_BINS, "int64")
        self.class_gaps = 0.0  # (num_classes, NUM_BINS) from the first batch on.
        self.brier_sum = self.log_loss_sum = 0.0

    def update(self, y_true, probabilities):
        """Adds examples: labels `(n,)` and probabilities `(n, num_classes)`."""
        confidence = probabilities.max(-1)
        correct = probabilities.argmax(-1) == y_true
        bins = bin_of(confidence)
        self.count += np.bincount(bins, minlength=NUM_BINS)
        self.confidence_sum += np.bincount(bins, confidence, NUM_BINS)
        self.correct += np.bincount(bins[correct], minlength=NUM_BINS)

        p_true = np.take_along_axis(probabilities, y_true[:, None], -1)[:, 0].astype("float64")
        num_classes = probabilities.shape[1]
        gaps = np.array(probabilities, "float64")
        gaps[np.arange(len(y_true)), y_true] -= 1
        cells = bin_of(probabilities) + NUM_BINS * np.arange(num_classes)
        sums = np.bincount(cells.ravel(), gaps.ravel(), NUM_BINS * num_classes)
        self.class_gaps = self.class_gaps + sums.reshape(num_classes, NUM_BINS)

        squares = np.einsum("nc,nc->n", probabilities, probabilities).sum(dtype="float64")
        self.brier_sum += squares + (1 - 2 * p_true).sum()
        self.log_loss_sum -= np.log(np.maximum(p_true, np.finfo("float64").eps)).sum()

    def bins(self):
        """The reliability diagram: count, mean confidence and accuracy of each bin (NaN: empty)."""
        filled = np.where(self.count > 0, self.count, np.nan)
        return {
            "count": self.count,
            "confidence": self.confidence_sum / filled,
            "accuracy": self.correct / filled,
        }

    def scores(self):
        """Dict of `ece`, `classwise_ece` (0..1), `brier` (0..2, the multi-class sum of squares) and
        `log_loss` (nats).

        The log loss takes a probability below 2.2e-16 as that, as scikit-learn does.
        """
        n = self.count.sum()
        gaps = np.abs(self.confidence_sum - self.correct)
        return {
            "ece": float(gaps.sum() / n),
            "classwise_ece": float(np.abs(self.class_gaps).sum(1).mean() / n),
            "brier": float(self.brier_sum / n),
            "log_loss": float(self.log_loss_sum / n),
        }


def reliability_of_classes(y_true, probabilities):
    """The reliability of every class, one against the rest, as `class_bins` gives it.

    Args:
        y_true: Labels, `(n,)`.
        probabilities: `(n, num_classes)`.
    """
    truth = np.eye(probabilities.shape[1])[y_true]
    weights = np.ones_like(truth), probabilities, truth
    bins = bin_of(probabilities)
    return class_bins(
        *(
            np.array([np.bincount(b, w, NUM_BINS) for b, w in zip(bins.T, of_class.T, strict=True)])
            for of_class in weights
        )
    )


def class_bins(count, confidence_sum, positives):
    """Reliability of single classes from sums `(num_classes, 15)` over the bins of each class's
    probability: how many, of the probability, and of how often the class was true.

    Returns: dict of `class_bin_count`, and with NaN where a bin is empty `class_bin_confidence`
    (mean probability) and `class_bin_frequency` (share that was of the class).
    """
    filled = np.where(count > 0, count, np.nan)
    return {
        "class_bin_count": count,
        "class_bin_confidence": confidence_sum / filled,
        "class_bin_frequency": positives / filled,
    }


def bin_of(probabilities):
    """Number of the bin, 0..14, of each probability."""
    return np.clip(np.ceil(probabilities * NUM_BINS).astype("int64") - 1, 0, NUM_BINS - 1)
