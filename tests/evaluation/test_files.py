import json
import pathlib

import numpy as np
import pytest

from dawn_tf.evaluation import atomic, read_json, save_outputs, write_json


def test_json_has_numpy_values_and_no_nan(tmp_path):
    path = tmp_path / "new" / "metrics.json"
    write_json(
        path,
        {
            "scalar": np.float32(0.5),
            "count": np.int64(3),
            "flag": np.bool_(True),
            "array": np.array([[1.0, np.nan]]),
            "undefined": [float("nan"), float("-inf"), None],
            "pair": (1, "ä"),
            "path": pathlib.PurePosixPath("a/b"),
            3: "int key",
        },
    )
    assert json.loads(path.read_text()) == {
        "scalar": 0.5,
        "count": 3,
        "flag": True,
        "array": [[1.0, None]],
        "undefined": [None, None, None],
        "pair": [1, "ä"],
        "path": "a/b",
        "3": "int key",
    }


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "metrics.json"
    write_json(path, {"old": 1})
    with pytest.raises(TypeError):
        write_json(path, {"new": object()})
    with pytest.raises(KeyboardInterrupt), atomic(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert json.loads(path.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_finished_write_replaces_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("a longer old text")
    with open(path) as reader:
        with atomic(path) as file:
            file.write(b"new")
        assert reader.read() == "a longer old text"  # The file was replaced, not overwritten.
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_outputs_come_back(tmp_path):
    y_true, probabilities = np.arange(3), np.random.default_rng(0).random((3, 2), "float32")
    save_outputs(tmp_path / "test.npz", y_true=y_true, probabilities=probabilities)
    with np.load(tmp_path / "test.npz") as saved:
        np.testing.assert_array_equal(saved["y_true"], y_true)
        np.testing.assert_array_equal(saved["probabilities"], probabilities)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 5000])
def test_what_is_no_json_is_named(content, tmp_path):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ValueError, match="Expected JSON. Received: .*x.json, which holds none"):
        read_json(tmp_path / "x.json")
