"""A whole run: data, networks, scores, report, SavedModel, in one folder that can be resumed."""

import dataclasses
import json
import pathlib
import platform
import shutil
import subprocess
import time

import keras
import numpy as np
import tensorflow as tf

import dawn_tf
from dawn_tf import data as dawn_data
from dawn_tf.data.pipeline import evaluation_batches
from dawn_tf.evaluation import choose_threshold, evaluate, save_outputs, write_json
from dawn_tf.export import export_saved_model
from dawn_tf.metrics import minority_classes
from dawn_tf.models import AveragedNetworks
from dawn_tf.training.callbacks import best_epoch
from dawn_tf.training.fit import build_model, train_network
from dawn_tf.training.summary import write_summary

# Fields that change neither the weights nor the scores of a run.
_INCIDENTAL = ("data_dir", "out")


def train(config):
    """Runs `config` to its end and returns what `metrics.json` holds.

    The run folder gets `config.json`, `network_<k>/` (checkpoints, TensorBoard logs),
    `model.keras`, `metrics.json`, `outputs_<part>.npz` (labels and probabilities), `figures/`,
    `report.html` and `saved_models/<dataset>/<version>/`. The same command after a kill goes on
    from the last whole epoch; after the end it gives back the scores.

    Raises:
        ValueError: for a config no run can have, a folder that holds another run, or bad data.
    """
    config.check()
    config = config.resolved()
    run = pathlib.Path(config.out)
    if _is_finished(run, config):
        return json.loads((run / "metrics.json").read_text())
    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()
    data = load_data(config)
    build_model(config, data)  # Raises, if at all, before anything is written.
    run.mkdir(parents=True, exist_ok=True)
    write_json(run / "config.json", dataclasses.asdict(config))

    commit = _commit()  # At the start: the checkout may move on while a run lasts.
    started = time.monotonic()
    trained = [
        train_network(config, data, run / f"network_{k}", seed=config.seed * 1000 + k)
        for k in range(config.networks)
    ]
    seconds = time.monotonic() - started
    best, last, histories = zip(*trained, strict=True)
    best, last = AveragedNetworks(best), AveragedNetworks(last)
    metrics, outputs = _score(best, config, data)
    metrics["last_epoch"], _ = _score(last, config, data)
    for part, arrays in outputs.items():
        save_outputs(run / f"outputs_{part}.npz", **arrays)
    metrics["selection"] = {
        "monitor": config.monitor,
        "epochs": [best_epoch(history, config.monitor) + 1 for history in histories],
        "epochs_run": [len(history) for history in histories],
    }
    metrics["run"] = _provenance(best, seconds, commit)
    _save_model(best, run / "model.keras")
    # A run killed while it wrote its end writes the end again, not a second version.
    shutil.rmtree(run / "saved_models", ignore_errors=True)
    version = export_saved_model(
        best, run / "saved_models", config.dataset, data.class_names, metrics["threshold"]
    )
    metrics["saved_model"] = str(version.relative_to(run))
    write_summary(run, config, data, trained[0][0], metrics, outputs["test"], histories)
    # Last: a run folder with metrics.json is a finished run.
    write_json(run / "metrics.json", metrics)
    return metrics


def load_data(config):
    """The data set that `config` names, split as it says."""
    return dawn_data.load(
        config.dataset,
        data_dir=config.data_dir,
        task=config.task,
        protocol=config.protocol,
        seed=config.seed,
        image_size=(config.image_size, config.image_size) if config.image_size else None,
    )


def _is_finished(run, config):
    """Whether `run` holds this run's end; raises if it holds epochs of another run."""
    if not (run / "config.json").exists() or not (run / "network_0" / "state.npz").exists():
        return False
    former = json.loads((run / "config.json").read_text())
    wanted = json.loads(json.dumps(dataclasses.asdict(config)))
    changed = [
        f"{name}={former.get(name)} (now {wanted[name]})"
        for name in wanted
        if name not in _INCIDENTAL and former.get(name) != wanted[name]
    ]
    if changed:
        raise ValueError(
            f"Expected {run} to hold this run or none. Received: one with {', '.join(changed)}. "
            "Give another folder (--out), or remove that one."
        )
    return (run / "metrics.json").exists()


def _score(model, config, data):
    """`(scores, outputs)` on validation and, once everything is chosen, on test."""
    options = {
        "task": data.task,
        "class_names": data.class_names,
        "minority": minority_classes(data.class_counts),
        "ignore_class": data.ignore_class,
        "from_logits": False,
    }
    batches = {
        part: evaluation_batches(data.parts[part], max(config.batch_size, 64))
        for part in ("val", "test")
    }
    threshold = None
    if data.task == "classification" and data.num_classes == 2:
        _, raw = evaluate(model, batches["val"], **options)
        threshold = choose_threshold(raw["y_true"], raw["probabilities"][:, 1])
    scores, outputs = {"threshold": threshold}, {}
    for part in ("val", "test"):
        scores[part], outputs[part] = evaluate(model, batches[part], threshold=threshold, **options)
    return scores, outputs


def _save_model(model, path):
    partial = path.with_name("partial." + path.name)
    model.save(partial)
    partial.replace(path)


def _provenance(model, seconds, commit):
    return {
        "seconds_this_process": round(seconds, 1),
        "parameters": model.count_params(),
        "versions": {
            "dawn_tf": dawn_tf.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "commit": commit,
    }


def _commit():
    """Commit of the checkout the package runs from, or `None` for an installed package."""
    root = pathlib.Path(dawn_tf.__file__).parents[1]
    try:
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
