import copy

import keras
import numpy as np
from keras import ops

from dawn_tf.losses import per_class
from dawn_tf.losses.base import PerExampleLoss
from dawn_tf.losses.class_weights import check_counts
from dawn_tf.losses.inputs import LARGEST_LOGIT, prepare
from dawn_tf.losses.ldam import check_positive


@keras.saving.register_keras_serializable("dawn_tf")
class DiverseExperts(PerExampleLoss):
    """RIDE's loss: each expert learns alone, and is drawn away from what all of them say.

    For experts with logits `z_i` and their mean `z`, the sum over `i` of

        base(y, z_i) - diversity * mean(T)**2 * KL(softmax(z / T) || softmax(z_i / T)),

    with `T` a temperature per class, `temperature * b / max(b)` of `b = gamma * n * C / sum(n) +
    1 - gamma` for `C` classes of `n` examples: scores of rare classes are divided by less, so
    experts differ there more. The mean has no gradient. Void examples score 0.
    After [Wang et al., 2021](https://arxiv.org/abs/2010.01809), section 3, as its code has it: the
    divergence from the mean stands for those of all pairs, and `b / max(b)`, which stays above 0
    for any counts, for the paper's `b + 1 - max(b)`. `T` holds from the first epoch.

    Args:
        base: Loss of one expert, of labels and logits `(batch, num_classes)`, such as `LDAM`.
        class_counts: Examples of each class in the training set, all above 0.
        diversity: Weight of the divergence, at least 0.
        temperature: The largest `T`, above 0.
        gamma: How much `T` follows the counts, in `[0, 1)`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: Integer labels, `(batch,)`, or distributions, `(batch, num_classes)`.
        y_pred: Logits of the experts, `(batch, experts, num_classes)`: the output "experts" of
            `MultiExpert(aux_outputs=True)`.

    Raises:
        ValueError: If a class has no example, an argument is out of range, or `y_pred` has no axis
            of experts.
    """

    def __init__(
        self, base, class_counts, diversity=0.2, temperature=1.0, gamma=0.05, name=None, **kwargs
    ):
        super().__init__(name=name or "diverse_experts", **kwargs)
        self.base = base
        self.class_counts = check_counts(class_counts).tolist()
        if not 0.0 <= diversity < float("inf"):
            raise ValueError(f"Expected diversity >= 0. Received: diversity={diversity}. Use 0.2.")
        if not 0.0 <= gamma < 1.0:
            raise ValueError(f"Expected gamma in [0, 1). Received: gamma={gamma}. Use 0.05.")
        self.diversity = float(diversity)
        self.temperature = check_positive(temperature, "temperature", 1)
        self.gamma = float(gamma)

    def on(self, base):
        """The same loss with another `base`."""
        other = copy.copy(self)
        other.base = base
        return other

    def call(self, y_true, y_pred):
        # Too little to compute for a compiler of its own.
        return self.values(y_true, y_pred)

    def values(self, y_true, y_pred):
        z = ops.cast(ops.convert_to_tensor(y_pred), "float32")
        if len(z.shape) != 3:
            raise ValueError(
                "Expected logits of shape (batch, experts, num_classes). Received: "
                f"y_pred.shape={tuple(z.shape)}. Give the output 'experts' of MultiExpert."
            )
        z = ops.clip(z, -LARGEST_LOGIT, LARGEST_LOGIT)
        t = expert_temperatures(self.class_counts, self.temperature, self.gamma)
        factor = self.diversity * float(t.mean()) ** 2
        t = per_class.to_tensor(t.tolist(), z.shape[-1], "class_counts")
        mean = ops.stop_gradient(ops.mean(z, axis=1))
        log_p = ops.log_softmax(mean / t, axis=-1)
        valid = prepare(y_true, mean, getattr(self.base, "ignore_class", None)).valid
        loss = 0.0
        for i in range(z.shape[1]):
            log_q = ops.log_softmax(z[:, i] / t, axis=-1)
            divergence = ops.sum(ops.exp(log_p) * (log_p - log_q), axis=-1)
            loss += self.base.call(y_true, z[:, i]) - factor * valid * divergence
        return loss

    def get_config(self):
        config = super().get_config()
        return {
            "base": keras.losses.serialize(self.base),
            "class_counts": self.class_counts,
            "diversity": self.diversity,
            "temperature": self.temperature,
            "gamma": self.gamma,
            "name": config["name"],
            "reduction": config["reduction"],
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "base": keras.losses.deserialize(config["base"])})


def expert_temperatures(class_counts, temperature=1.0, gamma=0.05):
    """The temperature of each class in `DiverseExperts`, float64 `(num_classes,)`."""
    counts = check_counts(class_counts)
    b = gamma * counts / np.mean(counts) + 1.0 - gamma
    return temperature * b / b.max()
