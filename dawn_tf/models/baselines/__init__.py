"""The rivals: one file a network, the same inputs and outputs as DAWN."""

from dawn_tf.models.baselines.attention_unet import AttentionUNet
from dawn_tf.models.baselines.classifier import Classifier
from dawn_tf.models.baselines.deeplab import DeepLabV3Plus
from dawn_tf.models.baselines.hrnet import HRNet
from dawn_tf.models.baselines.multi_expert import MultiExpert
from dawn_tf.models.baselines.segformer import SegFormer
from dawn_tf.models.baselines.swin_unet import SwinUNet
from dawn_tf.models.baselines.transunet import TransUNet
from dawn_tf.models.baselines.unet import UNet
from dawn_tf.models.baselines.unet_plus_plus import UNetPlusPlus

__all__ = [
    "AttentionUNet",
    "Classifier",
    "DeepLabV3Plus",
    "HRNet",
    "MultiExpert",
    "SegFormer",
    "SwinUNet",
    "TransUNet",
    "UNet",
    "UNetPlusPlus",
]
