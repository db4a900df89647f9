import contextlib

import keras
import numpy as np

from dawn_tf.layers import PiecewiseLinearEmbedding, Standardize

# Quantiles of table columns are taken from at most this many rows.
_MOST_ROWS = 1_000_000


class Network(keras.Model):
    """What DAWN and its rivals share: input statistics, one label for several outputs, L2.

    Subclasses build a functional graph in `__init__` and end it with `_remember(...)`.
    `gives_probabilities` tells those who read the output whether a softmax is still to come.
    """

    gives_probabilities = False

    def adapt(self, data):
        """Takes the input statistics from the training part: once, before `fit`.

        Args:
            data: Inputs as an array, or an iterable of inputs or of `(x, y)` pairs, in batches or
                one by one (a `tf.data.Dataset` is one).
        """
        batches = [data] if hasattr(data, "shape") else data
        batches = (batch[0] if isinstance(batch, tuple) else batch for batch in batches)
        batches = (np.asarray(x, "float64").reshape(-1, self.input_shape[-1]) for x in batches)
        count, total, squares, rows = 0, 0.0, 0.0, []
        is_table = len(self.input_shape) == 2
        shift = None
        for x in batches:
            # Sums around the first example: the variance of large values keeps its digits.
            shift = x[0] if shift is None else shift
            total += (x - shift).sum(0)
            squares += np.square(x - shift).sum(0)
            if is_table and count < _MOST_ROWS:
                rows.append(x)
            count += len(x)
        if not count:
            raise ValueError("Expected data to adapt to. Received: no example.")
        mean = total / count
        variance = squares / count - np.square(mean)
        mean = mean + shift
        for layer in self._flatten_layers(include_self=False):
            if isinstance(layer, Standardize):
                layer.adapt(mean, variance)
            elif isinstance(layer, PiecewiseLinearEmbedding):
                scale = np.sqrt(np.where(variance > 1e-12, variance, 1.0))
                layer.adapt((np.concatenate(rows) - mean) / scale)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, _for_each(y, y_pred), y_pred, sample_weight, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, _for_each(y, y_pred), y_pred, sample_weight)

    def _remember(self, policy, **arguments):
        """Keeps the constructor's arguments as attributes and for `get_config`.

        With `l2` among them the paper's `l2 * ||theta||^2` is put on all kernels, whoever built
        the layer.
        """
        self.policy = policy
        self._argument_names = tuple(arguments)
        for name, value in arguments.items():
            setattr(self, name, value)
        if self.l2:
            for weight in self.trainable_weights:
                if len(weight.shape) > 1:
                    weight.regularizer = keras.regularizers.L2(self.l2)

    def get_config(self):
        arguments = {name: getattr(self, name) for name in self._argument_names}
        if isinstance(arguments.get("encoder"), keras.Model):
            arguments["encoder"] = keras.saving.serialize_keras_object(self.encoder)
        return {
            "input_shape": self.input_shape[1:],
            **arguments,
            "dtype": self.policy,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        if isinstance(config.get("encoder"), dict):
            encoder = keras.saving.deserialize_keras_object(config["encoder"])
            config = {**config, "encoder": encoder}
        return cls(**config)


def _for_each(y, y_pred):
    """One label serves every output: `fit` on `(x, y)` pairs needs no dictionary of labels."""
    if isinstance(y_pred, dict) and not isinstance(y, dict):
        return {name: y for name in y_pred}
    return y


@contextlib.contextmanager
def dtype_scope(dtype):
    """Builds layers under `dtype` and yields the policy's name; `None` is the global policy."""
    outer = keras.config.dtype_policy()
    policy = outer if dtype is None else keras.dtype_policies.get(dtype)
    keras.config.set_dtype_policy(policy)
    try:
        yield policy.name
    finally:
        keras.config.set_dtype_policy(outer)
