"""Looks at a data set: what it holds, whether its parts are apart, what its images show.

    python tools/data.py info --dataset ham10000 --data_dir DATA    # counts, imbalance, scale
    python tools/data.py check --dataset isic2017                   # exit code 1: in two parts
    python tools/data.py check --dataset cifar10_lt --near 2        # also images almost alike
    python tools/data.py show --dataset digits --out digits.png     # examples of every class
    python tools/data.py info --dataset cifar10_lt --rho 50 --download

docs/data.md explains the data sets and their options.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from dawn_tf.training.command_line import parse, run  # noqa: E402
from dawn_tf.training.data_tool import DataConfig, look  # noqa: E402


def main(argv=None):
    return look(parse(DataConfig, argv, __doc__))


if __name__ == "__main__":
    run(main)
