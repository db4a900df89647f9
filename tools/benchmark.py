"""Runs a grid of data sets x methods x seeds, one process a run.

    python tools/benchmark.py --grid configs/digits.toml
    python tools/benchmark.py --grid configs/evidence.toml --hours 2 --jobs 1

Killed, or out of time, it goes on with the same command; a finished cell is not run again unless
its config changed. Each cell leaves a line in results/<grid>.jsonl and the test part's outputs in
results/<grid>/; results/<grid>.md has the tables of them all.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from dawn_tf.training.benchmark import BenchmarkConfig, run_grid  # noqa: E402
from dawn_tf.training.command_line import parse, run  # noqa: E402


def main(argv=None):
    return run_grid(parse(BenchmarkConfig, argv, __doc__))


if __name__ == "__main__":
    run(main)
