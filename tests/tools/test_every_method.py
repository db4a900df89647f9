"""Every network, loss and method of docs/methods.md by its flag, on real data: one tiny run each.

`test_methods.py` sees to it that the page and the code name the same ones. The seconds of each:
`pytest tests/tools/test_every_method.py --durations=0`.
"""

import importlib.util
import io
import json
import pathlib
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.calibration import SCALINGS
from dawn_tf.data.generators import GENERATORS
from dawn_tf.data.resampling import METHODS as OVERSAMPLINGS
from dawn_tf.data.shares import SCHEDULES, TARGETS
from dawn_tf.models import names
from dawn_tf.training import run
from dawn_tf.training.config import DECISIONS
from dawn_tf.training.loss_choices import LOSSES
from dawn_tf.training.second_stage import METHODS
from dawn_tf.training.streams import MIXINGS
from dawn_tf.training.table_rivals import RIVALS

pytestmark = [
    pytest.mark.slow,
    # What reads the data is a graph all the same, as it should.
    pytest.mark.filterwarnings("ignore:Even though the:UserWarning"),
]

TRAIN = pathlib.Path(__file__).parents[2] / "tools" / "train.py"
SHORT = ["--epochs", "1", "--steps_per_epoch", "2", "--no-augment"]
# Of networks that are large by themselves the smallest that their flags give.
SMALL = {
    "dawn": ["--encoder", "unet", "--width", "2"],
    "deeplab_v3_plus": ["--encoder", "unet", "--width", "4"],
    "hrnet_w48": ["--width", "2"],
    "resnet32": ["--width", "2"],
    "resnet50": [],
    "ride": ["--encoder", "unet", "--width", "2", "--experts", "2"],
    "segformer_b3": ["--encoder", "mit_b0", "--image_size", "64"],
    "swin_unet": ["--width", "24"],
    "transunet": ["--width", "2"],
}
# Classes alone, or rows alone.
NO_MASKS = ("mlp", "ride")
# As the page has it, beside the flags with a choice.
FLAGS = [
    ["--networks", "2"],
    ["--drw", "1"],
    ["--label_smoothing", "0.1"],
    ["--at_least", "1=2"],
    ["--resampling", "rejection", "--sampling", "balanced"],
]


