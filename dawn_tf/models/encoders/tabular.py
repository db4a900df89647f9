import keras
from keras import layers

from dawn_tf.layers import PeriodicEmbedding, PiecewiseLinearEmbedding

_EMBEDDINGS = {
    "piecewise_linear": PiecewiseLinearEmbedding,
    "periodic": PeriodicEmbedding,
    None: None,
}


@keras.saving.register_keras_serializable("dawn_tf")
class TabularEncoder(keras.Model):
    """Table rows as a feature pyramid without space: an embedding, then residual MLP blocks.

    Level 0 is `Dense + ReLU` of the embedded row; each further level adds
    `Dropout(ReLU(Dense(x)))` to the one before.

    Args:
        input_shape: `(features,)`, standardised.
        width: Units of each level.
        depth: Number of levels.
        embedding: "piecewise_linear" (the default), "periodic" or `None`.
        dropout: Share of units dropped after each level.

    `pyramid_outputs`: "P0" .. "P2", each `(batch, width)`.
    """

    def __init__(
        self,
        input_shape,
        width=128,
        depth=3,
        embedding="piecewise_linear",
        dropout=0.1,
        **kwargs,
    ):
        if embedding not in _EMBEDDINGS:
            raise ValueError(
                f"Expected embedding to be one of {list(_EMBEDDINGS)}. "
                f"Received: embedding={embedding!r}."
            )
        x = inputs = keras.Input(input_shape)
        if embedding:
            x = _EMBEDDINGS[embedding](name="embedding")(x)
        pyramid = {}
        for level in range(depth):
            y = layers.Dense(
                width, activation="relu", kernel_initializer="he_normal", name=f"dense_{level}"
            )(x)
            y = layers.Dropout(dropout, name=f"dropout_{level}")(y)
            x = layers.Add(name=f"add_{level}")([x, y]) if level else y
            pyramid[f"P{level}"] = x
        super().__init__(inputs, x, **kwargs)
        self.pyramid_outputs = pyramid
        self.width = width
        self.depth = depth
        self.embedding = embedding
        self.dropout = dropout

    def get_config(self):
        return {
            "input_shape": self.input_shape[1:],
            "width": self.width,
            "depth": self.depth,
            "embedding": self.embedding,
            "dropout": self.dropout,
            "name": self.name,
        }
