"""What each calibration map does to finished runs, from their stored probabilities.

    python benchmarks/calibration.py runs/digits-* runs/ham10000 --out results/calibration.json

Maps are fitted on `outputs_val.npz` and scored on `outputs_test.npz` of runs of classes without a
map of their own. Runs of one data set are averaged.
"""

import argparse
import json
import pathlib

import numpy as np

from dawn_tf.calibration import SCALINGS, choose_prior_power, decide
from dawn_tf.calibration.decision import macro_f1
from dawn_tf.evaluation import Calibration

COLUMNS = ("ece", "classwise_ece", "brier", "log_loss", "macro_f1", "macro_f1_prior_power")


def score(run, name):
    """Scores of the test part by column; the last with the rule `prior_power`, chosen anew."""
    parts = {}
    for part in ("val", "test"):
        with np.load(run / f"outputs_{part}.npz") as file:
            parts[part] = file["y_true"], file["probabilities"]
    (y_val, p_val), (y, p) = parts["val"], parts["test"]
    if name != "none":
        scaling = SCALINGS[name]().fit(p_val, y_val)
        p_val, p = scaling.transform(p_val), scaling.transform(p)
    calibration = Calibration()
    calibration.update(y, p)
    num_classes = p.shape[1]
    weights, _ = choose_prior_power(y_val, p_val, np.bincount(y_val, minlength=num_classes))
    return {
        **calibration.scores(),
        "macro_f1": macro_f1(y, decide(p), num_classes),
        "macro_f1_prior_power": macro_f1(y, decide(p, weights), num_classes),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, help="JSON file for the figures")
    args = parser.parse_args()
    by_data = {}
    for run in args.runs:
        data = json.loads((run / "config.json").read_text())["dataset"]
        by_data.setdefault(data, []).append(run)
    figures = {}
    print(f"| data | runs | map | {' | '.join(COLUMNS)} |\n|{'---|' * (3 + len(COLUMNS))}")
    for data, runs in by_data.items():
        for name in ("none", *SCALINGS):
            scores = [score(run, name) for run in runs]
            means = {key: float(np.mean([s[key] for s in scores])) for key in COLUMNS}
            figures.setdefault(data, {"runs": len(runs), "maps": {}})["maps"][name] = means
            values = " | ".join(f"{value:.4f}" for value in means.values())
            print(f"| {data} | {len(runs)} | `{name}` | {values} |", flush=True)
    if args.out:
        args.out.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
