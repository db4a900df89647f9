import time

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class ProgressBar(keras.callbacks.Callback):
    """One bar for the whole training on a terminal; one line an epoch in a log file.

    A context manager: the terminal is given back whatever ends the training.

    Args:
        first: Epoch that training starts from; above 0 in a resumed run.
        monitor: Score of validation to show.
    """

    def __init__(self, first, monitor):
        super().__init__()
        self.first = first
        self.monitor = monitor
        self.console = Console(highlight=False)
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[scores]}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
            expand=True,
        )
        self.scores = ""

    def __enter__(self):
        self.bar.start()
        return self

    def __exit__(self, *exception):
        self.bar.stop()

    def on_train_begin(self, logs=None):
        steps = self.params["epochs"] * self.params["steps"]
        done = self.first * self.params["steps"]
        self.task = self.bar.add_task("", total=steps, completed=done, epoch="", scores="")

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()
        self.bar.update(self.task, epoch=f"{epoch + 1}/{self.params['epochs']}")

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update(self.task, advance=1, scores=f"loss {logs['loss']:.4f}{self.scores}")

    def on_epoch_end(self, epoch, logs=None):
        self.scores = f"  val {self.monitor} {logs[f'val_{self.monitor}']:.4f}"
        self.bar.update(self.task, scores=f"loss {logs['loss']:.4f}{self.scores}")
        if self.bar.disable:
            seconds = time.monotonic() - self.started
            print(
                f"epoch {epoch + 1}/{self.params['epochs']}  {seconds:.1f} s  "
                f"loss {logs['loss']:.4f}{self.scores}",
                flush=True,
            )
