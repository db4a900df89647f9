import csv
import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

import dawn_tf
from dawn_tf.models import AveragedNetworks
from dawn_tf.training import TrainConfig
from dawn_tf.training.rerun import FinishedRun, PredictConfig, predict_run


def finished_run(folder, dataset, shape, task, class_names, threshold=None):
    """The files of a run that was never trained, and its model."""
    network = dawn_tf.DAWN(2, shape, task=task, width=4, cross_attention=False)
    model = AveragedNetworks([network])
    folder.mkdir()
    model.save(folder / "model.keras")
    config = dataclasses.asdict(TrainConfig(dataset=dataset).resolved())
    (folder / "config.json").write_text(json.dumps(config))
    metrics = {
        "decision": {"value": threshold},
        "test": {"per_class": dict.fromkeys(class_names, {})},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
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


def test_a_run_of_a_table_rival_is_told_apart(tmp_path):
    (tmp_path / "model.joblib").write_bytes(b"")
    with pytest.raises(ValueError, match="Expected a run of a network"):
        FinishedRun.open(tmp_path)
