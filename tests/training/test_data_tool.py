"""`tools/data.py` as a user calls it."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

from dawn_tf.data import DataSplits
from dawn_tf.data.records import Records
from dawn_tf.training import data_tool
from dawn_tf.training.command_line import parse, run
from dawn_tf.training.data_tool import DataConfig
from dawn_tf.training.options import given_options, option_users, value

spec = importlib.util.spec_from_file_location(
    "tool_data", pathlib.Path(__file__).parents[2] / "tools" / "data.py"
)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)


def part(x, prefix, **changes):
    labels = np.arange(len(x), dtype="int32") % 2
    values = {
        "x": x,
        "y": labels,
        "ids": np.array([f"{prefix}{i}" for i in range(len(x))]),
        "sampling_labels": labels,
        "class_names": ["a", "b"],
        "task": "classification",
    }
    return Records(**{**values, **changes})


def splits(parts, task="classification"):
    parts = dict(zip(("train", "val", "test"), parts, strict=True))
    return DataSplits("made", task, "by hand", ["a", "b"], np.array([2, 2]), parts, ["a note"])


@pytest.fixture
def loaded(monkeypatch):
    """Lets the tool load what a test made, and notes what it asked for."""
    asked = {}

    def use(data):
        def load(name, **arguments):
            asked.update(arguments, name=name)
            return data

        monkeypatch.setattr(data_tool, "load", load)
        return asked

    return use


def images(seed):
    return np.random.default_rng(seed).integers(0, 256, (4, 8, 8, 3), "uint8")


def test_info_as_json_and_as_tables(capsys):
    assert tool.main(["info", "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["parts"]["train"]["classes"]["label"]["0"] == {"count": 122, "share": 122 / 411}
    assert tool.main(["info", "--dataset", "digits"]) == 0
    shown = capsys.readouterr().out
    assert "imbalance ratio 20.3 in train" in shown
    assert all(text in shown for text in ("122", "29.68%", "411", "77.84", "95.91"))


def test_flags_become_arguments_of_load(loaded, capsys):
    asked = loaded(splits([part(images(i), n) for i, n in enumerate("abc")]))
    args = ["--dataset", "x", "--data_dir", "D", "--seed", "3", "--image-size", "9", "--download"]
    tool.main(["check", *args, "--rho", "50", "--profile", "step"])
    assert asked == {
        "name": "x",
        "data_dir": "D",
        "task": None,
        "protocol": None,
        "seed": 3,
        "image_size": (9, 9),
        "download": True,
        "rho": 50,
        "profile": "step",
    }


def test_options_are_those_of_all_data_sets():
    assert {"cifar10_lt", "cifar100_lt", "mnist_imb"} <= set(option_users()["rho"])
    config = parse(DataConfig, ["info", "--rho", "2.5"], "")
    assert config.action == "info" and given_options(config) == {"rho": 2.5}
    assert [value(text) for text in ("3", "0.5", "None", "step")] == [3, 0.5, None, "step"]


def test_check_is_0_when_the_parts_are_apart(loaded, capsys):
    loaded(splits([part(images(i), n) for i, n in enumerate("abc")]))
    assert tool.main(["check"]) == 0
    shown = capsys.readouterr().out
    assert "made, protocol by hand: train 4, val 4, test 4" in shown
    assert "in two parts: no example, group or exact duplicate" in shown


def test_check_is_1_and_names_what_is_in_two_parts(loaded, capsys):
    doubled = images(2)
    doubled[:] = images(0)[1]
    loaded(splits([part(images(0), "a"), part(images(1), "b"), part(doubled, "c")]))
    assert tool.main(["check", "--near", "0"]) == 1
    shown = capsys.readouterr().out
    assert "exact duplicate: 4 of test are in train (c0 = a1, c1 = a1, c2 = a1, c3 = a1)" in shown
    assert "near duplicate: 4 of test" in shown
    assert "same part: train 0, val 0, test 3" in shown
    assert "duplicates with different labels: 1" in shown
    assert tool.main(["check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["in_two_parts"][0]["examples"] == 4


def test_what_cannot_be_loaded_is_exit_code_2(capsys):
    with pytest.raises(SystemExit) as caught:
        run(lambda: tool.main(["info", "--dataset", "nothing"]))
    assert caught.value.code == 2 and "Expected name to be one of" in capsys.readouterr().err


def png_size(path):
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


@pytest.mark.slow
def test_show_draws_a_row_a_class(tmp_path, capsys):
    assert tool.main(["show", "--out", str(tmp_path / "sheet.png")]) == 0
    assert "wrote" in capsys.readouterr().out
    width, height = png_size(tmp_path / "sheet.png")
    assert height > 10 * 130 and width > 10 * 130


def test_show_overlays_masks(loaded, tmp_path):
    masks = np.zeros((4, 8, 8), "uint8")
    masks[:, 2:5, 2:5] = 1
    made = part(images(0), "a", y=masks, task="segmentation")
    loaded(splits([made] * 3, "segmentation"))
    assert tool.main(["show", "--out", str(tmp_path / "sheet.png")]) == 0
    png_size(tmp_path / "sheet.png")


def test_show_draws_the_columns_of_rows(loaded, tmp_path):
    rows = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    loaded(splits([part(rows, "a", feature_names=["u", "v", "w"])] * 3))
    assert tool.main(["show", "--out", str(tmp_path / "columns.png")]) == 0
    png_size(tmp_path / "columns.png")
