import keras
from keras import ops

from dawn_tf.metrics.confusion import ConfusionMatrixMetric, margins, mean_where


@keras.saving.register_keras_serializable("dawn_tf")
class BalancedAccuracy(ConfusionMatrixMetric):
    """Mean of recall, `M[c, c] / sum(M[c, :])`, over the classes with true examples.

    As `sklearn.metrics.balanced_accuracy_score`.
    Arguments, shapes and invalid labels: see `ConfusionMatrixMetric`.
    """

    def __init__(self, num_classes, ignore_class=None, name="balanced_accuracy", **kwargs):
        super().__init__(num_classes, ignore_class, name, **kwargs)

    def score(self, matrix):
        hits, true, _ = margins(matrix)
        return mean_where(ops.divide_no_nan(hits, true), true > 0)
