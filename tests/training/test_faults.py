"""Runs that meet a fault, with real files, and end as one without."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.data import load
from dawn_tf.data.pipeline import training_batches
from dawn_tf.data.sampling import ClassAwareSampler
from dawn_tf.training import TrainConfig, train
from dawn_tf.training.callbacks import EpochEnd
from dawn_tf.training.fit import train_network
from dawn_tf.training.summary import print_summary

pytestmark = pytest.mark.slow

ROWS = np.random.default_rng(0).normal(size=(300, 3))
CONFIG = TrainConfig(dataset="csv", epochs=3, batch_size=32, ema=0.8, width=8)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    lines = [f"{a},{b},{c},{int(a > 0.5)}" for a, b, c in ROWS]
    path.write_text("\n".join(["a,b,c,label", *lines]))
    return load("csv", path)


def fit(table, folder, **changes):
    """Weights of the best and the last epoch, history and best epoch."""
    config = dataclasses.replace(CONFIG, **changes).resolved()
    best, last, history, epoch = train_network(config, table, folder, 7, [1])
    return [np.asarray(v) for v in (*best.variables, *last.variables)], history, epoch


@pytest.fixture(scope="module")
def folder_of_whole(tmp_path_factory):
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def whole(table, folder_of_whole):
    """What a run without faults ends with."""
    return fit(table, folder_of_whole)


def assert_same(run, whole):
    (weights, history, epoch), (expected, *others) = run, whole
    assert [history, epoch] == others
    for value, of_whole in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(value, of_whole)


def test_a_disk_full_in_the_second_epoch_costs_that_epoch(table, whole, small_disk, monkeypatch):
    end = EpochEnd.on_epoch_end

    def full_in_the_second(self, epoch, logs):
        if epoch == 1:
            small_disk.fill()
        end(self, epoch, logs)

    folder = small_disk.folder / "network"
    with monkeypatch.context() as patch:
        patch.setattr(EpochEnd, "on_epoch_end", full_in_the_second)
        with pytest.raises(OSError, match="Expected room on the disk for .*npz.*Make room"):
            fit(table, folder)
    small_disk.free()
    assert len(history_in(folder)) == 1
    assert_same(fit(table, folder), whole)


def history_in(folder):
    with np.load(folder / "state.npz") as state:
        return json.loads(str(state["progress"]))["history"]


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_damaged_state_costs_an_epoch(table, whole, folder_of_whole, tmp_path, capsys):
    shutil.copytree(folder_of_whole, tmp_path / "network")
    damage(tmp_path / "network" / "state.npz")
    assert_same(fit(table, tmp_path / "network"), whole)
    shown = capsys.readouterr()
    assert "WARNING" in shown.err and "state.npz.before" in shown.err
    assert "epoch 2/3" not in shown.out and "epoch 3/3" in shown.out


def test_damaged_best_weights_give_way_to_the_best_before(
    table, whole, folder_of_whole, tmp_path, capsys
):
    shutil.copytree(folder_of_whole, tmp_path / "network")
    damage(tmp_path / "network" / "best.npz")
    weights, history, epoch = fit(table, tmp_path / "network")
    assert "best.npz.before" in capsys.readouterr().err
    assert history == whole[1] and (epoch, whole[2]) == (1, 2)
    with np.load(folder_of_whole / "best.npz.before") as former:
        for i in range(len(former.files) - 1):
            if former[str(i)].dtype == "float32":  # Not a seed.
                np.testing.assert_array_equal(weights[i], former[str(i)])


def test_a_spoiled_batch_stops_the_run_and_leaves_the_good_weights(
    table, whole, tmp_path, monkeypatch
):
    step, steps = 10, 7

    def spoiled_batches(*args, start_step, **kwargs):
        batches = training_batches(*args, start_step=start_step, **kwargs)
        return batches.enumerate(start_step).map(
            lambda number, batch: (tf.where(number == step, np.nan, batch[0]), batch[1])
        )

    with monkeypatch.context() as patch:
        patch.setattr("dawn_tf.training.fit.training_batches", spoiled_batches)
        with pytest.raises(ValueError, match="loss=nan at step 4 of epoch 2") as caught:
            fit(table, tmp_path)
    assert str(tmp_path / "best.npz") in str(caught.value)
    found = json.loads((tmp_path / "not_finite.json").read_text())
    labels = table.parts["train"].sampling_labels
    draws = ClassAwareSampler(labels, seed=7).dataset().skip(step * 32).take(32)
    assert found["indices"] == [int(draw) for draw in draws]
    assert found["ids"] == table.parts["train"].ids[found["indices"]].tolist()
    assert found["epoch"] * steps + found["step"] - steps == step + 1
    assert history_in(tmp_path) == whole[1][:1]
    assert_same(fit(table, tmp_path), whole)


def test_images_bad_from_the_start_and_in_the_middle(tmp_path, monkeypatch, capsys):
    photos = tmp_path / "photos"
    for i in range(60):
        path = photos / "ab"[i % 2] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8, 1)).astype("uint8")
        path.write_bytes(tf.io.encode_png(pixels).numpy())
    (photos / "a" / "00.png").write_bytes(b"no image")
    config = TrainConfig(
        dataset="folder",
        data_dir=str(photos),
        in_memory=False,
        on_bad_input="skip",
        image_size=8,
        encoder="unet",
        width=4,
        epochs=2,
        batch_size=16,
        out=str(tmp_path / "run"),
    )
    with pytest.raises(ValueError, match="'a/00.png', which cannot be decoded"):
        train(dataclasses.replace(config, on_bad_input="raise"))

    names = load("folder", photos, image_size=(8, 8), on_bad_input="skip").parts["train"].ids
    end = EpochEnd.on_epoch_end

    def rots_in_the_first(self, epoch, logs):
        (photos / names[3]).write_bytes(b"")
        end(self, epoch, logs)

    monkeypatch.setattr(EpochEnd, "on_epoch_end", rots_in_the_first)
    metrics = train(config)
    assert metrics["bad_inputs"]["count"] == 2
    left_out = {part: list(metrics["bad_inputs"][part]) for part in ("train", "val", "test")}
    assert names[3] in left_out["train"] and sum(left_out.values(), []).count("a/00.png") == 1
    assert json.loads((tmp_path / "run" / "metrics.json").read_text()) == metrics
    print_summary(config.resolved(), metrics)
    shown = ", ".join(f"{name} (train)" for name in left_out["train"])
    assert f"left out, not decodable: 2: {shown}" in capsys.readouterr().out
