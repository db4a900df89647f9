import json

import numpy as np
import pytest


@pytest.fixture
def finished_run():
    """`f(folder)`: writes the files of a run folder that results are taken from."""

    def write(folder, last_epoch=True):
        scores = {
            "macro_f1": 0.5,
            "per_class": {name: {"f1": 0.5, "support": 1} for name in "ab"},
            "confusion_matrix": [[1, 0], [1, 0]],
            "calibration": {"ece": 0.25},
        }
        metrics = dict.fromkeys(("run", "selection", "decision", "sampling"), {})
        metrics["data"] = {
            **{"name": "digits", "task": "classification", "class_names": ["a", "b"]},
            **{"counts": [2, 1], "minority": [1], "examples": {"train": 3, "test": 2}},
            "test_part": "one",
        }
        metrics.update(val=scores, test=scores)
        if last_epoch:
            metrics["last_epoch"] = {"val": scores, "test": scores}
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps(metrics))
        epochs = [{"epoch": k, "loss": loss} for k, loss in enumerate((2 / 3, 0.5))]
        (folder / "history.json").write_text(json.dumps([epochs]))
        (folder / "config.json").write_text(json.dumps({"epochs": 3, "out": "there"}))
        arrays = {"y_true": np.array([0, 1]), "y_pred": np.array([0, 0])}
        probabilities = np.array([[0.75, 0.25], [0.75, 0.25]], "float32")
        np.savez(folder / "outputs_test.npz", **arrays, probabilities=probabilities)
        return folder

    return write
