"""What is done with a finished run: score it again, predict with it, export it."""

import csv
import dataclasses
import io
import pathlib

import keras

from dawn_tf.data.images import encode_mask, read_images
from dawn_tf.data.pipeline import evaluation_batches, reading_errors
from dawn_tf.data.sources import SOURCES
from dawn_tf.data.table_encoder import TableEncoder
from dawn_tf.evaluation import atomic, evaluate, read_json, write_json
from dawn_tf.export import PORTABLE, export_portable, export_saved_model, verify
from dawn_tf.metrics import minority_classes
from dawn_tf.models import load_model
from dawn_tf.training.config import TrainConfig, read_config
from dawn_tf.training.format_check import calibration_examples, compare, describe
from dawn_tf.training.run import load_data
from dawn_tf.training.scoring import add_shots
from dawn_tf.training.serving import (
    left_out,
    parse_formats,
    parse_shares,
    post_processing_of,
    served_columns,
)
from dawn_tf.training.summary import print_bad_inputs, print_scores

_IMAGES = (".jpg", ".jpeg", ".png", ".bmp")
_BATCH = 64


def _run():
    return dataclasses.field(metadata={"help": "folder of a finished run"})


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """Flags of `tools/evaluate.py`."""

    run: str = _run()
    part: str = dataclasses.field(
        default="test", metadata={"help": "part of the data", "choices": ("train", "val", "test")}
    )
    data_dir: str | None = dataclasses.field(
        default=None, metadata={"help": "folder with the data; default: $DAWN_DATA_DIR"}
    )
    out: str | None = dataclasses.field(
        default=None, metadata={"help": "file for the scores; default: printed only"}
    )


@dataclasses.dataclass(frozen=True)
class PredictConfig:
    """Flags of `tools/predict.py`."""

    run: str = _run()
    input: str = dataclasses.field(
        metadata={"help": "an image, a folder of images, or a CSV of table rows"}
    )
    out: str = dataclasses.field(
        default="predictions.csv",
        metadata={"help": "CSV to write; masks go into a folder of that name without .csv"},
    )


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """Flags of `tools/export.py`."""

    run: str | None = dataclasses.field(default=None, metadata={"help": "folder of a finished run"})
    verify: str | None = dataclasses.field(
        default=None,
        metadata={"help": "check this exported version against its checksums, and do nothing else"},
    )
    format: str = dataclasses.field(
        default="saved_model",
        metadata={"help": f"one or more of saved_model,{','.join(PORTABLE)}"},
    )
    data_dir: str | None = dataclasses.field(
        default=None,
        metadata={
            "help": "folder with the data that other formats are checked on; default: as it was"
        },
    )
    out: str = dataclasses.field(
        default="saved_models", metadata={"help": "folder of all exported models"}
    )
    name: str | None = dataclasses.field(
        default=None, metadata={"help": "model name; default: the run's data set"}
    )
    class_shares: str | None = dataclasses.field(
        default=None,
        metadata={
            "help": "class shares at work that probabilities are corrected for, of every class, "
            "as in healthy=0.99,sick=0.01"
        },
    )
    extra_outputs: str | None = dataclasses.field(
        default=None, metadata={"help": "what else is served, of gate,global,detail"}
    )
    intended_use: str | None = dataclasses.field(
        default=None, metadata={"help": "the model card's sentence about that"}
    )


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """The files of a run that others need."""

    config: TrainConfig
    metrics: dict
    card: dict
    model: keras.Model
    encoder: TableEncoder | None

    @classmethod
    def open(cls, folder):
        """Loads the run in `folder`; raises `ValueError` if there is no finished one."""
        folder = pathlib.Path(folder)
        if (folder / "model.skops").exists():
            raise ValueError(
                f"Expected a run of a network. Received: {folder}, a run of one of the rivals for "
                "rows. Its scores are in metrics.json, its outputs in outputs_*.npz."
            )
        missing = [
            name
            for name in ("config.json", "metrics.json", "model_card.json", "model.keras")
            if not (folder / name).exists()
        ]
        if missing:
            raise ValueError(
                "Expected a finished run with config.json, metrics.json, model_card.json and "
                f"model.keras. Received: {folder} without {', '.join(missing)}. Train it with "
                f"tools/train.py --out {folder}."
            )
        encoder = folder / "encoder.json"
        return cls(
            read_config(folder / "config.json"),
            read_json(folder / "metrics.json"),
            read_json(folder / "model_card.json"),
            load_model(folder / "model.keras"),
            TableEncoder.from_json(encoder.read_text()) if encoder.exists() else None,
        )

    @property
    def class_names(self):
        return list(self.metrics["test"]["per_class"])

    @property
    def post_processing(self):
        return post_processing_of(self.metrics)

    @property
    def columns(self):
        """`Columns` of rows, or `None`."""
        return served_columns(self.config, self.card["data"]["features"], self.encoder)


