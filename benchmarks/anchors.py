"""Plain models on the very splits that `tools/train.py` uses: the bars to beat.

    python benchmarks/anchors.py digits                       # class-weighted RBF-SVM
    python benchmarks/anchors.py creditcard --data_dir DATA   # XGBoost; pip install "xgboost>=3,<4"

Validation chooses (C and gamma of the SVM; early stopping and threshold of XGBoost, whose settings
nobody tuned); the test part is scored once. Prints one line a seed, then mean and deviation.
"""

import argparse
import itertools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
from sklearn.metrics import average_precision_score, f1_score  # noqa: E402
from sklearn.svm import SVC  # noqa: E402

from dawn_tf import data  # noqa: E402
from dawn_tf.evaluation import choose_threshold  # noqa: E402


def digits(parts, seed):
    x = {name: part.x.reshape(len(part), -1) / 255 for name, part in parts.items()}

    def fit(c, gamma):
        return SVC(C=c, gamma=gamma, class_weight="balanced").fit(x["train"], parts["train"].y)

    def macro_f1(model, part):
        return f1_score(parts[part].y, model.predict(x[part]), average="macro")

    grid = itertools.product((1, 10, 100), (0.02, 0.05, 0.1, 0.2))
    best = max((fit(*options) for options in grid), key=lambda model: macro_f1(model, "val"))
    return {"macro_f1": macro_f1(best, "test")}


def creditcard(parts, seed):
    from xgboost import XGBClassifier

    train, val, test = parts["train"], parts["val"], parts["test"]
    model = XGBClassifier(
        n_estimators=600,
        max_depth=6,
        learning_rate=0.05,
        subsample=0.8,
        colsample_bytree=0.8,
        eval_metric="aucpr",
        early_stopping_rounds=100,
        random_state=seed,
    ).fit(train.x, train.y, eval_set=[(val.x, val.y)], verbose=False)
    threshold = choose_threshold(val.y, model.predict_proba(val.x)[:, 1])
    p = model.predict_proba(test.x)[:, 1]
    return {
        "pr_auc": average_precision_score(test.y, p),
        "macro_f1": f1_score(test.y, p >= threshold, average="macro"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", choices=("digits", "creditcard"))
    parser.add_argument("--data_dir")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    rows = []
    for seed in range(args.seeds):
        parts = data.load(args.dataset, data_dir=args.data_dir, seed=seed).parts
        rows.append(globals()[args.dataset](parts, seed))
        print(seed, {name: round(value, 4) for name, value in rows[-1].items()}, flush=True)
    for name in rows[0]:
        values = [row[name] for row in rows]
        print(f"{name}: {np.mean(values):.4f} +- {np.std(values, ddof=1):.4f}")


if __name__ == "__main__":
    main()
