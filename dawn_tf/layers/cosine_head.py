import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("dawn_tf")
class CosineHead(layers.Layer):
    """Classifier by angles: `scale * cos(x, w_c)` for the weight vector `w_c` of each class.

    No class can win by a longer weight vector, which common classes have in a plain dense layer.
    Features of length 0 get logits of 0. Computed in float32 whatever the policy.
    After [Wang et al., 2017](https://arxiv.org/abs/1704.06369) and, for long tails,
    [Cao et al., 2019](https://arxiv.org/abs/1906.07413): see `dawn_tf.losses.LDAM`.

    Args:
        num_classes: Number of classes.
        scale: Factor of the cosines, above 0. With 1 the loss scales, as `LDAM` does; softmax
            probabilities of plain cosines are nearly equal.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        x: Features, `(batch, ..., channels)`.

    Returns: float32 logits in `[-scale, scale]`, `(batch, ..., num_classes)`.

    Raises:
        ValueError: If `scale` is not above 0.
    """

    def __init__(self, num_classes, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        if not 0.0 < scale < float("inf"):
            raise ValueError(f"Expected scale > 0. Received: scale={scale}. Use 1 with LDAM.")
        self.num_classes = num_classes
        self.scale = scale

    def build(self, x_shape):
        self.kernel = self.add_weight(name="kernel", shape=(x_shape[-1], self.num_classes))

    def call(self, x):
        x, kernel = ops.cast(x, "float32"), ops.cast(self.kernel, "float32")
        return self.scale * ops.matmul(unit(x, axis=-1), unit(kernel, axis=0))

    def compute_output_spec(self, x):
        return keras.KerasTensor((*x.shape[:-1], self.num_classes), "float32")

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes, "scale": self.scale}


def unit(x, axis):
    """`x` with length 1 along `axis`; where the length is 0, zeros with zero gradient."""
    # Scaling by the largest entry first keeps the squares of large or small entries in range.
    largest = ops.stop_gradient(ops.max(ops.abs(x), axis=axis, keepdims=True))
    x = ops.where(largest > 0, x / ops.where(largest > 0, largest, 1.0), 0.0)
    square = ops.sum(x * x, axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.where(square > 0, square, 1.0))