@reading_errors()
def evaluate_run(config):
    """Scores one part of the run's data set; returns them, prints them, writes them if asked."""
    run = FinishedRun.open(config.run)
    trained = run.config
    if config.data_dir:
        trained = dataclasses.replace(trained, data_dir=config.data_dir)
    data = load_data(trained)
    scores, _ = evaluate(
        run.model,
        evaluation_batches(data.parts[config.part], _BATCH),
        data.task,
        data.class_names,
        minority_classes(data.class_counts),
        decision=run.post_processing.decision,
        ignore_class=data.ignore_class,
        from_logits=False,
        calibrator=run.post_processing.calibrator,
    )
    add_shots(scores, data)
    print_scores(f"{trained.run_name()}, {config.part}", scores)
    print_bad_inputs(data.bad_inputs)
    if config.out:
        write_json(config.out, scores)
    return scores


def predict_run(config):
    """Writes a CSV with class and probabilities of every input; masks as PNG beside it."""
    run = FinishedRun.open(config.run)
    source = SOURCES["tfds" if run.config.source == "tfds" else run.config.dataset]
    read_rows = getattr(source, "read_features", None)
    if run.encoder is not None:
        read_rows = run.encoder.read
    names, x = _read_inputs(pathlib.Path(config.input), run.model.input_shape[1:], read_rows)
    out = pathlib.Path(config.out)
    post_processing, class_names = run.post_processing, run.class_names
    segments = len(run.model.output_shape) == 4
    header = ["input", *(["mask"] if segments else ["class"])]
    header += [f"share_{c}" if segments else f"p_{c}" for c in class_names]
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(header)
    for start in range(0, len(x), _BATCH):
        p = run.model.predict_on_batch(x[start : start + _BATCH].astype("float32"))
        p, chosen = post_processing.apply(p)
        for name, row, c in zip(names[start : start + _BATCH], p, chosen, strict=True):
            if segments:
                # The whole name: a.jpg and a.png are two images.
                path = out.with_suffix("") / f"{pathlib.Path(name).name}.png"
                with atomic(path) as file:
                    file.write(encode_mask(c))
                shares = [(c == k).mean() for k in range(len(class_names))]
                rows.writerow([name, path, *(f"{share:.6g}" for share in shares)])
            else:
                rows.writerow([name, class_names[c], *(f"{value:.6g}" for value in row)])
    with atomic(out) as file:
        file.write(text.getvalue().encode())
    print(f"{len(x):,} predictions: {out}")
    return out


def _read_inputs(path, input_shape, read_rows):
    if not path.exists():
        raise ValueError(f"Expected an image, a folder or a CSV. Received: {path}, not there.")
    if len(input_shape) == 1:
        rows = read_rows(path)
        return [str(i) for i in range(len(rows))], rows
    files = [path]
    if path.is_dir():
        files = sorted(f for f in path.iterdir() if f.suffix.lower() in _IMAGES)
    if not files:
        raise ValueError(f"Expected images ({', '.join(_IMAGES)}). Received: {path} without any.")
    names = [str(file) for file in files]
    return names, read_images(
        names, lambda name: pathlib.Path(name).read_bytes(), input_shape[:2], input_shape[2]
    )


def export_run(config):
    """Exports the run's model and says where it is; or checks what was exported before."""
    if config.verify is not None:
        print(f"{verify(config.verify)} files as they were exported: {config.verify}")
        return config.verify
    if config.run is None:
        raise ValueError("Expected --run or --verify. Received: neither. Name a finished run.")
    formats = parse_formats(config.format)
    run = FinishedRun.open(config.run)
    card, post_processing = run.card, run.post_processing
    if config.class_shares is not None:
        shares = parse_shares(config.class_shares, run.class_names)
        post_processing = dataclasses.replace(post_processing, class_shares=[*shares.values()])
        card = {**card, "class_shares": shares}
    if config.intended_use is not None:
        card = {**card, "intended_use": config.intended_use}
    name = config.name or run.config.model_name()
    extra = config.extra_outputs.split(",") if config.extra_outputs else ()
    versions = []
    for chosen in formats:
        if chosen == "saved_model":
            version = export_saved_model(
                run.model, config.out, name, post_processing, run.columns, extra, card
            )
            print(f"SavedModel: {version}")
        else:
            version = _export_file(run, config, chosen, name, post_processing, extra, card)
        versions.append(version)
    return versions[0] if len(versions) == 1 else versions


@reading_errors()
def _export_file(run, config, format, name, post_processing, extra, card):
    """Exports one of `PORTABLE`, checked on the run's validation part."""
    trained = run.config
    if config.data_dir:
        trained = dataclasses.replace(trained, data_dir=config.data_dir)
    data = load_data(trained)
    inputs, facts = None, {"left_out": left_out(run, post_processing)}
    if format == "litert_int8":
        inputs, facts["calibrated_on"] = calibration_examples(data)
    compared = {}

    def check(file):
        compared.update(compare(file, run.model, post_processing, data))
        return {**compared, **facts}

    version = export_portable(
        run.model, config.out, name, format, post_processing, check, inputs, extra, card
    )
    print(f"{format}: {version}\n  {describe(compared)}")
    print(f"  not in this format: {'; '.join(facts['left_out'])}")
    return version
