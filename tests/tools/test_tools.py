"""The scripts as a user calls them: flags, errors in one line, and a run that survives a kill."""

import csv
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from dawn_tf.export import verify
from dawn_tf.training import PRESETS, TrainConfig
from dawn_tf.training.command_line import parse, run

ROOT = pathlib.Path(__file__).parents[2]
SMALL = ["--encoder", "unet", "--width", "4", "--epochs", "4", "--ema", "0.8"]


def tool(name):
    spec = importlib.util.spec_from_file_location(f"tool_{name}", ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exit_code(function):
    with pytest.raises(SystemExit) as caught:
        run(function)
    return caught.value.code


def train(out, *args):
    command = [sys.executable, "tools/train.py", *SMALL, "--out", str(out), *args]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process):
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small run on digits, finished."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    finish(train(out))
    return out


def test_flags_become_the_config_and_win_over_the_preset():
    args = ["--preset", "paper", "--epochs", "3", "--no-augment", "--batch-size", "7"]
    config = parse(TrainConfig, args, "", PRESETS)
    assert (config.recipe, config.epochs, config.augment, config.batch_size) == (
        "paper",
        3,
        False,
        7,
    )
    assert (
        parse(TrainConfig, ["--preset", "paper", "--recipe", "dawn"], "", PRESETS).recipe == "dawn"
    )