@pytest.fixture(scope="module")
def main():
    spec = importlib.util.spec_from_file_location("tool_train", TRAIN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture(scope="module")
def rows(data_dir, tmp_path_factory):
    """Flags of 40 frauds and 600 other transactions, eight of their columns."""
    import pyarrow.csv
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(data_dir / "creditcard.parquet")
    label = table.column("Class").to_numpy()
    chosen = [np.flatnonzero(label == c)[:n] for c, n in ((0, 600), (1, 40))]
    columns = ["Time", *(f"V{i}" for i in (1, 4, 11, 12, 14, 17)), "Amount", "Class"]
    path = tmp_path_factory.mktemp("rows") / "creditcard.csv"
    pyarrow.csv.write_csv(table.select(columns).take(np.concatenate(chosen)), path)
    return ["--dataset", "csv", "--data_dir", str(path), "--batch_size", "32", "--width", "8"]


@pytest.fixture(scope="module")
def masks(data_dir, tmp_path_factory):
    """Flags of ten lesions and their masks, six of them for training."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("masks")
    with zipfile.ZipFile(data_dir / "isic2017_256.zip") as file:
        found = [n for n in sorted(file.namelist()) if "train/images/" in n and n.endswith("jpg")]
        for i, name in enumerate(found[:10]):
            part = "train" if i < 6 else "val" if i < 8 else "test"
            of_mask = name.replace("images", "masks").replace(".jpg", "_segmentation.png")
            for kind, member in (("images", name), ("masks", of_mask)):
                image = Image.open(io.BytesIO(file.read(member)))
                target = folder / part / kind / pathlib.Path(member).name
                target.parent.mkdir(parents=True, exist_ok=True)
                image.save(target)
    options = ["--task", "segmentation", "--image_size", "32", "--batch_size", "2"]
    return ["--dataset", "folder", "--data_dir", str(folder), *options]


@pytest.fixture
def training_alone(monkeypatch):
    """Runs without report, card and export, which have tests of their own, and without graphs:
    for two steps building them is nearly all of the time."""
    monkeypatch.setattr(run, "write_summary", lambda *args: None)
    monkeypatch.setattr(run, "model_card", lambda *args: {})
    monkeypatch.setattr(run, "export_saved_model", lambda model, folder, *args, **kwargs: folder)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def scores(main, out, *args):
    main([*args, *SHORT, "--out", str(out)])
    metrics = json.loads((out / "metrics.json").read_text())
    assert 0 <= metrics["test"]["macro_f1"] <= 1 and np.isfinite(metrics["test"]["macro_f1"])
    return metrics


def plain(rows, *args):
    return [*rows, "--model", "mlp", "--loss", "cross_entropy", *args]


def test_a_whole_run(main, masks, tmp_path):
    """With report and export, which `training_alone` leaves out of the others."""
    metrics = scores(main, tmp_path, *masks, "--model", "dawn", *SMALL["dawn"])
    assert (tmp_path / metrics["saved_model"] / "saved_model.pb").exists()


@pytest.mark.usefixtures("training_alone")
@pytest.mark.parametrize("name", [name for name in names() if name not in ("dawn", *NO_MASKS)])
def test_networks(name, main, masks, tmp_path):
    small = SMALL.get(name, ["--encoder", "unet", "--width", "2"])
    scores(main, tmp_path, *masks, "--model", name, *small, "--recipe", "cross_entropy")


@pytest.mark.usefixtures("training_alone")
@pytest.mark.parametrize("name", NO_MASKS)
def test_networks_of_classes(name, main, rows, tmp_path):
    small = ["--experts", "2"] if name == "ride" else []
    scores(main, tmp_path, *rows, "--model", name, *small, "--recipe", "cross_entropy")


@pytest.mark.parametrize("name", RIVALS)
def test_rivals_for_rows(name, main, rows, tmp_path):
    main([*rows[:4], "--model", name, "--out", str(tmp_path)])
    assert json.loads((tmp_path / "metrics.json").read_text())["test"]["pr_auc"] > 0.1


@pytest.mark.usefixtures("training_alone")
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name, main, rows, tmp_path):
    scores(main, tmp_path, *rows, "--model", "mlp", "--loss", name)


@pytest.mark.usefixtures("training_alone")
@pytest.mark.parametrize("name", ["lovasz", "hybrid"])
def test_losses_of_masks(name, main, masks, tmp_path):
    small = ["--encoder", "unet", "--width", "2"]
    scores(main, tmp_path, *masks, "--model", "unet", *small, "--loss", name)


@pytest.mark.usefixtures("training_alone")
def test_learned_term_weights(main, masks, tmp_path):
    small = ["--encoder", "unet", "--width", "2", "--loss", "hybrid", "--learned_term_weights"]
    metrics = scores(main, tmp_path, *masks, "--model", "unet", *small)
    (weights,) = metrics["selection"]["term_weights"]
    assert sum(weights.values()) == pytest.approx(1) and weights["w_region"] != 0.48


@pytest.mark.usefixtures("training_alone")
@pytest.mark.parametrize("name", TARGETS)
def test_samplings(name, main, rows, tmp_path):
    scores(main, tmp_path, *plain(rows, "--sampling", name))


@pytest.mark.usefixtures("training_alone")
@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "constant"])
def test_schedules(name, main, rows, tmp_path):
    schedule = ["--schedule", name, "--sampling", "balanced"]
    scores(main, tmp_path, *plain(rows, *schedule, "--loss", "balanced_softmax"))


@pytest.mark.usefixtures("training_alone")
@pytest.mark.parametrize("name", [name for name in OVERSAMPLINGS if name not in ("none", "gan")])
def test_oversamplings(name, main, rows, tmp_path):
    steps = ["--generator_steps", "2"] if name in GENERATORS else []
    scores(main, tmp_path, *plain(rows, "--oversampling", name, *steps))


@pytest.mark.usefixtures("training_alone")
def test_made_images(main, tmp_path):
    small = [
        "--model",
        "classifier",
        "--encoder",
        "unet",
        "--width",
        "2",
        "--loss",
        "cross_entropy",
    ]
    scores(main, tmp_path, *small, "--oversampling", "gan", "--generator_steps", "2")


@pytest.mark.usefixtures("training_alone")
@pytest.mark.parametrize("name", [n for n in MIXINGS if n not in ("none", "copy_paste")])
def test_mixings(name, main, tmp_path):
    small = [
        "--model",
        "classifier",
        "--encoder",
        "unet",
        "--width",
        "2",
        "--loss",
        "cross_entropy",
    ]
    scores(main, tmp_path, *small, "--mixing", name)


@pytest.mark.usefixtures("training_alone")
def test_copy_paste(main, masks, tmp_path):
    small = ["--encoder", "unet", "--width", "2", "--recipe", "cross_entropy"]
    scores(main, tmp_path, *masks, "--model", "unet", *small, "--mixing", "copy_paste")


@pytest.mark.usefixtures("training_alone")
@pytest.mark.parametrize("name", [name for name in METHODS if name != "none"])
def test_second_stages(name, main, rows, tmp_path):
    scores(main, tmp_path, *plain(rows, "--method", name, "--second_epochs", "1"))


@pytest.mark.usefixtures("training_alone")
@pytest.mark.parametrize("name", SCALINGS)
def test_calibrations(name, main, rows, tmp_path):
    scores(main, tmp_path, *plain(rows, "--calibration", name))


@pytest.mark.usefixtures("training_alone")
@pytest.mark.parametrize("name", DECISIONS)
def test_decisions(name, main, rows, tmp_path):
    scores(main, tmp_path, *plain(rows, "--decision", name))


@pytest.mark.usefixtures("training_alone")
@pytest.mark.parametrize("flags", FLAGS, ids=lambda flags: flags[0])
def test_other_flags(flags, main, rows, tmp_path):
    scores(main, tmp_path, *plain(rows, *flags))
