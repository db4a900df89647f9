"""Trains a network and leaves everything about the run in one folder.

    python tools/train.py                                         # the embedded digits
    python tools/train.py --dataset ham10000 --data_dir DATA      # skin lesions
    python tools/train.py --dataset creditcard --networks 3       # rows, three networks averaged
    python tools/train.py --preset paper                          # the paper's recipe, literally
    python tools/train.py --preset baseline                       # same encoder, cross-entropy

A killed run goes on with the same command. docs/training.md explains every part.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from dawn_tf.training import PRESETS, TrainConfig, train  # noqa: E402
from dawn_tf.training.command_line import parse, run  # noqa: E402
from dawn_tf.training.summary import print_summary  # noqa: E402


def main(argv=None):
    config = parse(TrainConfig, argv, __doc__, PRESETS)
    metrics = train(config)
    if metrics is not None:  # Else it is one of several processes, of which the first says it.
        print_summary(config.resolved(), metrics)


if __name__ == "__main__":
    run(main)
