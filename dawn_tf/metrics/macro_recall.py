import keras
from keras import ops

from dawn_tf.metrics.confusion import ConfusionMatrixMetric, margins, mean_where


@keras.saving.register_keras_serializable("dawn_tf")
class MacroRecall(ConfusionMatrixMetric):
    """Mean over the classes of recall, `M[c, c] / sum(M[c, :])`.

    The mean is over the classes that are true or predicted; a class that is predicted but
    never true has recall 0. As `sklearn.metrics.recall_score(average="macro")`; see
    `BalancedAccuracy` for the mean over true classes only.
    Arguments, shapes and invalid labels: see `ConfusionMatrixMetric`.
    """

    def __init__(self, num_classes, ignore_class=None, name="macro_recall", **kwargs):
        super().__init__(num_classes, ignore_class, name, **kwargs)

    def score(self, matrix):
        hits, true, predicted = margins(matrix)
        recall = ops.divide_no_nan(hits, true)
        return mean_where(recall, true + predicted > 0)
