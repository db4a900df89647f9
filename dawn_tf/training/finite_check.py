import math

import keras
import numpy as np

from dawn_tf.evaluation import write_json

_SHOWN = 8


class FiniteCheck(keras.callbacks.Callback):
    """Stops the training at the first batch that spoils the loss or the weights.

    The error names the batch, and `not_finite.json` in the folder lists its examples. What the
    last whole epoch left on disk stays.

    Args:
        indices_of: Function from the number of a step, counted over all epochs from 0, to the
            indices in the training part of its examples.
        ids: Names of the training part's examples.
        folder: Of the network.
    """

    def __init__(self, indices_of, ids, folder):
        super().__init__()
        self.indices_of = indices_of
        self.ids = ids
        self.folder = folder

    def on_train_begin(self, logs=None):
        # One is enough: the gradients are clipped by their common norm, so if any is not finite,
        # none is.
        sizes = [math.prod(variable.shape) for variable in self.model.trainable_variables]
        self.smallest = sizes.index(min(sizes))

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs):
        weight = self.model.trainable_variables[self.smallest]
        if math.isfinite(logs["loss"]) and np.isfinite(np.asarray(weight)).all():
            return
        indices = np.asarray(self.indices_of(self.epoch * self.params["steps"] + batch))
        path = self.folder / "not_finite.json"
        found = {
            "epoch": self.epoch + 1,
            "step": batch + 1,
            "loss": str(logs["loss"]),
            "indices": indices,
            "ids": self.ids[indices],
        }
        write_json(path, found)
        shown = ", ".join(map(str, indices[:_SHOWN])) + (", ..." if len(indices) > _SHOWN else "")
        raise ValueError(
            f"Expected a finite loss and finite weights. Received: loss={logs['loss']} at step "
            f"{batch + 1} of epoch {self.epoch + 1}, whose examples are {shown} of the training "
            f"part ({path} lists them). "
            + (
                f"The best weights before it are kept in {self.folder / 'best.npz'}. "
                if self.epoch
                else ""
            )
            + "Look at these examples, lower --learning_rate, or use --precision float32."
        )
