import json

import numpy as np
import pytest


@pytest.fixture
def finished_run():
    """`f(folder)`: writes the files of a run folder that results are taken from."""

    def write(folder, last_epoch=True):
        scores = {"macro_f1": 0.5, "per_class": [{"f1": 0.5}]}
        metrics = dict.fromkeys(("run", "data", "selection", "decision", "sampling"), {})
        metrics.update(val=scores, test=scores)
        if last_epoch:
            metrics["last_epoch"] = {"val": scores, "test": scores}
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps(metrics))
        epochs = [{"epoch": k, "loss": loss} for k, loss in enumerate((2 / 3, 0.5))]
        (folder / "history.json").write_text(json.dumps([epochs]))
        (folder / "config.json").write_text(json.dumps({"epochs": 3, "out": "there"}))
        probabilities = np.array([[0.25, 0.75]], "float32")
        np.savez(folder / "outputs_test.npz", y_true=np.array([1]), probabilities=probabilities)
        return folder

    return write
