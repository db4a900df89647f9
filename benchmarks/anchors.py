"""A plain model on the very splits of digits that `tools/train.py` uses: the bar to beat.

    python benchmarks/anchors.py            # class-weighted RBF-SVM

Validation chooses C and gamma; the test part is scored once. Prints one line a seed, then mean and
deviation. For rows the bars are models of `tools/train.py`: `--dataset creditcard --model xgboost`.
"""

import argparse
import itertools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
from sklearn.metrics import f1_score  # noqa: E402
from sklearn.svm import SVC  # noqa: E402

from dawn_tf import data  # noqa: E402


def best_svm(parts):
    """Macro-F1 on test of the SVM that is best on validation."""
    x = {name: part.x.reshape(len(part), -1) / 255 for name, part in parts.items()}

    def fit(c, gamma):
        return SVC(C=c, gamma=gamma, class_weight="balanced").fit(x["train"], parts["train"].y)

    def macro_f1(model, part):
        return f1_score(parts[part].y, model.predict(x[part]), average="macro")

    grid = itertools.product((1, 10, 100), (0.02, 0.05, 0.1, 0.2))
    best = max((fit(*options) for options in grid), key=lambda model: macro_f1(model, "val"))
    return macro_f1(best, "test")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    scores = []
    for seed in range(args.seeds):
        scores.append(best_svm(data.load("digits", seed=seed).parts))
        print(seed, round(scores[-1], 4), flush=True)
    print(f"macro-F1: {np.mean(scores):.4f} +- {np.std(scores, ddof=1):.4f}")


if __name__ == "__main__":
    main()
