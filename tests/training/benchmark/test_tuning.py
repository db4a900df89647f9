import dataclasses
import json
import math
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from dawn_tf.training import TrainConfig, train
from dawn_tf.training.benchmark import Cell
from dawn_tf.training.benchmark.cell import CellFailed
from dawn_tf.training.benchmark.engines import LocalEngine
from dawn_tf.training.benchmark.search_space import merged, wrong_parts
from dawn_tf.training.benchmark.stop import Stop, Stopped
from dawn_tf.training.benchmark.tuning import Trials, tune
from dawn_tf.training.summary import print_summary

ROOT = pathlib.Path(__file__).parents[3]
GRID = """
seeds = [0]
common = { model = "classifier", epochs = 1, width = 4 }
tune.learning_rate = { low = 1e-4, high = 1e-2, log = true }

[datasets.digits]

[methods.cross_entropy]
recipe = "cross_entropy"

[methods.balanced_softmax]
recipe = "balanced_softmax"
tune.tau = { low = 0.5, high = 2.0 }
"""
SPACE = {
    "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "drw": {"low": 1, "high": 4},
    "loss": {"choices": ["focal", "weighted"]},
}
FLAGS = {"dataset": "digits", "model": "classifier", "drw": 2}
CELLS = [Cell("digits", "a", seed, FLAGS, SPACE) for seed in (5, 6)]
CELLS += [Cell("digits", "b", seed, {**FLAGS, "width": 4}, SPACE) for seed in (5, 6)]
CELLS += [Cell("digits", "forest", 5, {"dataset": "digits"})]


class FakeEngine(LocalEngine):
    """Scores a trial by how near its learning rate is to 0.01; a drw of 4 fails, of 3 has none."""

    def __init__(self, stop, most=math.inf):
        super().__init__(None, False, stop)
        self.ran, self.most = [], most

    def run(self, cell, folder):
        if len(self.ran) >= self.most:
            raise Stopped
        self.ran.append(cell)
        if cell.flags["drw"] == 4:
            raise CellFailed(["diverged"])
        folder.mkdir(parents=True, exist_ok=True)
        score = -abs(math.log10(cell.flags["learning_rate"]) + 2)
        scores = {"macro_f1": None if cell.flags["drw"] == 3 else score}
        (folder / "metrics.json").write_text(json.dumps({"val": scores}))
        return {"seconds": 1.0}


def search(folder, cells=CELLS, count=6, most=math.inf):
    """`(tuned cells, engine, lines)`."""
    engine = FakeEngine(Stop(), most)
    path = folder / "g-tuning.jsonl"
    try:
        tuned = tune(cells, count, Trials(path), engine, folder / "runs", engine.stop)
    except Stopped:
        tuned = None
    lines = path.read_text().splitlines() if path.exists() else []
    return tuned, engine, [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return search(tmp_path_factory.mktemp("whole"))


def test_every_method_gets_as_many_trials_on_its_first_seed_and_none_sees_test(whole):
    _, engine, lines = whole
    assert [(row["study"], row["trial"]) for row in lines] == [
        (study, number) for study in ("digits-a", "digits-b") for number in range(6)
    ]
    assert {cell.seed for cell in engine.ran} == {5}
    assert not any(cell.flags["score_test"] for cell in engine.ran)


def test_trials_lie_in_the_space_and_start_with_the_grids_own(whole):
    _, engine, lines = whole
    assert lines[0]["values"]["drw"] == 2
    assert lines[0]["values"]["learning_rate"] == TrainConfig().resolved().learning_rate
    assert len({row["values"]["learning_rate"] for row in lines}) == 11  # That one twice.
    for row in lines:
        assert 1e-4 <= row["values"]["learning_rate"] <= 1e-1
        assert row["values"]["drw"] in (1, 2, 3, 4)
        assert row["values"]["loss"] in ("focal", "weighted")


def test_the_best_on_validation_is_chosen_for_all_seeds(whole):
    tuned, _, lines = whole
    for method in "ab":
        rows = [row for row in lines if row["study"] == f"digits-{method}"]
        scores = [-math.inf if row["score"] is None else row["score"] for row in rows]
        best = rows[scores.index(max(scores))]
        assert best["values"]["drw"] in (1, 2)
        flags = [cell.flags for cell in tuned if cell.method == method]
        own = next(cell.flags for cell in CELLS if cell.method == method)
        assert flags == [{**own, **best["values"]}] * 2
        assert all(cell.tuned == best["values"] for cell in tuned if cell.method == method)
    assert {row["values"]["drw"] for row in lines if row["score"] is None} == {3, 4}
    untuned = dataclasses.replace(tuned[0], tuned={})
    assert tuned[0].key != untuned.key  # Even where tuning chose what the grid had.
    assert tuned[-1] == CELLS[-1]  # Without a space it stays as it is.


def test_a_search_that_is_stopped_goes_on_as_if_it_had_not_been(whole, tmp_path):
    ran = 0
    for most in (1, 4, 3):
        tuned, engine, _ = search(tmp_path, most=most)
        assert tuned is None and len(engine.ran) == most
        ran += most
    tuned, engine, lines = search(tmp_path)
    assert len(engine.ran) == 12 - ran
    assert tuned == whole[0]
    assert lines == whole[2]


def test_a_changed_space_is_searched_anew_and_more_trials_go_on(whole, tmp_path):
    _, _, lines = search(tmp_path, CELLS[:1], count=2)
    _, engine, more = search(tmp_path, CELLS[:1], count=3)
    assert len(engine.ran) == 1 and more[:2] == lines
    narrower = {**SPACE, "drw": {"low": 1, "high": 2}}
    _, engine, _ = search(tmp_path, [dataclasses.replace(CELLS[0], space=narrower)], count=2)
    assert len(engine.ran) == 2


def test_the_space_of_a_method_wins_and_false_takes_out():
    common = {"learning_rate": {"low": 1, "high": 2}, "drw": {"low": 1, "high": 4}}
    own = {"drw": False, "loss": {"choices": ["focal", "ldam"]}}
    assert merged(common, own) == {
        "learning_rate": {"low": 1, "high": 2},
        "loss": {"choices": ["focal", "ldam"]},
    }


@pytest.mark.parametrize(
    "values",
    [
        3,
        {"low": 1},
        {"low": 2, "high": 1},
        {"low": 0.0, "high": 1.0, "log": True},
        {"low": "a", "high": "b"},
        {"low": 1, "high": 2, "step": 1},
        {"choices": ["one"]},
        {"choices": "ab"},
    ],
)
def test_what_is_no_search_space_is_named(values):
    assert wrong_parts("tune", {"drw": {"low": 1, "high": 4}, "tau": values}) == ["tune.tau"]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["classifier", "logistic_regression"])
