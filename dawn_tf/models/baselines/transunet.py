import math

import keras
from keras import layers

from dawn_tf.layers import ConvBlock, PositionEmbedding, Standardize, StandardizedConv2D
from dawn_tf.models.heads import linear_head
from dawn_tf.models.network import Network, dtype_scope
from dawn_tf.ops.resize import resize

# Blocks of the three stages of ResNet-50 that come before the transformer.
_STAGES = (3, 4, 9)
_DROPOUT = 0.1


@keras.saving.register_keras_serializable("dawn_tf")
class TransUNet(Network):
    """TransUNet: a residual network to 1/16, a Vision Transformer on its tokens, a U-Net decoder.

    The hybrid R50-ViT-B/16: ResNet-50 with weight standardisation and group normalisation in
    stages of 3, 4 and 9 blocks, 12 transformer layers of 12 heads on the 1x1 patches of the last,
    then bilinear upsampling with skips from 1/8, 1/4 and 1/2.
    After [Chen et al., 2021](https://arxiv.org/abs/2102.04306); 105 M parameters at 224x224.

    Args:
        num_classes, input_shape, task, l2, dtype: As in `DAWN`. The position embedding binds the
            weights to one input size.
        width: Channels of the stem; tokens have `12 * width`.
        depth: Transformer layers.

    Output shape: logits, `(batch, height, width, num_classes)` or `(batch, num_classes)`.
    """

    def __init__(
        self,
        num_classes,
        input_shape,
        task="segmentation",
        width=64,
        depth=12,
        l2=0.0,
        dtype=None,
        **kwargs,
    ):
        with dtype_scope(dtype) as policy:
            inputs = keras.Input(tuple(input_shape), name="inputs")
            x = Standardize(name="standardize")(inputs)
            *skips, x = _residual_stages(x, width)
            x = layers.Conv2D(12 * width, 1, name="embed")(x)
            grid = x.shape[1:]
            x = layers.Reshape((-1, 12 * width), name="tokens")(x)
            x = layers.Dropout(_DROPOUT)(PositionEmbedding(name="position")(x))
            for i in range(depth):
                x = transformer_layer(x, num_heads=12, name=f"transformer_{i}")
            x = layers.LayerNormalization(epsilon=1e-6, name="norm")(x)
            x = layers.Reshape(grid, name="grid")(x)
            x = ConvBlock(8 * width, name="decode_in")(x)
            for i, factor in enumerate((4, 2, 1, 1 / 4)):
                if skips:
                    skip = skips.pop()
                    x = resize(x, skip.shape[1:3])
                    x = layers.Concatenate(name=f"skip_{i}")([x, skip])
                else:
                    x = resize(x, tuple(input_shape[:2]))
                filters = max(1, int(factor * width))
                x = ConvBlock(filters, name=f"decode_{i}_a")(x)
                x = ConvBlock(filters, name=f"decode_{i}_b")(x)
            outputs = linear_head(x, num_classes, task, input_shape)
        super().__init__(inputs, outputs, **kwargs)
        self._remember(policy, num_classes=num_classes, task=task, width=width, depth=depth, l2=l2)


def transformer_layer(x, num_heads, name):
    """Pre-norm attention and MLP, both residual, on `(batch, tokens, channels)`."""
    channels = x.shape[-1]
    y = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm_a")(x)
    attention = layers.MultiHeadAttention(num_heads, channels // num_heads, name=f"{name}_heads")
    x = layers.Add(name=f"{name}_add_a")([x, attention(y, y)])
    y = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm_b")(x)
    y = layers.Dense(4 * channels, activation="gelu", name=f"{name}_mlp_a")(y)
    y = layers.Dropout(_DROPOUT, name=f"{name}_dropout_a")(y)
    y = layers.Dense(channels, name=f"{name}_mlp_b")(y)
    y = layers.Dropout(_DROPOUT, name=f"{name}_dropout_b")(y)
    return layers.Add(name=f"{name}_add_b")([x, y])


def _residual_stages(x, width):
    """Features at 1/2, 1/4, 1/8 and 1/16."""
    x = _normalised_conv(x, width, 7, strides=2, name="stem")
    levels = [x]
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)
    for stage, blocks in enumerate(_STAGES):
        for block in range(blocks):
            strides = 2 if stage and not block else 1
            name = f"stage_{stage}_block_{block}"
            x = _bottleneck(x, width * 2**stage, strides, name)
        levels.append(x)
    return levels


def _bottleneck(x, filters, strides, name):
    shortcut = x
    if strides > 1 or x.shape[-1] != 4 * filters:
        shortcut = _normalised_conv(x, 4 * filters, 1, strides, False, f"{name}_shortcut")
    x = _normalised_conv(x, filters, 1, name=f"{name}_a")
    x = _normalised_conv(x, filters, 3, strides, name=f"{name}_b")
    x = _normalised_conv(x, 4 * filters, 1, activation=False, name=f"{name}_c")
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))


def _normalised_conv(x, filters, kernel_size, strides=1, activation=True, name=None):
    x = StandardizedConv2D(
        filters, kernel_size, strides, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    groups = math.gcd(32, filters)
    x = layers.GroupNormalization(groups, epsilon=1e-6, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if activation else x
