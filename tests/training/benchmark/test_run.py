import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from dawn_tf.training.benchmark import BenchmarkConfig, Results, engines, run_grid
from dawn_tf.training.benchmark.cell import CellFailed

ROOT = pathlib.Path(__file__).parents[3]
GRID = """
seeds = [0]
common = { epochs = 2, batch_size = 64 }

[datasets.digits]

[methods.cross_entropy]
model = "classifier"
recipe = "cross_entropy"
width = 4

[methods.dawn]
width = 4
epochs = 3
"""


def write(folder, text=GRID):
    path = folder / "tiny.toml"
    path.write_text(text)
    return path


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
    grid = write(tmp_path)
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
    # Libraries may say something first.
    said = iter(process.stdout.readline, "")
    assert any("1 of 2 cells are there" in line for line in said)
    second = start(grid, broken)
    out, _ = second.communicate(timeout=120)
    assert second.returncode == 2 and "error: Expected one benchmark at a time" in out
    os.kill(process.pid, signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM; the same command goes on from here" in out
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
def test_the_error_of_a_run_is_shown(tmp_path):
    text = GRID.split("[methods.cross_entropy]")[0] + '[methods.dawn]\nmodel = "no_such_network"\n'
    process = start(write(tmp_path, text), tmp_path)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "digits-dawn-seed0 failed: error: Expected model to be one of dawn" in out


@pytest.fixture
def fake_runs(monkeypatch, finished_run):
    """Cells that take no time; those in the set it gives fail."""
    failing, ran = set(), []

    def run_cell(cell, folder, data_dir, keep_models, stop):
        ran.append(cell.name)
        if cell.name in failing:
            raise CellFailed(["first line", "last line"])
        finished_run(folder)
        return {"seconds": 60.0}

    monkeypatch.setattr(engines, "run_cell", run_cell)
    return failing, ran


def test_failed_cells_are_listed_and_run_again(fake_runs, tmp_path, capsys):
    failing, ran = fake_runs
    config = BenchmarkConfig(
        str(write(tmp_path)), runs=str(tmp_path / "runs"), results=str(tmp_path / "results")
    )
    failing.add("digits-cross_entropy-seed0")
    assert run_grid(config) == 1
    out = capsys.readouterr().out
    assert "digits-cross_entropy-seed0 failed: last line" in out
    assert "log.txt:\n    first line\n    last line\n1 cells failed; the same command" in out
    failing.clear()
    assert run_grid(config) == 0
    assert ran == ["digits-cross_entropy-seed0", "digits-dawn-seed0", "digits-cross_entropy-seed0"]
    assert run_grid(config) == 0 and len(ran) == 3
    table = (tmp_path / "results" / "tiny.md").read_text()
    assert table.startswith("### digits\n") and "| cross\\_entropy | 1 | 0.500 |" in table

    path = tmp_path / "results" / "tiny.jsonl"
    path.write_text(path.read_text().replace('"test_part"', '"former"'))
    assert run_grid(config) == 0
    assert "tiny.md: Expected the results of a run" in capsys.readouterr().out
    assert (tmp_path / "results" / "tiny.md").read_text() == table


def test_a_disk_that_is_full_ends_the_benchmark(fake_runs, tmp_path, monkeypatch):
    def add(*_):
        raise OSError("full")

    monkeypatch.setattr(Results, "add", add)
    config = BenchmarkConfig(
        str(write(tmp_path)), runs=str(tmp_path / "runs"), results=str(tmp_path / "results")
    )
    with pytest.raises(OSError, match="full"):
        run_grid(config)
    assert len(fake_runs[1]) == 1
