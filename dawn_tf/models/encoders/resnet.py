"""Residual encoders: ResNet-32 for small images, ResNet-50 for large ones."""

import keras
from keras import layers

from dawn_tf.layers import ConvBlock


@keras.saving.register_keras_serializable("dawn_tf")
class ResNet32Encoder(keras.Model):
    """The CIFAR ResNet: a 3x3 stem, then three stages of five basic blocks.

    After [He et al., 2016](https://arxiv.org/abs/1512.03385), section 4.2, with projection
    shortcuts where a stage changes its shape; 0.46 M parameters at `width=16`, the encoder of the
    long-tail literature. Images above 48 pixels get a stem of stride 2, which keeps the cost of
    a 96x96 image at 2.25 times that of a 32x32 one.

    Args:
        input_shape: `(height, width, channels)`.
        width: Channels of the first stage; doubled at each of the three.

    `pyramid_outputs`: "P0", "P1", "P2" (one level lower with a stride-2 stem).
    """

    def __init__(self, input_shape, width=16, **kwargs):
        stem_level = int(max(input_shape[:2]) > 48)
        inputs = keras.Input(input_shape)
        x = ConvBlock(width, strides=2**stem_level, name="stem")(inputs)
        pyramid = {}
        for stage in range(3):
            for block in range(5):
                strides = 2 if stage and not block else 1
                x = basic_block(x, width * 2**stage, strides, f"stage_{stage}_block_{block}")
            pyramid[f"P{stem_level + stage}"] = x
        super().__init__(inputs, x, **kwargs)
        self.pyramid_outputs = pyramid
        self.width = width

    def get_config(self):
        return {"input_shape": self.input_shape[1:], "width": self.width, "name": self.name}


def basic_block(x, filters, strides, name):
    """Two 3x3 convolutions around a shortcut (He et al., 2016, figure 5 left)."""
    shortcut = x
    if strides > 1 or x.shape[-1] != filters:
        shortcut = ConvBlock(filters, 1, strides, activation=False, name=f"{name}_shortcut")(x)
    x = ConvBlock(filters, strides=strides, name=f"{name}_a")(x)
    x = ConvBlock(filters, activation=False, name=f"{name}_b")(x)
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))


@keras.saving.register_keras_serializable("dawn_tf")
class ResNet50Encoder(keras.Model):
    """`keras.applications.ResNet50` without its top, as a pyramid.

    After [He et al., 2016](https://arxiv.org/abs/1512.03385).

    Args:
        input_shape: `(height, width, channels)`, at least 32 pixels a side.

    `pyramid_outputs`: "P1" (1/2) .. "P5" (1/32).
    """

    def __init__(self, input_shape, **kwargs):
        base = keras.applications.ResNet50(
            include_top=False, weights=None, input_shape=tuple(input_shape)
        )
        ends = ("conv1_relu", "conv2_block3_out", "conv3_block4_out", "conv4_block6_out")
        ends += ("conv5_block3_out",)
        super().__init__(base.input, base.output, **kwargs)
        self.pyramid_outputs = {
            f"P{level}": base.get_layer(end).output for level, end in enumerate(ends, start=1)
        }

    def get_config(self):
        return {"input_shape": self.input_shape[1:], "name": self.name}
