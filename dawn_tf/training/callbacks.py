import contextlib

import keras
import numpy as np

from dawn_tf.training.checkpoints import save_state


class EpochEnd(keras.callbacks.Callback):
    """After each epoch: look at validation, keep the best weights, save the whole state, stop.

    One callback, because the order is the point: the state on disk is written last, so a run that
    is killed anywhere repeats its unfinished epoch from the same state and ends the same.

    Args:
        validate: Function of no arguments giving validation scores as a flat dict.
        state_path: File for everything that training goes on from.
        best_path: File for the weights of the best epoch so far (moving averages, as evaluated).
        monitor: Key of the score that decides, higher is better.
        patience: Epochs without a better score before stopping.
        progress: `{"history": [...]}` of a resumed run; continued in place.
        writes: Whether this process is the one that writes the files.
    """

    def __init__(self, validate, state_path, best_path, monitor, patience, progress, writes=True):
        super().__init__()
        self.validate = validate
        self.state_path = state_path
        self.best_path = best_path
        self.monitor = monitor
        self.patience = patience
        self.progress = progress
        self.writes = writes

    def on_epoch_end(self, epoch, logs):
        history = self.progress["history"]
        with averaged_weights(self.model):
            scores = self.validate()
            if self.monitor not in scores:
                raise ValueError(
                    f"Expected --monitor to be one of {', '.join(scores)}, which this data has. "
                    f"Received: monitor={self.monitor!r}."
                )
            best = max((row[f"val_{self.monitor}"] for row in history), default=-1.0)
            if scores[self.monitor] > best and self.writes:
                save_state(self.best_path, self.model.variables, {"epoch": epoch})
        # Later callbacks (progress bar, TensorBoard) show these beside the loss.
        logs.update({f"val_{name}": value for name, value in scores.items()})
        history.append({"epoch": epoch, **{name: float(value) for name, value in logs.items()}})
        if self.writes:
            save_state(self.state_path, training_variables(self.model), self.progress)
        self.model.stop_training = self.is_over(epoch)

    def is_over(self, epoch):
        """Whether `patience` epochs have passed since the best one."""
        return epoch - best_epoch(self.progress["history"], self.monitor) >= self.patience


def best_epoch(history, monitor):
    """The first epoch with the highest validation score."""
    return max(history, key=lambda row: (row[f"val_{monitor}"], -row["epoch"]))["epoch"]


def training_variables(model):
    """All that the next step depends on: weights, seeds, optimizer slots, moving averages."""
    return [*model.variables, *model.optimizer.variables]


@contextlib.contextmanager
def averaged_weights(model):
    """Puts the optimizer's moving averages in place of the weights, for the time of a `with`."""
    if not model.optimizer.use_ema:
        yield
        return
    current = [np.asarray(weight) for weight in model.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    for weight in model.trainable_variables:
        # On JAX it now is the average's own array, which a step may give away.
        weight.assign(np.array(weight))
    try:
        yield
    finally:
        for weight, value in zip(model.trainable_variables, current, strict=True):
            weight.assign(value)
