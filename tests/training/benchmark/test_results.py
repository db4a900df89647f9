import json

import numpy as np
import pytest

from dawn_tf.training.benchmark import Cell, Results
from dawn_tf.training.benchmark.progress import progress, time_left
from dawn_tf.training.benchmark.results import alone


def test_a_cell_whose_config_changed_is_not_there(tmp_path):
    cell = Cell("digits", "dawn", 0, {"epochs": 3})
    line = {"cell": cell.name, "key": cell.key}
    (tmp_path / "g.jsonl").write_text(json.dumps(line) + "\n")
    results = Results(tmp_path, "g")
    assert results.has(cell)
    assert not results.has(Cell("digits", "dawn", 0, {"epochs": 4}))
    assert not results.has(Cell("digits", "dawn", 1, {"epochs": 3}))


def test_a_finished_run_becomes_a_line_and_a_file(tmp_path, finished_run):
    cell = Cell("digits", "dawn", 0, {"epochs": 3})
    Results(tmp_path, "g").add(cell, finished_run(tmp_path / "run"), {"seconds": 7.0})
    results = Results(tmp_path, "g")
    assert results.has(cell)
    row = results.lines[cell.name]
    assert (
        row["seconds"] == 7.0
        and row["test"]["per_class"]["b"] == {"f1": 0.5, "support": 1}
        and row["config"] == {"epochs": 3}
    )
    assert row["last_epoch"] == {"test": {"macro_f1": 0.5}}
    assert row["history"] == {"loss": [0.6667, 0.5]}
    with np.load(tmp_path / "g" / f"{cell.name}.npz") as arrays:
        assert arrays["probabilities"].dtype == "float16"
        np.testing.assert_array_equal(arrays["probabilities"], 2 * [[0.75, 0.25]])


def test_a_rival_has_no_last_epoch(tmp_path, finished_run):
    results = Results(tmp_path, "g")
    cell = Cell("creditcard", "xgboost", 0, {"model": "xgboost"})
    results.add(cell, finished_run(tmp_path / "run", last_epoch=False), {"seconds": 7.0})
    assert "last_epoch" not in results.lines[cell.name]


@pytest.mark.parametrize("torn", ['{"cell": "digits-da', '{"cell": "digits"}', "[1]", ""])
def test_a_line_that_is_none_of_a_cell_is_named(torn, tmp_path):
    path = tmp_path / "g.jsonl"
    path.write_text(json.dumps({"cell": "a", "key": "b"}) + "\n" + torn + "\n")
    with pytest.raises(ValueError, match=r"cell, key in every line of .*g\.jsonl.*line 2, "):
        Results(tmp_path, "g")


def test_two_benchmarks_do_not_write_the_same_results(tmp_path):
    with alone(tmp_path, "g"):
        with alone(tmp_path, "other"):
            pass
        with pytest.raises(ValueError, match="Expected one benchmark at a time"):
            alone(tmp_path, "g")
    with alone(tmp_path, "g"):
        pass


def test_time_left_goes_by_method_then_data_set_then_all():
    def cell(dataset, method, seed):
        return Cell(dataset, method, seed, {})

    done = [cell("a", "x", 0), cell("a", "x", 1), cell("a", "y", 0)]
    seconds = {"a-x-seed0": 100, "a-x-seed1": 300, "a-y-seed0": 1000}
    lines = {name: {"seconds": value} for name, value in seconds.items()}
    # x as x: 200; z as all of data set a: 1400 / 3.
    left = [cell("a", "x", 2), cell("a", "z", 0)]
    assert time_left(lines, done, left, jobs=1) == "about 11 min left"
    # One of them bounds the rest, however many run side by side.
    assert time_left(lines, done, left, jobs=8) == "about 8 min left"
    text = time_left(lines, done, [*left, cell("b", "x", 0)], jobs=1)
    assert text == "about 19 min left (1 cells guessed from other data sets)"


def test_progress_counts_and_ends(tmp_path, finished_run):
    results = Results(tmp_path, "g")
    cells = [Cell("digits", "dawn", seed, {}) for seed in (0, 1)]
    results.add(cells[0], finished_run(tmp_path / "run0"), {"seconds": 7000.0})
    line = progress(results, cells[0], cells, 1)
    assert line == ("[1/2] digits-dawn-seed0: macro-F1 0.5000, 1 h 57 min; about 1 h 57 min left")
    results.add(cells[1], finished_run(tmp_path / "run1"), {"seconds": 70.0})
    assert progress(results, cells[1], cells, 1) == "[2/2] digits-dawn-seed1: macro-F1 0.5000, 70 s"