def test_a_trial_leaves_nothing_of_the_test_part(model, tmp_path):
    flags = {"model": model, "out": str(tmp_path / "run"), "score_test": False}
    if model == "classifier":
        flags |= {"recipe": "cross_entropy", "width": 4, "epochs": 1}
    else:
        rows = tmp_path / "rows.csv"
        rows.write_text("x,label\n" + "".join(f"{i % 7},{'ab'[i % 2]}\n" for i in range(200)))
        flags |= {"dataset": "csv", "data_dir": str(rows)}
    metrics = train(TrainConfig(**flags))
    assert 0 <= metrics["val"]["macro_f1"] <= 1
    assert "test" not in metrics and "last_epoch" not in metrics
    assert not list((tmp_path / "run").glob("*test*"))
    print_summary(TrainConfig(**flags).resolved(), metrics)
    assert train(TrainConfig(**flags)) == metrics


@pytest.mark.slow
def test_a_tuned_benchmark_that_is_killed_goes_on_and_trains_the_best(tmp_path):
    grid = tmp_path / "tiny.toml"
    grid.write_text(GRID)
    results, runs = tmp_path / "results", tmp_path / "runs"
    trials = results / "tiny-tuning.jsonl"

    def start():
        command = [sys.executable, str(ROOT / "tools" / "benchmark.py"), "--grid", str(grid)]
        command += ["--tune", "2", "--results", str(results), "--runs", str(runs)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, **pipes)

    process = start()
    deadline = time.monotonic() + 600
    while not trials.exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    before = trials.read_text().splitlines()
    assert 1 <= len(before) < 4

    process = start()
    out, _ = process.communicate(timeout=900)
    assert process.returncode == 0, out
    assert f"tuning: {len(before)} of 4 trials are there" in out
    rows = [json.loads(line) for line in trials.read_text().splitlines()]
    assert [row["trial"] for row in rows] == [0, 1, 0, 1]
    assert all(json.loads(line) in rows for line in before)
    assert len(list((runs / "tiny-tuning").iterdir())) == 4
    assert not list((runs / "tiny-tuning").rglob("*test*"))
    lines = (results / "tiny-tuned.jsonl").read_text().splitlines()
    for line in map(json.loads, lines):
        own = [row for row in rows if row["study"] == f"digits-{line['method']}"]
        best = max(own, key=lambda row: row["score"])
        assert line["tuned"] == best["values"]
        assert line["config"]["learning_rate"] == best["values"]["learning_rate"]
        # The run is the trial's, and its test part is scored at last.
        assert line["val"]["macro_f1"] == best["score"]
    assert len(lines) == 2
