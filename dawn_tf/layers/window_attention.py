import math

import keras
import numpy as np
from keras import layers, ops

# Added to the score of a pair that must not see each other.
_BLOCKED = -100.0


@keras.saving.register_keras_serializable("dawn_tf")
class WindowAttention(layers.Layer):
    """Multi-head attention inside windows of a map, which may be shifted by half a window.

    `softmax(q k^T / sqrt(d) + B) v` within each window of `window x window` places, `B` being a
    learned bias by relative position. With `shift` the windows start half a window further on,
    round the edge; pairs that only meet by going round are blocked. Maps that the window does not
    divide are padded, and the padding is blocked too; windows are never larger than the map.
    After [Liu et al., 2021](https://arxiv.org/abs/2103.14030), Eq. 4 and figure 4.

    Args:
        num_heads: Heads; divides the channels.
        window: Side of a window.
        shift: Whether the windows are shifted.

    Input shape: `(batch, height, width, channels)`, height and width fixed.
    """

    def __init__(self, num_heads, window=7, shift=False, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.window = window
        self.shift = shift

    def build(self, input_shape):
        height, width, channels = input_shape[1:]
        if channels % self.num_heads:
            raise ValueError(
                f"Expected channels that num_heads={self.num_heads} divides. Received: "
                f"{channels} channels. Change `width` or the heads."
            )
        dtype = self.dtype_policy
        self.query_key_value = layers.Dense(3 * channels, dtype=dtype, name="query_key_value")
        self.query_key_value.build((None, None, channels))
        self.projection = layers.Dense(channels, dtype=dtype, name="projection")
        self.projection.build((None, None, channels))
        self.sides = tuple(min(self.window, size) for size in (height, width))
        # A side with one window has nothing to shift.
        self.shifts = tuple(
            side // 2 if self.shift and side < size else 0
            for side, size in zip(self.sides, (height, width), strict=True)
        )
        self.counts = tuple(
            -(-size // side) for side, size in zip(self.sides, (height, width), strict=True)
        )
        rows, columns = self.sides
        self.bias_table = self.add_weight(
            shape=((2 * rows - 1) * (2 * columns - 1), self.num_heads),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="bias_table",
        )
        self.bias_index = _relative_positions(rows, columns)
        self.mask = self._blocked_pairs(height, width)

    def call(self, x):
        height, width, channels = x.shape[1:]
        (rows, columns), (down, across) = self.sides, self.counts
        padding = (0, down * rows - height), (0, across * columns - width)
        x = ops.pad(x, ((0, 0), *padding, (0, 0)))
        x = ops.roll(x, tuple(-s for s in self.shifts), axis=(1, 2)) if any(self.shifts) else x
        x = ops.reshape(x, (-1, down, rows, across, columns, channels))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, rows * columns, channels))
        x = self._attend(x)
        x = ops.reshape(x, (-1, down, across, rows, columns, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        x = ops.reshape(x, (-1, down * rows, across * columns, channels))
        x = ops.roll(x, self.shifts, axis=(1, 2)) if any(self.shifts) else x
        return x[:, :height, :width]

    def _attend(self, tokens):
        """Attention in each window, `(batch * windows, tokens, channels)`."""
        count, channels = tokens.shape[1:]
        depth = channels // self.num_heads
        qkv = ops.reshape(self.query_key_value(tokens), (-1, count, 3, self.num_heads, depth))
        q, k, v = (ops.transpose(qkv[:, :, i], (0, 2, 1, 3)) for i in range(3))
        scores = ops.matmul(q / math.sqrt(depth), ops.transpose(k, (0, 1, 3, 2)))
        bias = ops.reshape(ops.take(self.bias_table, self.bias_index, axis=0), (count, count, -1))
        scores = scores + ops.cast(ops.transpose(bias, (2, 0, 1)), scores.dtype)
        if self.mask is not None:
            windows = len(self.mask)
            scores = ops.reshape(scores, (-1, windows, self.num_heads, count, count))
            scores = scores + ops.cast(self.mask[:, None], scores.dtype)
            scores = ops.reshape(scores, (-1, self.num_heads, count, count))
        # Over one place a softmax is 1 and its gradient 0; Keras would warn of it.
        weights = ops.softmax(scores, axis=-1) if count > 1 else ops.exp(scores - scores)
        out = ops.transpose(ops.matmul(weights, v), (0, 2, 1, 3))
        return self.projection(ops.reshape(out, (-1, count, channels)))

    def _blocked_pairs(self, height, width):
        """`(windows, tokens, tokens)`, 0 or `_BLOCKED`; `None` if no pair is blocked."""
        ids = []
        for size, side, count, shift in zip(
            (height, width), self.sides, self.counts, self.shifts, strict=True
        ):
            place = (np.arange(count * side) + shift) % (count * side)
            went_round = np.arange(count * side) + shift >= count * side
            ids.append(np.where(place >= size, 2, went_round))
        region = ids[0][:, None] * 3 + ids[1][None, :]
        (rows, columns), (down, across) = self.sides, self.counts
        region = region.reshape(down, rows, across, columns).transpose(0, 2, 1, 3)
        region = region.reshape(down * across, rows * columns)
        blocked = region[:, :, None] != region[:, None, :]
        return np.where(blocked, _BLOCKED, 0.0).astype("float32") if blocked.any() else None

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "window": self.window,
            "shift": self.shift,
        }


def _relative_positions(rows, columns):
    """Row of the bias table for each pair of places in a window, flat."""
    places = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), -1)
    places = places.reshape(-1, 2)
    offset = places[:, None] - places[None, :] + (rows - 1, columns - 1)
    return (offset[..., 0] * (2 * columns - 1) + offset[..., 1]).reshape(-1)
