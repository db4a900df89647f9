import keras
from keras import layers, ops

from dawn_tf.layers import ConvBlock
from dawn_tf.ops.resize import resize


@keras.saving.register_keras_serializable("dawn_tf")
class DetailDecoder(layers.Layer):
    """`Conv1x1(Concat(Up(F), S_1, ..., S_k))`: every level of the pyramid at one resolution.

    DAWN, section 3.2. A 1x1 convolution of a concatenation is the sum of one 1x1 convolution per
    level, and a 1x1 convolution commutes with bilinear interpolation, so each level is projected
    at its own size first and then resized and added: the same function without the wide
    concatenation at full size. Levels finer than `level` are average-pooled down to it instead
    (a linear map over space too).

    Args:
        filters: Output channels.
        level: Index into the pyramid, finest first: the resolution of the output.
        refinement: Normalise the sum, rectify it and pass it through a 3x3 convolution: spatial
            refinement that the paper's formula does not have.

    Call arguments:
        pyramid: Feature maps, finest first, `(batch, rows, columns, channels)` each; or
            `(batch, channels)` each, where nothing is resized.

    Output shape: that of `pyramid[level]` with `filters` channels.
    """

    def __init__(self, filters, level=0, refinement=False, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.level = level
        self.refinement = refinement

    def build(self, pyramid_shapes):
        self.projections = []
        for i, shape in enumerate(pyramid_shapes):
            projection = layers.Dense(
                self.filters,
                use_bias=i == self.level,  # One bias for the sum, as one convolution has.
                dtype=self.dtype_policy,
                name=f"project_{i}",
            )
            projection.build(shape)
            self.projections.append(projection)
        if self.refinement:
            shape = (*pyramid_shapes[self.level][:-1], self.filters)
            self.norm = layers.BatchNormalization(
                momentum=0.9, dtype=self.dtype_policy, name="norm"
            )
            self.norm.build(shape)
            self.refine = ConvBlock(self.filters, dtype=self.dtype_policy, name="refine")
            self.refine.build(shape)

    def call(self, pyramid, training=None):
        size = pyramid[self.level].shape[1:-1]
        x = sum(
            _to_size(projection, level, size)
            for projection, level in zip(self.projections, pyramid, strict=True)
        )
        if self.refinement:
            x = self.refine(ops.relu(self.norm(x, training=training)), training=training)
        return x

    def compute_output_shape(self, pyramid_shapes):
        return (*pyramid_shapes[self.level][:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "level": self.level,
            "refinement": self.refinement,
        }


def _to_size(projection, x, size):
    if len(x.shape) == 2:
        return projection(x)
    if x.shape[1] > size[0]:
        # Pool first: the projection then runs on fewer pixels.
        stride = tuple(round(a / b) for a, b in zip(x.shape[1:3], size, strict=True))
        x = ops.average_pool(x, stride, strides=stride, padding="same", data_format="channels_last")
    return resize(projection(x), size)
