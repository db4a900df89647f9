"""Scores of trained models, as functions of numpy arrays, and the files that keep them."""

from dawn_tf.evaluation.calibration import Calibration
from dawn_tf.evaluation.confusion_scores import confusion_scores
from dawn_tf.evaluation.evaluate import evaluate, predict
from dawn_tf.evaluation.files import (
    atomic,
    read_json,
    read_lines,
    room_for,
    save_outputs,
    write_json,
    write_lines,
)
from dawn_tf.evaluation.scores import choose_threshold, classification_scores
from dawn_tf.evaluation.segmentation_scores import SegmentationScorer

__all__ = [
    "Calibration",
    "SegmentationScorer",
    "atomic",
    "choose_threshold",
    "classification_scores",
    "confusion_scores",
    "evaluate",
    "predict",
    "read_json",
    "read_lines",
    "room_for",
    "save_outputs",
    "write_json",
    "write_lines",
]
