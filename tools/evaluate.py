"""Scores a trained run again, on any part of its data set.

    python tools/evaluate.py --run runs/demo                      # the test part
    python tools/evaluate.py --run runs/demo --part val --out scores.json

Scores are those of `metrics.json`, with the run's own threshold.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from dawn_tf.training.command_line import parse, run  # noqa: E402
from dawn_tf.training.rerun import EvaluateConfig, evaluate_run  # noqa: E402


def main(argv=None):
    evaluate_run(parse(EvaluateConfig, argv, __doc__))


if __name__ == "__main__":
    run(main)
