import keras
from keras import ops

from dawn_tf.metrics.confusion import ConfusionMatrixMetric, margins, mean_where


@keras.saving.register_keras_serializable("dawn_tf")
class MeanIoU(ConfusionMatrixMetric):
    """Mean over the classes of intersection over union.

    `IoU[c] = M[c, c] / (sum(M[c, :]) + sum(M[:, c]) - M[c, c])`, over the classes whose union is
    not empty; one that is predicted but never true has IoU 0. As
    `sklearn.metrics.jaccard_score(average="macro")`.
    Arguments, shapes and invalid labels: see `ConfusionMatrixMetric`.
    """

    def __init__(self, num_classes, ignore_class=None, name="mean_iou", **kwargs):
        super().__init__(num_classes, ignore_class, name, **kwargs)

    def score(self, matrix):
        hits, true, predicted = margins(matrix)
        union = true + predicted - hits
        return mean_where(ops.divide_no_nan(hits, union), union > 0)
