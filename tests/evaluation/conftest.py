import json

import numpy as np
import pytest

from dawn_tf.evaluation import classification_scores
from dawn_tf.evaluation.segmentation_scores import SegmentationScorer
from dawn_tf.evaluation.shots import shot_recall

NAMES = ["common", "<script>alert(1)</script>", "rare & 100_% ~^\\{}"]
COUNTS = [500, 60, 7]


def classes_row(method, seed, skill, n=200):
    """A line of classes and its outputs; the test part is the same for all seeds."""
    y = np.random.default_rng(0).integers(0, 3, n)
    rng = np.random.default_rng([seed, int(100 * skill)])
    z = rng.standard_normal((n, 3)) + skill * np.eye(3)[y]
    p = (np.exp(z) / np.exp(z).sum(1, keepdims=True)).astype("float32")
    test = classification_scores(y, p, NAMES, [1, 2])
    test["shots"] = shot_recall(np.array(test["confusion_matrix"]), COUNTS)
    arrays = {"y_true": y, "probabilities": p, "y_pred": p.argmax(1)}
    return _row("lesions", "classification", NAMES, COUNTS, method, seed, n, test), arrays


def masks_row(method, seed, skill, n=12):
    y = np.random.default_rng(0).integers(0, 2, (n, 8, 8))
    rng = np.random.default_rng([seed, int(100 * skill)])
    z = rng.standard_normal((n, 8, 8, 2)) + skill * np.eye(2)[y]
    p = (np.exp(z) / np.exp(z).sum(-1, keepdims=True)).astype("float32")
    scorer = SegmentationScorer(["skin", "lesion"], [1])
    scorer.update(y, p)
    row = _row(
        "masks", "segmentation", ["skin", "lesion"], [900, 100], method, seed, n, scorer.scores()
    )
    return row, scorer.outputs()


def _row(dataset, task, names, counts, method, seed, n, test):
    return {
        "cell": f"{dataset}-{method}-seed{seed}",
        "key": "k",
        "dataset": dataset,
        "method": method,
        "seed": seed,
        "config": {"dataset": dataset, "recipe": method, "seed": seed, "out": f"runs/{method}"},
        "run": {"parameters": 1000 + len(method), "versions": {"keras": "3"}, "commit": "abc"},
        "data": {
            "name": dataset,
            "task": task,
            "protocol": "made",
            "class_names": names,
            "counts": counts,
            "minority": list(range(1, len(names))),
            "examples": {"train": sum(counts), "val": 50, "test": n},
            "test_part": "one",
        },
        "sampling": {"label_shares": (np.array(counts) / sum(counts)).tolist()},
        "val": test,
        "test": test,
        "history": {"loss": [2.0, 1.0, 0.5 + seed], "val_macro_f1": [0.1, 0.3, 0.2 + 0.1 * seed]},
        "seconds": 10.0 * (1 + len(method)),
        "peak_memory_mb": 100.0,
    }


@pytest.fixture
def write_grid(tmp_path):
    """`f(rows, name="grid")` of pairs (row, arrays or `None`): writes a grid, returns its path."""

    def write(rows, name="grid"):
        path = tmp_path / f"{name}.jsonl"
        (tmp_path / name).mkdir(exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row, _ in rows))
        for row, arrays in rows:
            if arrays is not None:
                np.savez(tmp_path / name / f"{row['cell']}.npz", **arrays)
        return path

    return write


@pytest.fixture
def write_run(tmp_path):
    """`f(name, row, arrays, files=())`: writes the row as a run folder, returns its path."""

    def write(name, row, arrays=None):
        folder = tmp_path / name
        folder.mkdir()
        config = {**row["config"], "out": str(folder)}
        (folder / "config.json").write_text(json.dumps(config))
        metrics = {key: row[key] for key in ("run", "data", "sampling", "val", "test")}
        metrics["run"] = {**row["run"], "seconds_this_process": row["seconds"]}
        (folder / "metrics.json").write_text(json.dumps(metrics))
        names, curves = row["history"].keys(), row["history"].values()
        epochs = zip(*curves, strict=True)
        history = [[{"epoch": k, **dict(zip(names, v, strict=True))} for k, v in enumerate(epochs)]]
        (folder / "history.json").write_text(json.dumps(history))
        if arrays is not None:
            np.savez(folder / "outputs_test.npz", **arrays)
        return folder

    return write


@pytest.fixture
def grid_rows():
    """Pairs (row, arrays): three methods on classes and two on masks, three seeds each."""
    skills = {"good": 3.0, "as_good": 2.95, "bad": 1.0}
    rows = [classes_row(m, seed, s) for m, s in skills.items() for seed in range(3)]
    return rows + [masks_row(m, s, k) for m, k in {"good": 2, "bad": 1}.items() for s in range(3)]
