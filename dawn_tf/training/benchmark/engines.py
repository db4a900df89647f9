"""Where the cells of a grid run."""

from dawn_tf.training.benchmark.cell import run_cell


class LocalEngine:
    """Cells as processes of this machine.

    Args:
        data_dir: Folder with the data, or `None`.
        keep_models: See `run_cell`.
        stop: `Stop`, which ends the runs too.
        jobs: Processes side by side, and threads that may call `run` at once.
    """

    def __init__(self, data_dir, keep_models, stop, jobs=1):
        self.data_dir, self.keep_models, self.stop, self.jobs = data_dir, keep_models, stop, jobs

    def run(self, cell, folder):
        """See `run_cell`."""
        return run_cell(cell, folder, self.data_dir, self.keep_models, self.stop)

    def guarded(self, work, *args):
        """`work(*args)`, unless all is to stop; an error in it stops all."""
        if self.stop:
            return
        try:
            work(*args)
        except Exception:
            self.stop.now()  # A bug, a full disk: the others must not go on for nothing.
            raise
