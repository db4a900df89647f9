"""Predicts new images or table rows with a trained run; writes a CSV (and PNG masks).

    python tools/predict.py --run runs/demo --input photos/ --out predictions.csv
    python tools/predict.py --run runs/fraud --input transactions.csv --out predictions.csv

Masks are written as PNG files of class numbers beside the CSV.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from dawn_tf.training.command_line import parse, run  # noqa: E402
from dawn_tf.training.rerun import PredictConfig, predict_run  # noqa: E402


def main(argv=None):
    predict_run(parse(PredictConfig, argv, __doc__))


if __name__ == "__main__":
    run(main)
