import keras
import numpy as np
from keras import ops

from dawn_tf.metrics.confusion import ConfusionMatrixMetric, margins, mean_where


@keras.saving.register_keras_serializable("dawn_tf")
class MinorityRecall(ConfusionMatrixMetric):
    """Mean of recall over the minority classes that have true examples; 0 if none has.

    Arguments beside the two below, shapes and invalid labels: see `ConfusionMatrixMetric`.

    Args:
        num_classes: Number of classes.
        minority_classes: Their indices, for instance `minority_classes(train_counts)`.

    Raises:
        ValueError: If `minority_classes` is empty or an index is not in `0..num_classes - 1`.
    """

    def __init__(
        self, num_classes, minority_classes, ignore_class=None, name="minority_recall", **kwargs
    ):
        self.minority_classes = [int(c) for c in minority_classes]
        if not self.minority_classes or not set(self.minority_classes) <= set(range(num_classes)):
            raise ValueError(
                f"Expected minority classes out of 0..{num_classes - 1}, at least one. Received: "
                f"minority_classes={self.minority_classes}. Leave the metric out if no class is "
                "rarer than the mean."
            )
        super().__init__(num_classes, ignore_class, name, **kwargs)

    def score(self, matrix):
        hits, true, _ = margins(matrix)
        minority = np.isin(np.arange(self.num_classes), self.minority_classes)
        return mean_where(ops.divide_no_nan(hits, true), ops.logical_and(minority, true > 0))

    def get_config(self):
        return {**super().get_config(), "minority_classes": self.minority_classes}


def minority_classes(counts):
    """Indices of the classes with fewer examples than the mean count `N / C`, a list of int.

    Args:
        counts: Training examples (or pixels) of each class, `(num_classes,)`.

    Raises:
        ValueError: If `counts` is not a flat list of numbers of at least 0.
    """
    counts = np.asarray(counts, "float64")
    if counts.ndim != 1 or counts.size == 0 or not np.all(counts >= 0):
        raise ValueError(
            f"Expected one count of at least 0 for each class. Received: counts={counts.tolist()}. "
            "Pass `splits.class_counts`."
        )
    return np.flatnonzero(counts < counts.mean()).tolist()
