"""Embeddings of numerical table columns: each number becomes a vector of its own."""

import math
import statistics

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("dawn_tf")
class PiecewiseLinearEmbedding(layers.Layer):
    """Piecewise-linear encoding of every column, then a linear map of its own.

    Column `f` has edges `e_0 < ... < e_T` at its training quantiles. Component `t` of the
    encoding is `clip((x - e_(t-1)) / (e_t - e_(t-1)), 0, 1)`; the first and last bin stay open
    outwards for ten widths, as rare rows often lie in the tails. The number itself is one more
    component. After [Gorishniy et al., 2022](https://arxiv.org/abs/2203.05556), section 3.1.

    Edges start at the quantiles of a standard normal (inputs come standardised); `adapt` sets
    those of the training part. They are weights: saved, exported and copied with the model.

    Args:
        bins: Number of bins `T` per column.
        dim: Numbers per column in the output.

    Input shape: `(batch, features)`. Output shape: `(batch, features * dim)`.
    """

    def __init__(self, bins=16, dim=8, **kwargs):
        super().__init__(**kwargs)
        self.bins = bins
        self.dim = dim

    def build(self, input_shape):
        features = input_shape[-1]
        normal = statistics.NormalDist()
        inner = [normal.inv_cdf(t / self.bins) for t in range(1, self.bins)]
        edges = np.array([-3.0, *inner, 3.0], "float32")

        def standard_normal(shape, dtype=None):
            return ops.cast(ops.tile(edges[None], (features, 1)), dtype)

        # float32 under every policy: bfloat16 would merge neighbouring edges.
        self.edges = self.add_weight(
            shape=(features, self.bins + 1),
            initializer=standard_normal,
            trainable=False,
            dtype="float32",
            autocast=False,
            name="edges",
        )
        self.kernel = self.add_weight(
            shape=(features, self.bins + 1, self.dim),
            initializer=keras.initializers.RandomUniform(-(self.bins**-0.5), self.bins**-0.5),
            name="kernel",
        )
        self.bias = self.add_weight(shape=(features, self.dim), initializer="zeros", name="bias")

    def call(self, x):
        x = ops.cast(x, "float32")[..., None]
        low, high = self.edges[:, :-1], self.edges[:, 1:]
        position = (x - low) / ops.maximum(high - low, 1e-6)
        reach = np.zeros((2, self.bins), "float32")
        reach[0, 0], reach[1, -1] = -10.0, 10.0
        position = ops.clip(position, reach[0], 1.0 + reach[1])
        code = ops.cast(ops.concatenate([position, x], axis=-1), self.compute_dtype)
        out = ops.einsum("bft,ftd->bfd", code, self.kernel) + self.bias
        return ops.reshape(out, (-1, out.shape[1] * self.dim))

    def adapt(self, rows):
        """Sets the edges to the quantiles of `rows`, `(examples, features)`."""
        self.edges.assign(np.quantile(rows, np.linspace(0, 1, self.bins + 1), axis=0).T)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1] * self.dim)

    def get_config(self):
        return {**super().get_config(), "bins": self.bins, "dim": self.dim}


@keras.saving.register_keras_serializable("dawn_tf")
class PeriodicEmbedding(layers.Layer):
    """`ReLU(W [sin(2 pi c x), cos(2 pi c x)] + b)` per column with learned frequencies `c`.

    After [Gorishniy et al., 2022](https://arxiv.org/abs/2203.05556), section 3.2.

    Args:
        frequencies: Number of frequencies per column.
        dim: Numbers per column in the output.
        sigma: Deviation of the initial frequencies, in cycles per unit of the standardised input.

    Input shape: `(batch, features)`. Output shape: `(batch, features * dim)`.
    """

    def __init__(self, frequencies=16, dim=8, sigma=0.1, **kwargs):
        super().__init__(**kwargs)
        self.frequencies = frequencies
        self.dim = dim
        self.sigma = sigma

    def build(self, input_shape):
        features = input_shape[-1]
        self.coefficients = self.add_weight(
            shape=(features, self.frequencies),
            initializer=keras.initializers.RandomNormal(stddev=self.sigma),
            name="coefficients",
        )
        bound = (2 * self.frequencies) ** -0.5
        self.kernel = self.add_weight(
            shape=(features, 2 * self.frequencies, self.dim),
            initializer=keras.initializers.RandomUniform(-bound, bound),
            name="kernel",
        )
        self.bias = self.add_weight(shape=(features, self.dim), initializer="zeros", name="bias")

    def call(self, x):
        phase = 2.0 * math.pi * x[..., None] * self.coefficients
        waves = ops.concatenate([ops.sin(phase), ops.cos(phase)], axis=-1)
        out = ops.relu(ops.einsum("bft,ftd->bfd", waves, self.kernel) + self.bias)
        return ops.reshape(out, (-1, out.shape[1] * self.dim))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1] * self.dim)

    def get_config(self):
        return {
            **super().get_config(),
            "frequencies": self.frequencies,
            "dim": self.dim,
            "sigma": self.sigma,
        }
