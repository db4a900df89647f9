"""Metrics for imbalanced data, all on one streaming confusion matrix; they run on any backend."""

from dawn_tf.metrics.accuracy import Accuracy
from dawn_tf.metrics.balanced_accuracy import BalancedAccuracy
from dawn_tf.metrics.confusion import ConfusionMatrixMetric
from dawn_tf.metrics.macro_f1 import MacroF1
from dawn_tf.metrics.macro_precision import MacroPrecision
from dawn_tf.metrics.macro_recall import MacroRecall
from dawn_tf.metrics.mean_iou import MeanIoU
from dawn_tf.metrics.minority_recall import MinorityRecall, minority_classes

__all__ = [
    "Accuracy",
    "BalancedAccuracy",
    "ConfusionMatrixMetric",
    "MacroF1",
    "MacroPrecision",
    "MacroRecall",
    "MeanIoU",
    "MinorityRecall",
    "minority_classes",
]
