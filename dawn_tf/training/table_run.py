"""A run without a network: a rival for rows, in the same folder as other runs."""

import time

import numpy as np

from dawn_tf.evaluation import atomic, save_outputs, write_json
from dawn_tf.training.data_facts import data_facts
from dawn_tf.training.provenance import provenance
from dawn_tf.training.run_folder import begin
from dawn_tf.training.scoring import score
from dawn_tf.training.streams import label_names
from dawn_tf.training.summary import write_summary
from dawn_tf.training.table_rivals import fit_rival, skops_io

_BATCH = 2**16  # Forests take longer to start than to answer.


def train_rival(config, data, resampled, run, commit):
    """Fits the rival that `config.model` names and writes its run folder.

    `config.json`, `metrics.json`, `outputs_<part>.npz`, `figures/` and `report.html` are as of
    networks, without the scores of a last epoch. `model.skops` holds the scikit-learn classifier,
    which `load_estimator` gives back; there is no SavedModel.

    Args:
        config: Resolved `TrainConfig`.
        data: `DataSplits` as it was read.
        resampled: The same with the training part to fit on.
        run: Folder, made here.
        commit: See `provenance`.

    Returns: what `metrics.json` holds.

    Raises: `ValueError` as `fit_rival` does, before anything is written.
    """
    skops = skops_io()  # An error, if any, before the work.
    started = time.monotonic()
    train = resampled.parts["train"]
    rival = fit_rival(config.model, train, data.parts["val"], config.seed)
    seconds = time.monotonic() - started
    begin(run, config)
    metrics, outputs = score(rival, config, data, _BATCH)
    metrics["selection"] = {"monitor": config.monitor, "trees": rival.trees}
    metrics["run"] = provenance(rival, seconds, commit)
    if not config.score_test:
        write_json(run / "metrics.json", metrics)
        return metrics
    for part, arrays in outputs.items():
        save_outputs(run / f"outputs_{part}.npz", **arrays)
    metrics["sampling"] = _each_once(train, label_names(data))
    metrics["data"] = data_facts(data)
    metrics["saved_model"] = None
    if not config.scores_only:
        with atomic(run / "model.skops") as file:
            file.write(skops.dumps(rival.estimator))
        if data.encoder is not None:
            (run / "encoder.json").write_text(data.encoder.to_json())
        write_summary(run, config, data, None, metrics, outputs["test"], [])
    # Last: a run folder with metrics.json is a finished run.
    write_json(run / "metrics.json", metrics)
    return metrics


def _each_once(train, class_names):
    """As `realised_sampling`: every row that was fitted on, once."""
    shares = np.bincount(train.sampling_labels, minlength=len(class_names)) / len(train)
    per_class = {
        name: {"share": share, "fewest": 1, "mean": 1.0, "most": 1}
        for name, share in zip(class_names, shares.tolist(), strict=True)
    }
    return {"draws": len(train), "per_class": per_class, "label_shares": shares.tolist()}
