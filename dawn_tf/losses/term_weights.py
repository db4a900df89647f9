import keras
import numpy as np
from keras import ops

TERMS = ("w_region", "w_lovasz", "w_edge")


@keras.saving.register_keras_serializable("dawn_tf")
class LearnedTermWeights(keras.Model):
    """A network that learns the term weights of its `DAWNLoss` while it trains.

    `w = softmax(term_logits)`, so the weights are positive and sum to 1, with `term_logits` a
    weight of this model that starts at the weights `w0` of the loss. Trained is

        sum_k w_k * L_k + strength * KL(w0 || w),    KL = sum_k w0_k * log(w0_k / w_k).

    Without the second part the smallest term would soon have all the weight. With it the weights
    have one optimum, `w_k = strength * w0_k / (L_k + m)` with `m` such that they sum to 1: where
    a term stays large, because it is hard or its labels are noisy, its weight falls below `w0_k`,
    and a large `strength` keeps all near `w0`. That is the uncertainty weighting of
    [Kendall et al., 2018](https://arxiv.org/abs/1705.07115), whose `-log(w_k)` is the same
    barrier, on weights of sum 1. Weights set by a callback from the rates of descent
    ([Liu et al., 2019](https://arxiv.org/abs/1803.10704)) would be outside of the model: not saved
    with it, and constants to a step that JAX has compiled.

    ```python
    learning = LearnedTermWeights(network, DAWNLoss())
    learning.compile("adamw")  # The loss is there already.
    learning.fit(images, masks)
    learning.term_weights  # {"w_region": ..., "w_lovasz": ..., "w_edge": ...}
    learning.network.save("network.keras")  # The trained network itself.
    ```

    Args:
        network: A `keras.Model` with logits out.
        loss: The `DAWNLoss`; its terms of weight 0 stay out.
        strength: How firmly the weights are held at those of the loss, above 0.
        output: Which output the loss is of, where the network has a dict of them; give `compile`
            the losses of the others.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: If `strength` is not above 0.
    """

    def __init__(self, network, loss, strength=1.0, output=None, **kwargs):
        super().__init__(**kwargs)
        if not 0.0 < strength < float("inf"):
            raise ValueError(
                f"Expected strength > 0. Received: strength={strength}. Use 1, or plain DAWNLoss "
                "for weights that stay."
            )
        self.network = network
        self.hybrid_loss = loss
        self.strength = strength
        self.output_key = output
        self.names = [name for name in TERMS if getattr(loss, name)]
        self.initial = np.array([getattr(loss, name) for name in self.names], "float32")
        self.single_terms = [only_term(loss, name) for name in self.names]
        self.term_logits = self.add_weight(
            name="term_logits",
            shape=self.initial.shape,
            initializer=lambda shape, dtype: ops.convert_to_tensor(np.log(self.initial), dtype),
            dtype="float32",
        )
        self.built = network.built

    @property
    def term_weights(self):
        """The weights as they are now, floats by name, of sum 1; 0 for the terms left out."""
        now = dict(zip(self.names, np.asarray(ops.softmax(self.term_logits)), strict=True))
        return {name: float(now.get(name, 0.0)) for name in TERMS}

    def call(self, x, training=False):
        log_w = ops.log_softmax(self.term_logits)
        divergence = ops.sum(self.initial * (np.log(self.initial) - log_w))
        self.add_loss(self.strength * divergence)
        return self.network(x, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        def own(value):
            return value[self.output_key] if isinstance(value, dict) else value

        terms = [term(own(y), own(y_pred), own(sample_weight)) for term in self.single_terms]
        loss = ops.sum(ops.softmax(self.term_logits) * ops.stack(terms))
        # What `compile` was given for other outputs, regularizers, and the divergence.
        if self.loss and not isinstance(y, dict):
            y = {name: y for name in self.loss}  # One label serves every output.
        y, y_pred, sample_weight = (
            {k: v[k] for k in self.loss} if self.loss and isinstance(v, dict) else v
            for v in (y, y_pred, sample_weight)
        )
        return loss + super().compute_loss(x, y, y_pred, sample_weight, training)

    def get_config(self):
        return {
            "network": keras.saving.serialize_keras_object(self.network),
            "loss": keras.saving.serialize_keras_object(self.hybrid_loss),
            "strength": self.strength,
            "output": self.output_key,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        parts = {k: keras.saving.deserialize_keras_object(config[k]) for k in ("network", "loss")}
        return cls(**{**config, **parts})


def only_term(loss, name):
    """The `DAWNLoss` with all its weight on one term."""
    weights = {term: float(term == name) for term in TERMS}
    return type(loss).from_config({**loss.get_config(), **weights, "name": name})
