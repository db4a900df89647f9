import keras
from keras import ops

from dawn_tf.metrics.confusion import ConfusionMatrixMetric


@keras.saving.register_keras_serializable("dawn_tf")
class Accuracy(ConfusionMatrixMetric):
    """Share of the examples (pixels) whose class is predicted: `trace(M) / sum(M)`.

    Arguments, shapes and invalid labels: see `ConfusionMatrixMetric`.
    """

    def __init__(self, num_classes, ignore_class=None, name="accuracy", **kwargs):
        super().__init__(num_classes, ignore_class, name, **kwargs)

    def score(self, matrix):
        return ops.divide_no_nan(ops.trace(matrix), ops.sum(matrix))
