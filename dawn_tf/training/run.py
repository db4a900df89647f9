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
from dawn_tf.calibration import choose_class_weights, choose_prior_power
from dawn_tf.data.pipeline import evaluation_batches
from dawn_tf.evaluation import choose_threshold, evaluate, save_outputs, write_json
from dawn_tf.evaluation.shots import shot_recall
from dawn_tf.export import export_saved_model
from dawn_tf.metrics import minority_classes
from dawn_tf.models import AveragedNetworks
from dawn_tf.training.callbacks import best_epoch
from dawn_tf.training.fit import build_model, steps_per_epoch, train_network
from dawn_tf.training.options import given_options
from dawn_tf.training.streams import label_names, make_sampler
from dawn_tf.training.summary import write_summary

# Fields that change neither the weights nor the scores of a run.
_INCIDENTAL = ("data_dir", "download", "in_memory", "out")


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
    metrics["sampling"] = realised_sampling(config, data, len(histories[0]))
    metrics["run"] = _provenance(best, seconds, commit)
    _save_model(best, run / "model.keras")
    if data.encoder is not None:
        (run / "encoder.json").write_text(data.encoder.to_json())
    # A run killed while it wrote its end writes the end again, not a second version.
    shutil.rmtree(run / "saved_models", ignore_errors=True)
    version = export_saved_model(
        best,
        run / "saved_models",
        config.model_name(),
        data.class_names,
        metrics["decision"]["value"],
    )
    metrics["saved_model"] = str(version.relative_to(run))
    write_summary(run, config, data, trained[0][0], metrics, outputs["test"], histories)
    # Last: a run folder with metrics.json is a finished run.
    write_json(run / "metrics.json", metrics)
    return metrics


def load_data(config):
    """The data set that `config` names, split as it says."""
    name, options = config.dataset, given_options(config)
    if config.source == "tfds":
        name, options = "tfds", {**options, "builder": config.dataset}
    return dawn_data.load(
        name,
        data_dir=config.data_dir,
        task=config.task,
        protocol=config.protocol,
        seed=config.seed,
        image_size=(config.image_size, config.image_size) if config.image_size else None,
        in_memory=config.in_memory,
        download=config.download,
        **options,
    )


def realised_sampling(config, data, epochs):
    """What the first network's stream drew in so many epochs, by class, for `metrics.json`.

    Gives `draws`, and by class `share` of the draws and the `fewest`, `mean` and `most` times that
    one of its examples came; for masks an example's class is its rarest. `None` for rejection,
    whose draws are random.
    """
    if config.resampling == "rejection":
        return None
    steps = steps_per_epoch(config, data)
    draws = epochs * steps * config.batch_size
    realised = make_sampler(config, data, config.seed * 1000, steps).realised(draws)
    columns = (realised.shares, realised.fewest, realised.mean, realised.most)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    keys = ("share", "fewest", "mean", "most")
    per_class = [dict(zip(keys, row, strict=True)) for row in rows]
    return {"draws": draws, "per_class": dict(zip(label_names(data), per_class, strict=False))}


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
    decision = {"rule": config.decision, "value": None}
    if config.decision != "argmax" and data.task == "classification":
        _, raw = evaluate(model, batches["val"], **options)
        decision.update(_choose(config.decision, raw["y_true"], raw["probabilities"], data))
    scores, outputs = {"decision": decision}, {}
    # The groups of the long-tail literature go by the whole training set, validation included.
    counts = sum(
        np.bincount(data.parts[part].sampling_labels, minlength=len(label_names(data)))
        for part in ("train", "val")
    )
    for part in ("val", "test"):
        scores[part], outputs[part] = evaluate(
            model, batches[part], decision=decision["value"], **options
        )
        if data.task == "classification" and data.num_classes > 2:
            matrix = np.array(scores[part]["confusion_matrix"])
            scores[part]["shots"] = shot_recall(matrix, counts)
    return scores, outputs


def _choose(rule, y_true, probabilities, data):
    """The decision of highest macro-F1 on validation, for `metrics.json`."""
    if rule == "threshold":
        return {"value": choose_threshold(y_true, probabilities[:, 1])}
    if rule == "class_weights":
        return {"value": choose_class_weights(y_true, probabilities).tolist()}
    weights, power = choose_prior_power(y_true, probabilities, data.class_counts)
    return {"value": weights.tolist(), "prior_power": power}


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
