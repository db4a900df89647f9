import csv
import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import dawn_tf
from dawn_tf.calibration import correct_prior
from dawn_tf.data.sources import creditcard
from dawn_tf.models import AveragedNetworks
from dawn_tf.training import TrainConfig
from dawn_tf.training.rerun import (
    ExportConfig,
    FinishedRun,
    PredictConfig,
    export_run,
    predict_run,
)
from dawn_tf.training.serving import parse_shares


def finished_run(folder, dataset, shape, task, class_names, threshold=None, features=None):
    """The files of a run that was never trained, and its model."""
    network = dawn_tf.DAWN(2, shape, task=task, width=4, cross_attention=False)
    model = AveragedNetworks([network])
    folder.mkdir()
    model.save(folder / "model.keras")
    config = dataclasses.asdict(TrainConfig(dataset=dataset).resolved())
    (folder / "config.json").write_text(json.dumps(config))
    metrics = {
        "calibration": {"map": "none", "state": None, "prior": [0.9, 0.1]},
        "decision": {"value": threshold},
        "test": {"per_class": dict.fromkeys(class_names, {})},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    about = {"name": dataset, "protocol": "made", "notes": [], "parts": {"test": {}}}
    about["features"] = features
    (folder / "model_card.json").write_text(json.dumps({"data": about}))
    return model


def rows_of(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_masks_are_written_as_class_numbers(tmp_path):
    names = ["skin", "lesion"]
    model = finished_run(tmp_path / "run", "isic2017", (16, 16, 3), "segmentation", names)
    pixels = np.random.default_rng(0).integers(0, 255, (2, 16, 16, 3), dtype="uint8")
    (tmp_path / "images").mkdir()
    Image.fromarray(pixels[0]).save(tmp_path / "images" / "a.png")
    Image.fromarray(pixels[1]).save(tmp_path / "images" / "a.bmp")  # Not the same image as a.png.
    out = tmp_path / "masks.csv"
    predict_run(PredictConfig(str(tmp_path / "run"), str(tmp_path / "images"), str(out)))
    expected = model.predict_on_batch(pixels[::-1].astype("float32")).argmax(-1)
    for row, mask in zip(rows_of(out), expected, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(row["mask"])), mask)
        assert float(row["share_lesion"]) == pytest.approx(mask.mean(), abs=1e-5)


def test_rows_are_read_as_published_and_the_threshold_decides(tmp_path):
    columns = ["Time", *(f"V{i}" for i in range(1, 29)), "Amount"]
    values = np.random.default_rng(0).normal(size=(5, 30))
    values[:, 0], values[:, -1] = [0, 3600, 7200, 86400, 90000], [0, 1, 10, 100, 1000]
    lines = [",".join(columns), *(",".join(map(repr, map(float, row))) for row in values)]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    angle = 2 * np.pi * values[:, 0] / 86400
    inputs = np.column_stack(
        [
            values[:, 1:29],
            np.log1p(values[:, -1]),
            values[:, 0] / 3600,
            np.sin(angle),
            np.cos(angle),
        ]
    )
    names = ["legitimate", "fraud"]
    model = finished_run(tmp_path / "run", "creditcard", (32,), "classification", names, 0.5)
    p = model.predict_on_batch(inputs.astype("float32"))[:, 1]
    threshold = float(np.sort(p)[2:4].mean())  # Two of the five are above.
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    (tmp_path / "run" / "metrics.json").write_text(
        json.dumps({**metrics, "decision": {"value": threshold}})
    )
    out = tmp_path / "out.csv"
    predict_run(PredictConfig(str(tmp_path / "run"), str(tmp_path / "rows.csv"), str(out)))
    rows = rows_of(out)
    np.testing.assert_allclose([float(row["p_fraud"]) for row in rows], p, atol=1e-5)
    assert [row["class"] for row in rows] == [names[int(v >= threshold)] for v in p]


@pytest.mark.parametrize("missing", ["there is nothing", "empty folder"])
def test_nothing_to_predict_is_an_error_and_leaves_no_file(missing, tmp_path):
    finished_run(tmp_path / "run", "isic2017", (16, 16, 3), "segmentation", ["skin", "lesion"])
    images = tmp_path / "images"
    if missing == "empty folder":
        images.mkdir()
    out = tmp_path / "masks.csv"
    with pytest.raises(ValueError, match="Expected (an image|images)"):
        predict_run(PredictConfig(str(tmp_path / "run"), str(images), str(out)))
    assert not out.exists()


def test_export_takes_shares_and_columns_and_verify_finds_what_was_changed(tmp_path, capsys):
    names = ["legitimate", "fraud"]
    model = finished_run(
        tmp_path / "run",
        "creditcard",
        (32,),
        "classification",
        names,
        0.5,
        creditcard.FEATURE_NAMES,
    )
    out = str(tmp_path / "served")
    config = ExportConfig(
        run=str(tmp_path / "run"),
        out=out,
        class_shares="fraud=1, legitimate=99",
        extra_outputs="gate,detail",
        intended_use="To try this out.",
    )
    version = export_run(config)
    values = np.random.default_rng(0).uniform(0, 9, (3, 30)).astype("float32")
    columns = dict(zip(creditcard.COLUMNS, values.T, strict=True))
    signature = tf.saved_model.load(str(version)).signatures["serving_rows"]
    answer = signature(**{name.lower(): tf.constant(v) for name, v in columns.items()})
    rows = creditcard.features({k: v.astype("float64") for k, v in columns.items()})
    expected = correct_prior(model.predict_on_batch(rows.astype("float32")), [0.9, 0.1], [99, 1])
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    assert {"gate", "detail"} <= set(answer) and "global" not in answer
    card = json.loads((version / "assets" / "model_card.json").read_text())
    assert card["class_shares"] == {"legitimate": 99, "fraud": 1}
    assert card["intended_use"] == "To try this out."

    export_run(ExportConfig(verify=str(version)))
    assert "files as they were exported" in capsys.readouterr().out
    (version / "assets" / "class_names.txt").write_text("fraud\nlegitimate\n")
    with pytest.raises(ValueError, match="class_names.txt is changed"):
        export_run(ExportConfig(verify=str(version)))


@pytest.mark.parametrize("text", ["a=1", "a=1,b=x", "a=0,b=0", "a=1,b=-1", "a=1,b=1,c=1"])
def test_class_shares_are_one_of_each_class(text):
    with pytest.raises(ValueError, match="Expected class_shares as"):
        parse_shares(text, ["a", "b"])


def test_export_without_a_run_is_refused():
    with pytest.raises(ValueError, match="Expected --run or --verify"):
        export_run(ExportConfig())


def test_a_run_of_a_table_rival_is_told_apart(tmp_path):
    (tmp_path / "model.skops").write_bytes(b"")
    with pytest.raises(ValueError, match="Expected a run of a network"):
        FinishedRun.open(tmp_path)
