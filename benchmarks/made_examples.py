"""What made examples are worth: a classifier that learned them, tested on real ones.

    python benchmarks/made_examples.py --steps 1500                        # the embedded digits
    python benchmarks/made_examples.py --dataset creditcard --rows 20000   # needs $DAWN_DATA_DIR

Prints balanced accuracy on the test part: logistic regression for images, a random forest for rows.
"made alone" has 100 made examples of each class, the others the training part, classes levelled.
"""

import argparse
import dataclasses
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from dawn_tf.data import load
from dawn_tf.data.generators import make_examples
from dawn_tf.data.resampling import resample, with_made


def score(data, x, y):
    test = data.parts["test"]
    is_image = test.x.ndim == 4
    scale = 255 if is_image else 1
    model = LogisticRegression(max_iter=1000) if is_image else RandomForestClassifier(n_jobs=1)
    model.set_params(random_state=0).fit(np.reshape(x, (len(x), -1)) / scale, y)
    answers = model.predict(np.reshape(test.x[:], (len(test), -1)) / scale)
    return balanced_accuracy_score(test.y, answers)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--rows", type=int, help="common examples of the training part to keep")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    data = load(args.dataset, data_dir=os.environ.get("DAWN_DATA_DIR"))
    train = data.parts["train"]
    if args.rows:
        common = np.flatnonzero(train.y == 0)
        drawn = np.random.default_rng(args.seed).choice(common, args.rows, replace=False)
        train = train.subset(np.sort(np.concatenate([drawn, np.flatnonzero(train.y > 0)])))
        parts = {**data.parts, "train": train}
        data = dataclasses.replace(data, parts=parts, class_counts=np.bincount(train.y))
    method = "gan" if train.x.ndim == 4 else "ctgan"
    print(f"real             {score(data, train.x[:], train.y):.3f}", flush=True)
    for rival in ("random_over", "smote"):
        part = resample(data, rival, args.seed).parts["train"]
        print(f"real + {rival:<11}{score(data, part.x, part.y):.3f}", flush=True)
    x, y = make_examples(data, method, args.seed, args.steps, at_least=100)
    kept = np.concatenate([np.flatnonzero(y == c)[:100] for c in range(data.num_classes)])
    print(f"made alone       {score(data, x[kept], y[kept]):.3f}", flush=True)
    lacking = data.class_counts.max() - data.class_counts
    added = np.concatenate([np.flatnonzero(y == c)[:n] for c, n in enumerate(lacking)])
    part = with_made(data, x[added], y[added], method).parts["train"]
    print(f"real + made      {score(data, part.x, part.y):.3f}", flush=True)


if __name__ == "__main__":
    main()
