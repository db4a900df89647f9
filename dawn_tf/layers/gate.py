import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("dawn_tf")
class Gate(layers.Layer):
    """The paper's fusion of the two decoders, elementwise.

    `gate = sigmoid(W_g * Z_g + W_d * Z_d + b)` and `Z = gate * Z_d + (1 - gate) * Z_g`, with
    `W_g` and `W_d` 1x1 convolutions over the class channels (DAWN, section 3.1, where `gate` is
    called alpha). 1 trusts the detail decoder, 0 the global one; 0.5 at the start.

    Call arguments:
        z_global, z_detail: Logits, both `(batch, ..., num_classes)`.

    Returns: `(z, gate)`, each of that shape.
    """

    def build(self, z_global_shape, z_detail_shape):
        channels = z_detail_shape[-1]
        # Zero weights: the fusion starts as the plain mean of both decoders.
        options = {"kernel_initializer": "zeros", "dtype": self.dtype_policy}
        self.from_global = layers.Dense(channels, use_bias=False, name="from_global", **options)
        self.from_detail = layers.Dense(channels, name="from_detail", **options)
        self.from_global.build(z_global_shape)
        self.from_detail.build(z_detail_shape)

    def call(self, z_global, z_detail):
        gate = ops.sigmoid(self.from_global(z_global) + self.from_detail(z_detail))
        return gate * z_detail + (1.0 - gate) * z_global, gate

    def compute_output_shape(self, z_global_shape, z_detail_shape):
        return z_detail_shape, z_detail_shape
