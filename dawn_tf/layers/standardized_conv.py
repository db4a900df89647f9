import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("dawn_tf")
class StandardizedConv2D(layers.Conv2D):
    """Convolution whose kernel has mean 0 and variance 1 in each output channel.

    After [Qiao et al., 2019](https://arxiv.org/abs/1903.10520), for use before a group
    normalisation. Arguments and shapes are those of `keras.layers.Conv2D`.
    """

    def convolution_op(self, inputs, kernel):
        kernel = ops.convert_to_tensor(kernel)  # JAX computes with no variable.
        mean, variance = ops.moments(kernel, axes=(0, 1, 2), keepdims=True)
        kernel = (kernel - mean) * ops.rsqrt(variance + 1e-5)
        return super().convolution_op(inputs, kernel)
