import keras
from keras import layers, ops

from dawn_tf.layers import Standardize, WindowAttention
from dawn_tf.models.heads import linear_head
from dawn_tf.models.network import Network, dtype_scope

_HEADS = (3, 6, 12, 24)
_DROP_PATH = 0.2


@keras.saving.register_keras_serializable("dawn_tf")
class SwinUNet(Network):
    """Swin-UNet: a U-Net of window-attention blocks, from 4x4 patches down to 1/32 and back.

    Two Swin blocks a level, the second with shifted windows; patches are merged 2x2 on the way
    down and expanded on the way up, where the skips are joined by a dense layer.
    After [Cao et al., 2021](https://arxiv.org/abs/2105.05537); 27.2 M parameters at width 96,
    Swin-T's.

    Args:
        num_classes, input_shape, task, l2, dtype: As in `DAWN`; sides need not divide by anything.
        width: Channels of the finest level; doubled at each of the four. 3 divides it.
        window: Side of the attention windows.

    Output shape: logits, `(batch, height, width, num_classes)` or `(batch, num_classes)`.
    """

    def __init__(
        self,
        num_classes,
        input_shape,
        task="segmentation",
        width=96,
        window=7,
        l2=0.0,
        dtype=None,
        **kwargs,
    ):
        with dtype_scope(dtype) as policy:
            inputs = keras.Input(tuple(input_shape), name="inputs")
            x = Standardize(name="standardize")(inputs)
            x = layers.Conv2D(width, 4, strides=4, padding="same", name="embed")(x)
            x = layers.LayerNormalization(epsilon=1e-5, name="embed_norm")(x)
            drops = iter(_DROP_PATH * i / 7 for i in range(8))
            skips = []
            for level, heads in enumerate(_HEADS):
                if level:
                    skips.append(x)
                    x = merge(x, name=f"merge_{level}")
                for i in range(2):
                    name = f"down_{level}_{i}"
                    x = swin_block(x, heads, window, bool(i), next(drops), name)
            x = layers.LayerNormalization(epsilon=1e-5, name="norm")(x)
            for level in (2, 1, 0):
                skip = skips.pop()
                x = expand(x, 2, skip.shape[-1], name=f"expand_{level}")
                x = x[:, : skip.shape[1], : skip.shape[2]]
                x = layers.Concatenate(name=f"skip_{level}")([x, skip])
                x = layers.Dense(skip.shape[-1], name=f"join_{level}")(x)
                for i in range(2):
                    drop = _DROP_PATH * (2 * level + i) / 7
                    x = swin_block(x, _HEADS[level], window, bool(i), drop, f"up_{level}_{i}")
            x = layers.LayerNormalization(epsilon=1e-5, name="norm_up")(x)
            x = expand(x, 4, width, name="expand_out")
            x = x[:, : input_shape[0], : input_shape[1]]
            outputs = linear_head(x, num_classes, task, input_shape)
        super().__init__(inputs, outputs, **kwargs)
        self._remember(
            policy, num_classes=num_classes, task=task, width=width, window=window, l2=l2
        )


def swin_block(x, num_heads, window, shift, drop_path, name):
    """Pre-norm window attention and MLP, both residual; whole branches are dropped in training."""

    def dropped(y, part):
        # One draw per example: stochastic depth (Huang et al., 2016).
        shape = (None, 1, 1, 1)
        return layers.Dropout(drop_path, noise_shape=shape, name=f"{name}_drop_{part}")(y)

    y = layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm_a")(x)
    y = WindowAttention(num_heads, window, shift, name=f"{name}_attention")(y)
    x = layers.Add(name=f"{name}_add_a")([x, dropped(y, "a")])
    y = layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm_b")(x)
    y = layers.Dense(4 * x.shape[-1], activation="gelu", name=f"{name}_mlp_a")(y)
    y = layers.Dense(x.shape[-1], name=f"{name}_mlp_b")(y)
    return layers.Add(name=f"{name}_add_b")([x, dropped(y, "b")])


def merge(x, name):
    """Half the size, twice the channels: 2x2 places become one, then a dense layer."""
    height, width, channels = x.shape[1:]
    x = ops.pad(x, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)))
    rows, columns = -(-height // 2), -(-width // 2)
    x = ops.reshape(x, (-1, rows, 2, columns, 2, channels))
    x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, rows, columns, 4 * channels))
    x = layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm")(x)
    return layers.Dense(2 * channels, use_bias=False, name=name)(x)


def expand(x, factor, channels, name):
    """`factor` times the size and `channels` channels: a dense layer, then rearranged."""
    rows, columns = x.shape[1:3]
    x = layers.Dense(factor**2 * channels, use_bias=False, name=name)(x)
    x = ops.reshape(x, (-1, rows, columns, factor, factor, channels))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    x = ops.reshape(x, (-1, rows * factor, columns * factor, channels))
    return layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm")(x)
