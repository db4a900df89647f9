import json

import pytest

from dawn_tf.evaluation.section import sections
from dawn_tf.evaluation.sources import read_rows


def test_lines_of_a_grid_with_and_without_outputs(write_grid, grid_rows):
    grid_rows[1] = (grid_rows[1][0], None)
    path = write_grid(grid_rows)
    rows = read_rows([path])
    assert [r["cell"] for r in rows] == [row["cell"] for row, _ in grid_rows]
    assert rows[0]["outputs"] == path.with_suffix("") / "lesions-good-seed0.npz"
    assert rows[1]["outputs"] is None


def test_folders_that_differ_in_the_seed_alone_are_one_method(write_run, grid_rows):
    folders = [write_run(f"dawn-seed{i}", *grid_rows[i]) for i in (0, 1)]
    folders.append(write_run("other_run", *grid_rows[3]))
    rows = read_rows(folders)
    assert [(r["dataset"], r["method"], r["seed"]) for r in rows] == [
        ("lesions", "dawn", 0),
        ("lesions", "dawn", 1),
        ("lesions", "other_run", 0),
    ]
    assert rows[0]["history"] == grid_rows[0][0]["history"]
    assert rows[0]["seconds"] == grid_rows[0][0]["seconds"]


def test_a_folder_of_a_grids_run_adds_its_files(write_grid, write_run, grid_rows):
    folder = write_run("there", *grid_rows[4])
    rows = read_rows([write_grid(grid_rows), folder])
    assert len(rows) == len(grid_rows)
    assert [r["cell"] for r in rows if r["folder"] is not None] == ["lesions-as_good-seed1"]


def without(row, part, field):
    return {**row, part: {key: value for key, value in row[part].items() if key != field}}


def test_broken_inputs_are_named(write_grid, write_run, grid_rows, tmp_path):
    (row, arrays), *_ = grid_rows
    with pytest.raises(ValueError, match="Expected run folders.*nowhere, which is not there"):
        read_rows([tmp_path / "nowhere"])
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ValueError, match="a.txt, another file"):
        read_rows([tmp_path / "a.txt"])
    (tmp_path / "begun").mkdir()
    with pytest.raises(ValueError, match="begun without config.json"):
        read_rows([tmp_path / "begun"])
    with pytest.raises(ValueError, match="at least one finished run"):
        read_rows([write_grid([])])
    with pytest.raises(ValueError, match="cell lesions-good-seed0, whose data.test_part is absent"):
        read_rows([write_grid([(without(row, "data", "test_part"), None)])])
    with pytest.raises(ValueError, match="old, whose test.confusion_matrix is"):
        read_rows([write_run("old", without(row, "test", "confusion_matrix"))])
    with pytest.raises(ValueError, match="whose data is absent or of another kind"):
        read_rows([write_grid([({**row, "data": 3}, None)])])
    with pytest.raises(ValueError, match="whose run is"):
        read_rows([write_grid([({**row, "run": None}, None)])])
    with pytest.raises(ValueError, match="whose data.counts is"):
        read_rows([write_grid([({**row, "data": {**row["data"], "counts": [1, 2]}}, None)])])
    (write_run("history", row) / "history.json").write_text("[[3]]")
    with pytest.raises(ValueError, match="list of epochs for each network"):
        read_rows([tmp_path / "history"])
    (tmp_path / "old" / "metrics.json").write_text("[]")
    with pytest.raises(ValueError, match="Expected JSON objects"):
        read_rows([tmp_path / "old"])
    (tmp_path / "cut.jsonl").write_text(json.dumps(row)[:-9])
    with pytest.raises(ValueError, match="line 1"):
        read_rows([tmp_path / "cut.jsonl"])
    path = write_grid([(row, arrays)])
    (path.with_suffix("") / "lesions-good-seed0.npz").write_bytes(b"PK\x03\x04 cut")
    other = {**row, "method": "other", "cell": "other"}
    rows = read_rows([write_grid([(row, None), (other, None)])])
    with pytest.raises(ValueError, match="Expected arrays.*lesions-good-seed0.npz"):
        sections(rows)


def test_twice_the_same_run_or_other_classes_are_refused(write_grid, grid_rows):
    row, arrays = grid_rows[0]
    path = write_grid([(row, arrays)])
    with pytest.raises(ValueError, match="two of lesions, good, 0"):
        read_rows([path, write_grid([(row, arrays)], "again")])
    other = {**row, "seed": 7, "data": {**row["data"], "class_names": ["a", "b", "c"]}}
    with pytest.raises(ValueError, match="same classes.*a, b, c"):
        read_rows([write_grid([(row, arrays), (other, None)])])
