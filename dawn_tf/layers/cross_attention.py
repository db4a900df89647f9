import math

import keras
from keras import layers, ops

from dawn_tf.ops.resize import pool_to_grid, resize


@keras.saving.register_keras_serializable("dawn_tf")
class CrossAttention(layers.Layer):
    """Each decoder's features look at the other's: the paper's "information exchange".

    Both maps are average-pooled to at most `grid x grid` tokens; multi-head attention runs from
    the global tokens to the detail tokens and back, and each result is resized and added to the
    map it came from. So `2 * grid**4` scores per head and image is the bound, whatever the image
    size (131,072 at the default of 16). The paper names the mechanism and gives no formula; this
    is pre-norm multi-head attention after [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762).
    Table rows have one token on each side, where attention is the value projection alone.

    Args:
        num_heads: Attention heads; divides the channels of both maps.
        grid: Most rows and columns of tokens.

    Call arguments:
        global_features: `(batch, rows, columns, channels)` or `(batch, channels)`.
        detail_features: The same rank, any size and channels.

    Returns: Both, in their own shapes.
    """

    def __init__(self, num_heads=4, grid=16, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.grid = grid

    def build(self, global_features_shape, detail_features_shape):
        shapes = {"global": global_features_shape, "detail": detail_features_shape}
        channels = {name: shape[-1] for name, shape in shapes.items()}
        if any(number % self.num_heads for number in channels.values()):
            raise ValueError(
                f"Expected channels that num_heads={self.num_heads} divides. Received: {channels}. "
                "Change the decoders' `filters` or `num_heads`."
            )
        for name, other in (("global", "detail"), ("detail", "global")):
            attention = layers.MultiHeadAttention(
                self.num_heads,
                channels[name] // self.num_heads,
                dtype=self.dtype_policy,
                name=f"{name}_attention",
            )
            attention.build((None, None, channels[name]), (None, None, channels[other]))
            norm = layers.LayerNormalization(dtype=self.dtype_policy, name=f"{name}_norm")
            norm.build((None, None, channels[name]))
            setattr(self, f"{name}_attention", attention)
            setattr(self, f"{name}_norm", norm)

    def call(self, global_features, detail_features):
        global_grid, detail_grid = self._pool(global_features), self._pool(detail_features)
        global_tokens = self.global_norm(to_tokens(global_grid))
        detail_tokens = self.detail_norm(to_tokens(detail_grid))
        to_global = self.global_attention(global_tokens, detail_tokens)
        to_detail = self.detail_attention(detail_tokens, global_tokens)
        return (
            global_features + self._spread(to_global, global_grid, global_features),
            detail_features + self._spread(to_detail, detail_grid, detail_features),
        )

    def _pool(self, x):
        return pool_to_grid(x, self.grid) if len(x.shape) == 4 else x

    def _spread(self, tokens, grid, features):
        tokens = ops.reshape(tokens, (-1, *grid.shape[1:]))
        return resize(tokens, features.shape[1:3]) if len(features.shape) == 4 else tokens

    def compute_output_shape(self, global_features_shape, detail_features_shape):
        return global_features_shape, detail_features_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "grid": self.grid,
        }


def to_tokens(x):
    """Flattens `(batch, ..., channels)` to `(batch, tokens, channels)`."""
    return ops.reshape(x, (-1, math.prod(x.shape[1:-1]), x.shape[-1]))
