"""DAWN, its parts (one file a box of Figure 2), and its rivals."""

from dawn_tf.models import encoders
from dawn_tf.models.averaged import AveragedNetworks
from dawn_tf.models.baselines import Classifier, MultiExpert, UNet
from dawn_tf.models.dawn import DAWN
from dawn_tf.models.decoder_views import VIEWS, decoder_views, has_views
from dawn_tf.models.detail_decoder import DetailDecoder
from dawn_tf.models.global_decoder import GlobalDecoder
from dawn_tf.models.heads import ClassificationHead, SegmentationHead
from dawn_tf.models.registry import build, names
from dawn_tf.models.saved import load_model

__all__ = [
    "DAWN",
    "AveragedNetworks",
    "ClassificationHead",
    "Classifier",
    "DetailDecoder",
    "GlobalDecoder",
    "MultiExpert",
    "SegmentationHead",
    "UNet",
    "VIEWS",
    "build",
    "decoder_views",
    "encoders",
    "has_views",
    "load_model",
    "names",
]
