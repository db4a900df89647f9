"""Building blocks: what `models` is made of."""

from dawn_tf.layers.conv_block import ConvBlock
from dawn_tf.layers.cross_attention import CrossAttention
from dawn_tf.layers.gate import Gate
from dawn_tf.layers.numerical_embedding import PeriodicEmbedding, PiecewiseLinearEmbedding
from dawn_tf.layers.standardize import Standardize

__all__ = [
    "ConvBlock",
    "CrossAttention",
    "Gate",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "Standardize",
]
