import keras
from keras import layers, ops

from dawn_tf.layers import ConvBlock
from dawn_tf.ops.resize import resize


@keras.saving.register_keras_serializable("dawn_tf")
class GlobalDecoder(layers.Layer):
    """Coarse semantics from the deepest features F alone: no skips.

    A 3x3 convolution at the coarsest level, to which the projected mean over the whole image is
    added (context), then `upsamplings` times: twice the size by bilinear interpolation and a 3x3
    convolution to half the channels (DAWN, sections 3.1 and 3.2: "reconstructs coarse semantic
    layouts using upsampling and convolution"). Table rows: one dense layer, as there is no space.

    Args:
        filters: Channels of the first convolution.
        upsamplings: Number of doublings of the size.

    Input shape: F, `(batch, rows, columns, channels)` or `(batch, channels)`.
    Output shape: `(batch, rows * 2**upsamplings, columns * 2**upsamplings, filters /
    2**upsamplings)` or `(batch, filters)`.
    """

    def __init__(self, filters, upsamplings=0, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.upsamplings = upsamplings

    def build(self, input_shape):
        dtype = self.dtype_policy
        if len(input_shape) == 2:
            self.dense = layers.Dense(
                self.filters, "relu", kernel_initializer="he_normal", dtype=dtype, name="dense"
            )
            self.dense.build(input_shape)
            return
        self.reduce = ConvBlock(self.filters, dtype=dtype, name="reduce")
        self.reduce.build(input_shape)
        self.context = layers.Dense(self.filters, dtype=dtype, name="context")
        self.context.build((None, self.filters))
        self.blocks = []
        shape = self.reduce.compute_output_shape(input_shape)
        for step in range(self.upsamplings):
            block = ConvBlock(self.filters // 2 ** (step + 1), dtype=dtype, name=f"up_{step}")
            shape = (shape[0], 2 * shape[1], 2 * shape[2], shape[3])
            block.build(shape)
            shape = block.compute_output_shape(shape)
            self.blocks.append(block)

    def call(self, x, training=None):
        if len(x.shape) == 2:
            return self.dense(x)
        x = self.reduce(x, training=training)
        x = x + self.context(ops.mean(x, axis=(1, 2)))[:, None, None]
        for block in self.blocks:
            x = block(resize(x, (2 * x.shape[1], 2 * x.shape[2])), training=training)
        return x

    def compute_output_shape(self, input_shape):
        if len(input_shape) == 2:
            return (input_shape[0], self.filters)
        scale = 2**self.upsamplings
        batch, rows, columns, _ = input_shape
        return (batch, rows * scale, columns * scale, self.filters // scale)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "upsamplings": self.upsamplings,
        }
