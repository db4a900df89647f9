import keras
from keras import layers


@keras.saving.register_keras_serializable("dawn_tf")
class PositionEmbedding(layers.Layer):
    """Adds a learned vector to each token, after Vision Transformers.

    After [Dosovitskiy et al., 2021](https://arxiv.org/abs/2010.11929), Eq. 1.

    Input shape: `(batch, tokens, channels)`.
    """

    def build(self, input_shape):
        self.embedding = self.add_weight(
            shape=(1, *input_shape[1:]), initializer=keras.initializers.TruncatedNormal(stddev=0.02)
        )

    def call(self, x):
        return x + self.embedding

    def compute_output_shape(self, input_shape):
        return input_shape
