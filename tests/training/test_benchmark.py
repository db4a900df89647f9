import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from dawn_tf.training.benchmark import Cell, Results, read_grid

ROOT = pathlib.Path(__file__).parents[2]
GRID = """
seeds = [0, 1]
common = { epochs = 2, batch_size = 64 }

[datasets.digits]

[datasets.small]
dataset = "digits"
seeds = [7]
epochs = 1

[methods.cross_entropy]
model = "classifier"
recipe = "cross_entropy"
width = 4

[methods.dawn]
only = ["digits"]
width = 4
epochs = 3
on.digits.tau = 0.5
"""


def write(folder, text=GRID, name="tiny.toml"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_grid_is_data_sets_times_methods_times_seeds(tmp_path):
    name, cells = read_grid(write(tmp_path))
    assert name == "tiny"
    # The first seeds of all before the second: a grid stopped early has equal seeds for all.
    assert [cell.name for cell in cells] == [
        "digits-cross_entropy-seed0",
        "digits-dawn-seed0",
        "small-cross_entropy-seed7",
        "digits-cross_entropy-seed1",
        "digits-dawn-seed1",
    ]
    # A method's fields win over its data set's, those over the common ones.
    assert [cell.flags["epochs"] for cell in cells] == [2, 3, 1, 2, 3]
    assert [cell.flags.get("tau") for cell in cells] == [None, 0.5, None, None, 0.5]
    assert all(cell.flags["dataset"] == "digits" for cell in cells)


def test_a_grid_in_python_is_the_same(tmp_path):
    import tomllib

    text = f"GRID = {tomllib.loads(GRID)!r}\n"
    assert read_grid(write(tmp_path, text, "tiny.py")) == read_grid(write(tmp_path))


@pytest.mark.parametrize(
    "text, message",
    [
        ("seeds = [0]", "without datasets, methods"),
        (GRID.replace("width", "breadth"), "Received: breadth in"),
        (GRID.replace("common = {", "common = { seed = 3,"), "Received: seed in"),
    ],
)
def test_unusable_grids_are_refused(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_grid(write(tmp_path, text))


def test_a_cell_whose_config_changed_is_not_there(tmp_path):
    cell = Cell("digits", "dawn", 0, {"epochs": 3})
    line = {"cell": cell.name, "key": cell.key}
    (tmp_path / "g.jsonl").write_text(json.dumps(line) + "\n")
    results = Results(tmp_path, "g")
    assert results.has(cell)
    assert not results.has(Cell("digits", "dawn", 0, {"epochs": 4}))
    assert not results.has(Cell("digits", "dawn", 1, {"epochs": 3}))


def start(grid, folder, *more):
    command = [sys.executable, str(ROOT / "tools" / "benchmark.py"), "--grid", str(grid)]
    command += ["--runs", str(folder / "runs"), "--results", str(folder / "results"), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def scores(folder):
    lines = (folder / "results" / "tiny.jsonl").read_text().splitlines()
    rows = {row["cell"]: row for row in map(json.loads, lines)}
    return {name: (row["val"], row["test"], row["decision"]) for name, row in rows.items()}


@pytest.mark.slow
def test_a_benchmark_killed_twice_ends_with_the_same_table(tmp_path):
    short = GRID.replace("[0, 1]", "[0]").replace("[datasets.small]", "[unused]")
    grid = write(tmp_path, short)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    process = start(grid, whole)
    out, _ = process.communicate(timeout=900)
    assert process.returncode == 0, out
    assert "[2/2]" in out and "0 of 2 cells are there" in out

    for state in ("digits-cross_entropy-seed0-*", "digits-dawn-seed0-*"):
        process = start(grid, broken)
        # Killed within this run, after its first epoch.
        deadline = time.monotonic() + 600
        while not list((broken / "runs" / "tiny").glob(f"{state}/network_0/state.npz")):
            assert time.monotonic() < deadline
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    process = start(grid, broken)
    out, _ = process.communicate(timeout=900)
    assert process.returncode == 0, out
    assert "1 of 2 cells are there" in out
    assert scores(broken) == scores(whole)
    for name in scores(whole):
        ours, theirs = (np.load(f / "results" / "tiny" / f"{name}.npz") for f in (broken, whole))
        for key in theirs.files:
            np.testing.assert_array_equal(ours[key], theirs[key])

    process = start(grid, whole)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0 and "2 of 2 cells are there" in out


@pytest.mark.slow
def test_a_cell_that_fails_is_named_and_the_others_go_on(tmp_path):
    text = GRID.replace("[methods.dawn]", '[methods.dawn]\nmodel = "no_such_network"')
    process = start(write(tmp_path, text), tmp_path, "--hours", "1")
    out, _ = process.communicate(timeout=900)
    assert process.returncode == 1
    assert "digits-dawn-seed0 failed: error: Expected" in out
    assert "digits-cross_entropy-seed0" in scores(tmp_path)
