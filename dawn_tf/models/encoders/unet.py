import keras
from keras import layers

from dawn_tf.layers import ConvBlock


@keras.saving.register_keras_serializable("dawn_tf")
class UNetEncoder(keras.Model):
    """Contracting path of U-Net: two 3x3 convolutions a level, max pooling between levels.

    After [Ronneberger et al., 2015](https://arxiv.org/abs/1505.04597), with "same" padding and
    batch normalisation. Any size: pooling rounds up.

    Args:
        input_shape: `(height, width, channels)`.
        width: Channels of the first level; doubled at each of the `depth` levels.
        depth: Number of levels.

    `pyramid_outputs`: "P0" (full size) .. "P4" (1/16).
    """

    def __init__(self, input_shape, width=64, depth=5, **kwargs):
        x = inputs = keras.Input(input_shape)
        pyramid = {}
        for level in range(depth):
            if level:
                x = layers.MaxPooling2D(2, padding="same", name=f"pool_{level}")(x)
            x = ConvBlock(width * 2**level, name=f"conv_{level}_a")(x)
            x = ConvBlock(width * 2**level, name=f"conv_{level}_b")(x)
            pyramid[f"P{level}"] = x
        super().__init__(inputs, x, **kwargs)
        self.pyramid_outputs = pyramid
        self.width = width
        self.depth = depth

    def get_config(self):
        return {
            "input_shape": self.input_shape[1:],
            "width": self.width,
            "depth": self.depth,
            "name": self.name,
        }
