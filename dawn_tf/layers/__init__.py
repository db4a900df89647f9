"""Building blocks: what `models` is made of."""

from dawn_tf.layers.conv_block import ConvBlock
from dawn_tf.layers.cosine_head import CosineHead
from dawn_tf.layers.cross_attention import CrossAttention
from dawn_tf.layers.gate import Gate
from dawn_tf.layers.numerical_embedding import PeriodicEmbedding, PiecewiseLinearEmbedding
from dawn_tf.layers.position_embedding import PositionEmbedding
from dawn_tf.layers.standardize import Standardize
from dawn_tf.layers.standardized_conv import StandardizedConv2D
from dawn_tf.layers.window_attention import WindowAttention

__all__ = [
    "ConvBlock",
    "CosineHead",
    "CrossAttention",
    "Gate",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "PositionEmbedding",
    "Standardize",
    "StandardizedConv2D",
    "WindowAttention",
]