@pytest.mark.parametrize("name", ["train", "evaluate", "predict", "export", "data"])
def test_help_names_every_flag(name, capsys):
    module = tool(name)
    with pytest.raises(SystemExit) as caught:
        module.main(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert "python tools/" in shown
    if name == "train":
        assert all(f"--{field}" in shown for field in vars(TrainConfig()))


@pytest.mark.parametrize(
    "name, args, message",
    [
        ("train", ["--dataset", "nothing"], "Expected name to be one of"),
        ("train", ["--dataset", "ham10000", "--data_dir", "/none"], "HAM10000"),
        ("train", ["--encoder", "vgg"], "Expected encoder to be one of"),
        ("train", ["--epochs", "0"], "Expected epochs >= 1"),
        ("train", ["--model", "segformer_b3", "--loss", "focal"], "Expected square images"),
        ("train", ["--model", "hrnet_w48", "--loss", "focal", "--encoder", "unet"], "Leave out"),
        ("train", ["--decision", "threshold"], "for two classes only"),
        ("train", ["--task", "segmentation"], "Expected task to be one of classification"),
        ("evaluate", ["--run", "nowhere"], "Expected a finished run"),
        ("export", ["--run", "nowhere"], "Expected a finished run"),
        ("export", ["--run", "nowhere", "--format", "tflite"], "Expected formats among saved_mo"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_exit_code_2(
    name, args, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert exit_code(lambda: tool(name).main(args)) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: Expected") and "Received" in error
    assert "\n" not in error and "Traceback" not in error
    assert message in error
    assert not list(tmp_path.iterdir())  # Nothing half-written.


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda text: text.replace("V7,", "W7,", 1), "without V7"),
        (lambda text: text.replace("\n0,", "\nnoon,", 1), "noon in column Time, row 1"),
        (lambda text: text.replace("\n1,", "\n,", 1), "nan in column Time, row 2"),
        (lambda text: text[:-2] + "7\n", "7.0 in column Class, row 2"),
        (lambda text: text.split("\n")[0] + "\n", "empty"),
    ],
    ids=["missing column", "text", "NaN", "label", "no rows"],
)
def test_a_broken_table_is_one_line_and_exit_code_2(spoil, message, capsys, tmp_path, monkeypatch):
    names = ["Time", *(f"V{i}" for i in range(1, 29)), "Amount", "Class"]
    rows = [[str(t), *["0.5"] * 28, "9.99", str(t)] for t in (0, 1)]
    text = "\n".join(",".join(row) for row in [names, *rows]) + "\n"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "creditcard.csv").write_text(spoil(text))
    monkeypatch.chdir(tmp_path)
    args = ["--dataset", "creditcard", "--data_dir", "data"]
    assert exit_code(lambda: tool("train").main(args)) == 2
    error = capsys.readouterr().err.strip()
    assert message in error and "\n" not in error and "Traceback" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_numbers(finished, tmp_path):
    out = tmp_path / "killed"
    process, state = train(out), out / "network_0" / "state.npz"
    deadline = time.monotonic() + 300
    epochs = 0
    while epochs < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
        if state.exists():
            with np.load(state) as file:
                epochs = len(json.loads(str(file["progress"]))["history"])
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and 2 <= epochs < 4
    assert not (out / "metrics.json").exists()
    output = finish(train(out))
    assert "epoch 1/4" not in output and "epoch 4/4" in output
    for part in ("val", "test", "last_epoch", "selection", "decision"):
        whole, resumed = (json.loads((r / "metrics.json").read_text()) for r in (finished, out))
        assert resumed[part] == whole[part]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_scores(finished, tmp_path):
    first = json.loads((finished / "metrics.json").read_text())
    finish(train(tmp_path / "again"))
    assert json.loads((tmp_path / "again" / "metrics.json").read_text())["test"] == first["test"]


@pytest.mark.slow
def test_scores_only_gives_the_same_scores_and_later_the_model(finished, tmp_path):
    out = tmp_path / "run"
    finish(train(out, "--scores_only"))
    assert not {"model.keras", "saved_models", "figures", "report.html"} & set(os.listdir(out))
    metrics = json.loads((out / "metrics.json").read_text())
    want = json.loads((finished / "metrics.json").read_text())
    assert metrics["test"] == want["test"] and metrics["saved_model"] is None
    finish(train(out))
    assert {"model.keras", "saved_models", "figures", "report.html"} <= set(os.listdir(out))
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["test"] == want["test"] and metrics["saved_model"] == want["saved_model"]


@pytest.mark.slow
def test_a_finished_run_leaves_its_whole_folder(finished):
    metrics = json.loads((finished / "metrics.json").read_text())
    keys = {"accuracy", "macro_f1", "balanced_accuracy", "pr_auc", "minority_recall", "per_class"}
    for part in ("val", "test"):
        assert keys | {"confusion_matrix", "calibration"} <= metrics[part].keys()
    config = json.loads((finished / "config.json").read_text())
    assert config["epochs"] == 4 and config["dataset"] == "digits"
    version = finished / metrics["saved_model"]
    assert verify(version) >= 8 and (version / "saved_model.pb").exists()
    card = json.loads((version / "assets" / "model_card.json").read_text())
    f1 = card["scores"]["macro_f1"]
    assert f1["value"] == pytest.approx(metrics["test"]["macro_f1"]) and f1["low"] < f1["value"]
    assert list((finished / "network_0" / "logs").rglob("events.out.tfevents.*"))
    page = (finished / "report.html").read_text()
    for figure in (finished / "figures").glob("*.png"):
        assert figure.stat().st_size > 5000
    assert page.count("<img") == len(list((finished / "figures").glob("*.png"))) >= 6
    with np.load(finished / "outputs_test.npz") as outputs:
        accuracy = (outputs["probabilities"].argmax(-1) == outputs["y_true"]).mean()
    assert accuracy == pytest.approx(metrics["test"]["accuracy"])


@pytest.mark.slow
def test_ablations_and_rejection_run_to_their_end(tmp_path):
    out = tmp_path / "ablation"
    args = ["--fusion", "concat", "--sampling", "balanced", "--resampling", "rejection"]
    finish(train(out, *args, "--cross_attention", "--epochs", "1", "--l2", "0.0001"))
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["test"]["num_examples"] == 269
    assert not (out / "figures" / "decoder_maps.png").exists()


@pytest.mark.slow
def test_the_same_command_again_trains_nothing_and_another_config_is_refused(finished, capsys):
    before = (finished / "metrics.json").stat().st_mtime_ns
    tool("train").main([*SMALL, "--out", str(finished)])
    assert (finished / "metrics.json").stat().st_mtime_ns == before
    args = [*SMALL, "--out", str(finished), "--seed", "5"]
    assert exit_code(lambda: tool("train").main(args)) == 2
    assert "seed=0 (now 5)" in capsys.readouterr().err


@pytest.mark.slow
def test_evaluate_predict_and_export_agree_with_the_run(finished, tmp_path, monkeypatch):
    from PIL import Image

    from dawn_tf.data import load

    monkeypatch.chdir(tmp_path)
    tool("evaluate").main(["--run", str(finished), "--out", "scores.json"])
    metrics = json.loads((finished / "metrics.json").read_text())
    assert json.loads(pathlib.Path("scores.json").read_text()) == metrics["test"]

    test = load("digits").parts["test"]
    pathlib.Path("images").mkdir()
    for i in range(5):
        Image.fromarray(test.x[i, :, :, 0]).save(f"images/{i}.png")
    tool("predict").main(["--run", str(finished), "--input", "images"])
    rows = list(csv.DictReader(pathlib.Path("predictions.csv").read_text().splitlines()))
    with np.load(finished / "outputs_test.npz") as outputs:
        p = outputs["probabilities"][:5]
    np.testing.assert_allclose(
        [[float(r[f"p_{c}"]) for c in range(10)] for r in rows], p, atol=1e-5
    )
    assert [int(r["class"]) for r in rows] == p.argmax(-1).tolist()

    tool("export").main(["--run", str(finished)])
    assert pathlib.Path("saved_models/digits/1/saved_model.pb").exists()


@pytest.mark.slow
def test_every_format_is_exported_with_what_it_loses(finished, tmp_path, capsys):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("ai_edge_quantizer")
    args = ["--run", str(finished), "--out", str(tmp_path), "--format", "onnx,litert,litert_int8"]
    tool("export").main(args)
    shown = capsys.readouterr().out
    assert shown.count("not in this format: decoding and resizing of image files") == 3
    assert shown.count("kept within 1 point") == 3
    expected = json.loads((finished / "metrics.json").read_text())["val"]
    for name in ("onnx", "litert", "litert_int8"):
        version = tmp_path / f"digits-{name}" / "1"
        assert verify(version) == 4
        card = json.loads((version / "model_card.json").read_text())["format"]
        assert card["examples"] == expected["num_examples"]
        for score in ("macro_f1", "minority_recall"):
            assert card[score]["network"] == pytest.approx(expected[score])
    assert min(card["calibrated_on"].values()) == 6
