import keras
from keras import layers

from dawn_tf.layers import ConvBlock, Standardize
from dawn_tf.models import encoders
from dawn_tf.models.baselines.unet import double_conv
from dawn_tf.models.heads import linear_head
from dawn_tf.models.network import Network, dtype_scope
from dawn_tf.ops.resize import resize


@keras.saving.register_keras_serializable("dawn_tf")
class AttentionUNet(Network):
    """U-Net whose skips pass an attention gate: the coarser level says where to look.

    `skip * sigmoid(psi(relu(W_x skip + W_g up)))`, three 1x1 convolutions with batch
    normalisation. After [Oktay et al., 2018](https://arxiv.org/abs/1804.03999), in two dimensions
    as commonly built (upsampling with a 3x3 convolution): 34.9 M parameters on its own encoder.

    Args:
        num_classes, input_shape, task, encoder, width, l2, dtype: As in `DAWN`.

    Output shape: logits, `(batch, height, width, num_classes)` or `(batch, num_classes)`.
    """

    def __init__(
        self,
        num_classes,
        input_shape,
        task="segmentation",
        encoder="unet",
        width=None,
        l2=0.0,
        dtype=None,
        **kwargs,
    ):
        with dtype_scope(dtype) as policy:
            backbone = encoders.build(encoder, input_shape, width)
            inputs = keras.Input(tuple(input_shape), name="inputs")
            *skips, x = encoders.as_pyramid(backbone)(Standardize(name="standardize")(inputs))
            for level, skip in reversed(list(enumerate(skips))):
                filters = skip.shape[-1]
                x = ConvBlock(filters, name=f"up_{level}")(resize(x, skip.shape[1:3]))
                attended = attention_gate(skip, x, filters // 2, name=f"gate_{level}")
                x = layers.Concatenate(name=f"skip_{level}")([attended, x])
                x = double_conv(x, filters, name=f"decode_{level}")
            outputs = linear_head(x, num_classes, task, input_shape)
        super().__init__(inputs, outputs, **kwargs)
        self._remember(
            policy, num_classes=num_classes, task=task, encoder=encoder, width=width, l2=l2
        )


def attention_gate(skip, signal, filters, name):
    """`skip` weighted by how well each place agrees with `signal`, of the same size."""
    joined = layers.Add(name=f"{name}_add")(
        [
            ConvBlock(filters, 1, activation=False, name=f"{name}_skip")(skip),
            ConvBlock(filters, 1, activation=False, name=f"{name}_signal")(signal),
        ]
    )
    joined = layers.ReLU(name=f"{name}_relu")(joined)
    weight = ConvBlock(1, 1, activation=False, name=f"{name}_psi")(joined)
    weight = layers.Activation("sigmoid", name=f"{name}_weight")(weight)
    return layers.Multiply(name=name)([skip, weight])
