import keras
from keras import layers

from dawn_tf.layers import ConvBlock, Standardize
from dawn_tf.models import encoders
from dawn_tf.models.heads import SegmentationHead
from dawn_tf.models.network import Network, dtype_scope


@keras.saving.register_keras_serializable("dawn_tf")
class UNet(Network):
    """U-Net on any encoder: 2x2 transposed convolution, skip, two 3x3 convolutions a level.

    After [Ronneberger et al., 2015](https://arxiv.org/abs/1505.04597) with "same" padding and
    batch normalisation; 31.0 M parameters on its own encoder ("unet", width 64).

    Args:
        num_classes, input_shape, encoder, width, l2, dtype: As in `DAWN`.

    Output shape: logits, `(batch, height, width, num_classes)`.
    """

    def __init__(
        self, num_classes, input_shape, encoder="unet", width=None, l2=0.0, dtype=None, **kwargs
    ):
        with dtype_scope(dtype) as policy:
            backbone = encoders.build(encoder, input_shape, width)
            inputs = keras.Input(tuple(input_shape), name="inputs")
            *skips, x = encoders.as_pyramid(backbone)(Standardize(name="standardize")(inputs))
            for level, skip in reversed(list(enumerate(skips))):
                filters = skip.shape[-1]
                x = layers.Conv2DTranspose(filters, 2, strides=2, name=f"up_{level}")(x)
                # Pooling rounds odd sizes up, so the doubled map may be one pixel too large.
                x = x[:, : skip.shape[1], : skip.shape[2]]
                x = layers.Concatenate(name=f"skip_{level}")([skip, x])
                x = ConvBlock(filters, name=f"decode_{level}_a")(x)
                x = ConvBlock(filters, name=f"decode_{level}_b")(x)
            z = layers.Dense(num_classes, name="logits")(x)
            outputs = SegmentationHead(input_shape[:2], name="head")(z)
        super().__init__(inputs, outputs, **kwargs)
        self._remember(policy, num_classes=num_classes, encoder=encoder, width=width, l2=l2)
