"""The rivals: one file a network, the same inputs and outputs as DAWN."""

from dawn_tf.models.baselines.classifier import Classifier
from dawn_tf.models.baselines.unet import UNet

__all__ = ["Classifier", "UNet"]
