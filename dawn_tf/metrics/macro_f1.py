import keras
from keras import ops

from dawn_tf.metrics.confusion import ConfusionMatrixMetric, margins, mean_where


@keras.saving.register_keras_serializable("dawn_tf")
class MacroF1(ConfusionMatrixMetric):
    """Mean over the classes of F1, `2 M[c, c] / (sum(M[c, :]) + sum(M[:, c]))`.

    The mean is over the classes that are true or predicted; a class that is predicted but
    never true has F1 0. As `sklearn.metrics.f1_score(average="macro")`.
    Arguments, shapes and invalid labels: see `ConfusionMatrixMetric`.
    """

    def __init__(self, num_classes, ignore_class=None, name="macro_f1", **kwargs):
        super().__init__(num_classes, ignore_class, name, **kwargs)

    def score(self, matrix):
        hits, true, predicted = margins(matrix)
        f1 = ops.divide_no_nan(2.0 * hits, true + predicted)
        return mean_where(f1, true + predicted > 0)
