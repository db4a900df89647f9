import keras
import numpy as np

from dawn_tf.losses import DiverseExperts


class ScheduledPrior(keras.callbacks.Callback):
    """Keeps the prior of losses at what a scheduled sampler draws in each epoch.

    A prior in a loss is a constant of the compiled step. `follow` puts a variable in its place,
    which this callback sets before each epoch: nothing is compiled anew.

    Args:
        prior_of_epoch: Function from the epoch to the class shares, `(C,)`, all above 0.
    """

    def __init__(self, prior_of_epoch):
        super().__init__()
        self.prior_of_epoch = prior_of_epoch
        self.log_prior = keras.Variable(self._log(0), trainable=False, name="log_prior")

    def follow(self, loss):
        """`loss` with the variable prior, if it has a prior; a dict of losses too."""
        if isinstance(loss, dict):
            return {name: self.follow(one) for name, one in loss.items()}
        if isinstance(loss, DiverseExperts):
            return loss.on(self.follow(loss.base))
        if getattr(loss, "prior", None) is None:
            return loss
        return _VariablePrior(loss, self.log_prior)

    def on_epoch_begin(self, epoch, logs=None):
        self.log_prior.assign(self._log(epoch))

    def _log(self, epoch):
        return np.log(self.prior_of_epoch(epoch)).astype("float32")


class _VariablePrior(keras.losses.Loss):
    """`loss` on `logits + tau * log_prior`, its own prior switched off."""

    def __init__(self, loss, log_prior):
        super().__init__(name=loss.name, reduction=loss.reduction)
        self.tau = loss.tau
        self.log_prior = log_prior
        self.loss = type(loss).from_config({**loss.get_config(), "prior": None})

    def call(self, y_true, y_pred):
        y_pred = keras.ops.cast(y_pred, "float32")
        return self.loss.call(y_true, y_pred + self.tau * self.log_prior)
