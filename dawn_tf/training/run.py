"""A whole run: data, networks, scores, report, SavedModel, in one folder that can be resumed."""

import pathlib
import shutil
import time

import keras
import tensorflow as tf

from dawn_tf import data as dawn_data
from dawn_tf.data.pipeline import reading_errors
from dawn_tf.evaluation import read_json, room_for, save_outputs, write_json
from dawn_tf.export import export_saved_model
from dawn_tf.metrics import minority_classes
from dawn_tf.models import AveragedNetworks
from dawn_tf.training.data_facts import data_facts
from dawn_tf.training.devices import make_strategy
from dawn_tf.training.fit import build_model, steps_per_epoch, train_network
from dawn_tf.training.made_examples import resample_for
from dawn_tf.training.model_card import model_card
from dawn_tf.training.options import given_options
from dawn_tf.training.processes import by_itself, join
from dawn_tf.training.provenance import current_commit, provenance
from dawn_tf.training.run_folder import begin, is_finished
from dawn_tf.training.scoring import check_calibration, score
from dawn_tf.training.serving import post_processing_of, served_columns
from dawn_tf.training.streams import label_names, label_prior, make_sampler
from dawn_tf.training.summary import write_summary
from dawn_tf.training.table_rivals import RIVALS
from dawn_tf.training.table_run import train_rival


@reading_errors()
def train(config):
    """Runs `config` to its end and returns what `metrics.json` holds.

    TensorFlow's op determinism is on from then on in this process, so Keras will not compile other
    models by XLA there. Of several processes the first alone writes the folder, which all see;
    others return `None`.

    The run folder gets `config.json`, `network_<k>/` (checkpoints, TensorBoard logs),
    `model.keras`, `metrics.json`, `model_card.json`, `outputs_<part>.npz` (labels and
    probabilities), `figures/`, `report.html` and `saved_models/<dataset>/<version>/`; what a rival
    that is no network leaves instead, `train_rival` says. With `config.scores_only` there are no
    models, figures and report. The same command after a kill goes on from the last whole epoch;
    after the end it gives back the scores, or adds what `scores_only` left out.

    Raises:
        ValueError: for a config no run can have, a folder that holds another run, or bad data.
    """
    config.check()
    config = config.resolved()
    run = pathlib.Path(config.out)
    if is_finished(run, config):
        return read_json(run / "metrics.json")
    # Before anything is computed.
    make_strategy(config.devices)
    join(config.coordinator, config.process, config.processes)
    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()
    data = load_data(config)
    if config.decision == "threshold" and data.num_classes != 2:
        raise ValueError(
            f'Expected decision="threshold" for two classes only. Received: {config.dataset} with '
            f'{data.num_classes} classes. Use "prior_power" or "class_weights".'
        )
    check_calibration(config.calibration, data)
    commit = current_commit()  # At the start: the checkout may move on while a run lasts.
    if config.model not in RIVALS:
        build_model(config, data)  # Raises, if at all, before anything is written.
    # What is trained on; validation, test and what is counted in them stay as they are.
    resampled = resample_for(config, data, run)
    if config.model in RIVALS:
        return train_rival(config, data, resampled, run, commit)
    if config.process == 0:
        begin(run, config)
    minority = minority_classes(data.class_counts)
    started = time.monotonic()
    trained = [
        train_network(config, resampled, run / f"network_{k}", config.seed * 1000 + k, minority)
        for k in range(config.networks)
    ]
    seconds = time.monotonic() - started
    if config.process > 0:
        return None
    with by_itself():
        return _finish(run, config, data, resampled, trained, seconds, commit)


def _finish(run, config, data, resampled, trained, seconds, commit):
    """Scores the trained networks and writes the run folder's end; returns the metrics."""
    best, last, histories, epochs = zip(*trained, strict=True)
    best, last = AveragedNetworks(best), AveragedNetworks(last)
    batch_size = max(config.batch_size, 64)
    metrics, outputs = score(best, config, data, batch_size)
    metrics["selection"] = {
        "monitor": config.monitor,
        "epochs": [epoch + 1 for epoch in epochs],
        "epochs_run": [len(history) for history in histories],
    }
    metrics["run"] = provenance(best, seconds, commit)
    if not config.score_test:
        write_json(run / "metrics.json", metrics)
        return metrics
    metrics["last_epoch"], _ = score(last, config, data, batch_size)
    for part, arrays in outputs.items():
        save_outputs(run / f"outputs_{part}.npz", **arrays)
    write_json(run / "history.json", histories)
    if config.learned_term_weights:
        learned = [history[epoch] for history, epoch in zip(histories, epochs, strict=True)]
        metrics["selection"]["term_weights"] = [
            {name: row[name] for name in ("w_region", "w_lovasz", "w_edge")} for row in learned
        ]
    num_bad = sum(map(len, data.bad_inputs.values()))
    metrics["bad_inputs"] = {"count": num_bad, **data.bad_inputs}
    metrics["sampling"] = realised_sampling(config, resampled, len(histories[0]))
    metrics["data"] = data_facts(data)
    metrics["saved_model"] = None
    if not config.scores_only:
        metrics["saved_model"] = _write_models(run, best, config, data, metrics, outputs["test"])
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
        on_bad_input=config.on_bad_input,
        **options,
    )


def realised_sampling(config, data, epochs):
    """What the first network's stream drew in so many epochs, by class, for `metrics.json`.

    Gives `draws`, and by class `share` of the draws and the `fewest`, `mean` and `most` times that
    one of its examples came; for masks an example's class is its rarest. `label_shares` are those
    of the drawn labels: of examples, or of pixels for masks. `None` for rejection, whose draws are
    random.
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
    return {
        "draws": draws,
        "per_class": dict(zip(label_names(data), per_class, strict=False)),
        "label_shares": label_prior(data, realised.shares).tolist(),
    }


def _write_models(run, model, config, data, metrics, outputs):
    """Writes model card, model file and, on TensorFlow, SavedModel; returns its path in `run`."""
    card = model_card(config, data, metrics, outputs, minority_classes(data.class_counts))
    write_json(run / "model_card.json", card)
    with room_for(run):
        _save_model(model, run / "model.keras")
        if data.encoder is not None:
            (run / "encoder.json").write_text(data.encoder.to_json())
        if keras.backend.backend() != "tensorflow":
            return None  # `tools/export.py` makes one out of the model file.
        # A run killed while it wrote its end writes the end again, not a second version.
        shutil.rmtree(run / "saved_models", ignore_errors=True)
        version = export_saved_model(
            model,
            run / "saved_models",
            config.model_name(),
            post_processing_of(metrics),
            served_columns(config, data.feature_names, data.encoder),
            card=card,
        )
    return str(version.relative_to(run))


def _save_model(model, path):
    partial = path.with_name("partial." + path.name)
    try:
        model.save(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
