"""Data sets by name, class-aware sampling and augmentation: files -> records -> batches."""

from dawn_tf.data.augmentation import Augmenter
from dawn_tf.data.copy_paste import CopyPaste
from dawn_tf.data.errors import DataError
from dawn_tf.data.loading import load, names
from dawn_tf.data.mixing import BalancedMixUp, CutMix, MixUp, Remix
from dawn_tf.data.pipeline import DataSplits, evaluation_batches, training_batches
from dawn_tf.data.rejection import RejectionSampler, rejection_resample
from dawn_tf.data.sampling import ClassAwareSampler

__all__ = [
    "Augmenter",
    "BalancedMixUp",
    "ClassAwareSampler",
    "CopyPaste",
    "CutMix",
    "DataError",
    "DataSplits",
    "MixUp",
    "RejectionSampler",
    "Remix",
    "evaluation_batches",
    "load",
    "names",
    "rejection_resample",
    "training_batches",
]
