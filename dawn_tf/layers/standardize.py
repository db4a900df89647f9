import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("dawn_tf")
class Standardize(layers.Layer):
    """`(x - mean) / sqrt(variance)` over the last axis, with statistics kept in the model.

    Statistics are weights that `adapt` sets from the *training part* (0 and 1 before that), so
    they are saved, restored, exported and copied like every other weight.
    `keras.layers.Normalization` keeps a second copy in plain constants, which checkpoints that
    assign variables do not reach. Computes in float32 whatever the policy: pixel values up to 255
    have no exact bfloat16 form.

    Call arguments:
        x: Any real type, `(batch, ..., channels)`.
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="mean")
        self.variance = self.add_weight(
            shape=shape, initializer="ones", trainable=False, name="variance"
        )

    def call(self, x):
        return (x - self.mean) / ops.sqrt(self.variance)

    def adapt(self, mean, variance):
        """Sets the statistics; a constant channel keeps variance 1 and so becomes all zeros."""
        self.mean.assign(mean)
        self.variance.assign(ops.where(ops.convert_to_tensor(variance) > 1e-12, variance, 1.0))
