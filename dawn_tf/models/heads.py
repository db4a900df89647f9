"""From logits on the decoders' grid to logits per label."""

import keras
from keras import layers, ops

from dawn_tf.ops.resize import resize


@keras.saving.register_keras_serializable("dawn_tf")
class SegmentationHead(layers.Layer):
    """Logits at the size of the input, by bilinear interpolation; float32 under every policy.

    Args:
        size: `(height, width)` of the output.

    Input shape: `(batch, rows, columns, num_classes)`.
    """

    def __init__(self, size, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.size = tuple(size)

    def call(self, z):
        return resize(z, self.size)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.size, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable("dawn_tf")
class ClassificationHead(layers.Layer):
    """Logits averaged over space, `(batch, num_classes)`; float32 under every policy.

    Input shape: `(batch, ..., num_classes)`; rows, which have no space, pass unchanged.
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})

    def call(self, z):
        return ops.mean(z, axis=tuple(range(1, len(z.shape) - 1))) if len(z.shape) > 2 else z

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])


def linear_head(x, num_classes, task, input_shape):
    """Logits of a rival: one dense layer on its last features, as large as the labels."""
    if task == "classification":
        # The mean commutes with the dense layer; pooling first runs it once per image.
        x = ClassificationHead(name="pool")(x)
        return layers.Dense(num_classes, dtype="float32", name="logits")(x)
    z = layers.Dense(num_classes, name="logits")(x)
    return SegmentationHead(input_shape[:2], name="head")(z)
