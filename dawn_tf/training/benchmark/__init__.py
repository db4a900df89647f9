"""A grid of runs: data sets x methods x seeds, one process a run, resumed where it was killed."""

from dawn_tf.training.benchmark.grid import Cell, read_grid
from dawn_tf.training.benchmark.results import Results
from dawn_tf.training.benchmark.run import BenchmarkConfig, run_grid

__all__ = ["BenchmarkConfig", "Cell", "Results", "read_grid", "run_grid"]
