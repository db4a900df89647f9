import keras
from keras import layers


@keras.saving.register_keras_serializable("dawn_tf")
class ConvBlock(layers.Layer):
    """Convolution, batch normalisation, ReLU.

    Args:
        filters: Output channels.
        kernel_size: Side of the kernel in pixels.
        strides: Step in pixels.
        activation: Whether the ReLU is applied; residual branches leave it out.

    Input shape: `(batch, height, width, channels)`; "same" padding.
    """

    def __init__(self, filters, kernel_size=3, strides=1, activation=True, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.activation = activation
        self.conv = layers.Conv2D(
            filters,
            kernel_size,
            strides,
            padding="same",
            use_bias=False,  # The normalisation that follows has its own shift.
            kernel_initializer="he_normal",
            dtype=self.dtype_policy,
            name="conv",
        )
        self.norm = layers.BatchNormalization(momentum=0.9, dtype=self.dtype_policy, name="norm")
        self.relu = layers.ReLU(dtype=self.dtype_policy, name="relu")

    def build(self, input_shape):
        self.conv.build(input_shape)
        self.norm.build(self.conv.compute_output_shape(input_shape))

    def call(self, x, training=None):
        x = self.norm(self.conv(x), training=training)
        return self.relu(x) if self.activation else x

    def compute_output_shape(self, input_shape):
        return self.conv.compute_output_shape(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "activation": self.activation,
        }
