import keras
from keras import ops

from dawn_tf.metrics.confusion import ConfusionMatrixMetric, margins, mean_where


@keras.saving.register_keras_serializable("dawn_tf")
class MacroPrecision(ConfusionMatrixMetric):
    """Mean over the classes of precision, `M[c, c] / sum(M[:, c])`.

    The mean is over the classes that are true or predicted; a true class that is never
    predicted has precision 0. As `sklearn.metrics.precision_score(average="macro")`.
    Arguments, shapes and invalid labels: see `ConfusionMatrixMetric`.
    """

    def __init__(self, num_classes, ignore_class=None, name="macro_precision", **kwargs):
        super().__init__(num_classes, ignore_class, name, **kwargs)

    def score(self, matrix):
        hits, true, predicted = margins(matrix)
        precision = ops.divide_no_nan(hits, predicted)
        return mean_where(precision, true + predicted > 0)
