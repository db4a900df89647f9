import keras
from keras import layers

from dawn_tf.layers import ConvBlock, Standardize
from dawn_tf.models import encoders
from dawn_tf.models.heads import linear_head
from dawn_tf.models.network import Network, dtype_scope


@keras.saving.register_keras_serializable("dawn_tf")
class UNet(Network):
    """U-Net on any encoder: 2x2 transposed convolution, skip, two 3x3 convolutions a level.

    After [Ronneberger et al., 2015](https://arxiv.org/abs/1505.04597) with "same" padding and
    batch normalisation; 31.0 M parameters on its own encoder ("unet", width 64).

    Args:
        num_classes, input_shape, task, encoder, width, l2, dtype: As in `DAWN`.
        decoder_scale: Channels of each decoder level over those of the encoder's; 1 is the U-Net.

    Output shape: logits, `(batch, height, width, num_classes)` or `(batch, num_classes)`.
    """

    def __init__(
        self,
        num_classes,
        input_shape,
        task="segmentation",
        encoder="unet",
        width=None,
        decoder_scale=1.0,
        l2=0.0,
        dtype=None,
        **kwargs,
    ):
        with dtype_scope(dtype) as policy:
            backbone = encoders.build(encoder, input_shape, width)
            inputs = keras.Input(tuple(input_shape), name="inputs")
            *skips, x = encoders.as_pyramid(backbone)(Standardize(name="standardize")(inputs))
            for level, skip in reversed(list(enumerate(skips))):
                filters = max(1, round(decoder_scale * skip.shape[-1]))
                x = transposed_up(x, skip, filters, name=f"up_{level}")
                x = layers.Concatenate(name=f"skip_{level}")([skip, x])
                x = double_conv(x, filters, name=f"decode_{level}")
            outputs = linear_head(x, num_classes, task, input_shape)
        super().__init__(inputs, outputs, **kwargs)
        self._remember(
            policy,
            num_classes=num_classes,
            task=task,
            encoder=encoder,
            width=width,
            decoder_scale=decoder_scale,
            l2=l2,
        )


def transposed_up(x, skip, filters, name):
    """`x` at the size of `skip`, with so many channels, by a 2x2 transposed convolution."""
    x = layers.Conv2DTranspose(filters, 2, strides=2, name=name)(x)
    # Pooling rounds odd sizes up, so the doubled map may be one pixel too large.
    return x[:, : skip.shape[1], : skip.shape[2]]


def double_conv(x, filters, name):
    """Two 3x3 convolutions, each with batch normalisation and ReLU."""
    return ConvBlock(filters, name=f"{name}_b")(ConvBlock(filters, name=f"{name}_a")(x))
