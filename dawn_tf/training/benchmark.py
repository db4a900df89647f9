"""A grid of runs: data sets x methods x seeds, one process a run, resumed where it was killed."""

import concurrent.futures
import ctypes
import dataclasses
import hashlib
import itertools
import json
import os
import pathlib
import platform
import runpy
import signal
import statistics
import subprocess
import sys
import threading
import time
import tomllib

import numpy as np
from rich.console import Console
from rich.table import Table

from dawn_tf.evaluation import atomic
from dawn_tf.training.config import TrainConfig

# Fields that a cell sets itself, or that say where and not what.
_OWN = ("seed", "out", "data_dir", "download")
_LIBC = ctypes.CDLL(None)
_COLUMNS = {
    "macro_f1": "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "minority_recall": "minority recall",
    "pr_auc": "PR-AUC",
    "miou": "mIoU",
}


@dataclasses.dataclass(frozen=True)
class BenchmarkConfig:
    """Flags of `tools/benchmark.py`."""

    grid: str = dataclasses.field(metadata={"help": "grid file, .toml or .py; see docs/results.md"})
    data_dir: str | None = dataclasses.field(
        default=None, metadata={"help": "folder with the data; default: $DAWN_DATA_DIR"}
    )
    jobs: int = dataclasses.field(default=1, metadata={"help": "runs side by side"})
    hours: float | None = dataclasses.field(
        default=None, metadata={"help": "stop after so long; the same command goes on later"}
    )
    runs: str = dataclasses.field(default="runs", metadata={"help": "folder of the run folders"})
    results: str = dataclasses.field(
        default="results", metadata={"help": "folder of the results, <grid>.jsonl and <grid>/"}
    )


@dataclasses.dataclass(frozen=True)
class Cell:
    """One run of a grid."""

    dataset: str
    method: str
    seed: int
    flags: dict

    @property
    def name(self):
        return f"{self.dataset}-{self.method}-seed{self.seed}"

    @property
    def key(self):
        """Changes with whatever changes the run."""
        text = json.dumps([self.dataset, self.seed, self.flags], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_grid(path):
    """`(name, cells)` of a grid file.

    A grid has `seeds`, a list; `datasets` and `methods`, tables by name with fields of
    `TrainConfig`; and, if wanted, `common`, fields of all. A data set's name is the data set,
    unless it has a field `dataset`; its `seeds` replace those of the grid. A method with `only`,
    a list of data sets, is for those; its `on`, a table by data set, has fields that it has there.
    These win over the method's other fields, those over its data set's, those over the common
    ones. A `.py` file has it all in a dict `GRID`. The cells come seed by seed, first every data
    set's and method's first.

    Raises:
        ValueError: for a missing part, or a field that `TrainConfig` does not have.
    """
    path = pathlib.Path(path)
    if path.suffix == ".py":
        grid = runpy.run_path(str(path))["GRID"]
    else:
        grid = tomllib.loads(path.read_text())
    absent = [part for part in ("seeds", "datasets", "methods") if not grid.get(part)]
    if absent:
        raise ValueError(
            f"Expected a grid with seeds, datasets and methods. Received: {path} without "
            f"{', '.join(absent)}. See docs/results.md."
        )
    cells = []
    for (dataset, of_data), (method, of_method) in itertools.product(
        grid["datasets"].items(), grid["methods"].items()
    ):
        if dataset not in of_method.get("only", [dataset]):
            continue
        here = of_method.get("on", {}).get(dataset, {})
        flags = {**grid.get("common", {}), **of_data, **of_method, **here}
        flags = {k: v for k, v in flags.items() if k not in ("only", "on", "seeds")}
        flags.setdefault("dataset", dataset)
        seeds = of_data.get("seeds", grid["seeds"])
        cells += [(turn, Cell(dataset, method, seed, flags)) for turn, seed in enumerate(seeds)]
    # By seeds: a benchmark that is stopped early has as many of them for every method.
    cells = [cell for _, cell in sorted(cells, key=lambda one: one[0])]
    known = {field.name for field in dataclasses.fields(TrainConfig)} - set(_OWN)
    strange = sorted({key for cell in cells for key in cell.flags} - known)
    if strange:
        raise ValueError(
            f"Expected fields that tools/train.py has as flags. Received: {', '.join(strange)} in "
            f"{path}. Mend their names."
        )
    return path.stem, cells


def run_grid(config):
    """Runs what is missing of a grid; returns the number of cells that failed."""
    grid, cells = read_grid(config.grid)
    results = Results(pathlib.Path(config.results), grid)
    missing = [cell for cell in cells if not results.has(cell)]
    print(f"{grid}: {len(cells) - len(missing)} of {len(cells)} cells are there", flush=True)
    deadline = None if config.hours is None else time.monotonic() + 3600 * config.hours
    stopped = threading.Event()
    failed = []

    def work(cell):
        if stopped.is_set():
            return
        folder = pathlib.Path(config.runs) / grid / f"{cell.name}-{cell.key}"
        outcome = run_cell(cell, folder, config.data_dir, deadline)
        if outcome is None:
            stopped.set()
            return
        if isinstance(outcome, str):
            failed.append(cell)
            print(f"{cell.name} failed: {outcome}", flush=True)
            return
        results.add(cell, folder, outcome)
        print(results.progress(cell, cells, config.jobs), flush=True)

    with concurrent.futures.ThreadPoolExecutor(config.jobs) as pool:
        for future in [pool.submit(work, cell) for cell in missing]:
            future.result()
    print_table(results, cells)
    if stopped.is_set():
        print("time is up; the same command goes on from here", flush=True)
    return len(failed)


def run_cell(cell, folder, data_dir, deadline):
    """Trains one cell in a process of its own.

    Returns: `{"seconds", "peak_memory_mb"}` of that process, the last line of its errors if it
        failed, `None` if the deadline came first (the run goes on from its last whole epoch).
    """
    command = [sys.executable, str(_train_script()), "--seed", str(cell.seed), "--out", str(folder)]
    command += [part for key, value in cell.flags.items() for part in _flag(key, value)]
    if data_dir:
        command += ["--data_dir", data_dir]
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with open(folder / "log.txt", "a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=_die_with_parent)
        status = usage = None
        while status is None:
            pid, code, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                status = process.returncode = code
            if status is None and deadline is not None and time.monotonic() > deadline:
                process.kill()
                process.wait()
                return None
            if status is None:
                time.sleep(0.2)
    if status:
        lines = (folder / "log.txt").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {os.waitstatus_to_exitcode(status)}"
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "seconds": round(time.monotonic() - started, 1),
        "peak_memory_mb": round(usage.ru_maxrss * unit / 1e6, 1),
    }


def _die_with_parent():
    # A benchmark that is killed must not leave a run behind that writes beside its successor's.
    if sys.platform == "linux":
        _LIBC.prctl(1, signal.SIGKILL)


def _train_script():
    return pathlib.Path(__file__).parents[2] / "tools" / "train.py"


def _flag(key, value):
    if isinstance(value, bool):
        return [f"--{key}" if value else f"--no-{key}"]
    return [f"--{key}", str(value)]


def print_table(results, cells):
    """Prints mean and deviation over the seeds of what is there of a grid, test part."""
    table = Table(title="test part, mean ± deviation over the seeds that are there")
    for column in ("data", "method", "seeds", *_COLUMNS.values()):
        table.add_column(column, justify="left" if column in ("data", "method") else "right")
    groups = {}
    for cell in cells:
        if results.has(cell):
            row = results.lines[cell.name]["test"]
            groups.setdefault((cell.dataset, cell.method), []).append(row)
    for (dataset, method), rows in groups.items():
        values = ([row[key] for row in rows if row.get(key) is not None] for key in _COLUMNS)
        table.add_row(dataset, method, str(len(rows)), *(_mean(of_seeds) for of_seeds in values))
    Console().print(table)


def _mean(values):
    if not values:
        return "-"
    deviation = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{deviation}"


class Results:
    """`<folder>/<grid>.jsonl`, a line a finished cell, and test outputs in `<folder>/<grid>/`.

    A cell counts as finished if its line has the cell's key, so one whose config changed runs
    again and replaces its line.
    """

    def __init__(self, folder, grid):
        self.path = folder / f"{grid}.jsonl"
        self.outputs = folder / grid
        self._lock = threading.Lock()
        self.lines = {}
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                row = json.loads(line)
                self.lines[row["cell"]] = row

    def has(self, cell):
        return self.lines.get(cell.name, {}).get("key") == cell.key

    def add(self, cell, folder, outcome):
        """Takes the scores of a finished run folder."""
        metrics = json.loads((folder / "metrics.json").read_text())
        config = json.loads((folder / "config.json").read_text())
        row = {
            "cell": cell.name,
            "key": cell.key,
            "dataset": cell.dataset,
            "method": cell.method,
            "seed": cell.seed,
            "config": {k: v for k, v in config.items() if k not in ("data_dir", "out")},
            **outcome,
            "machine": f"{os.cpu_count()} CPU cores, {platform.machine()}",
            **{k: metrics[k] for k in ("run", "selection", "decision", "val", "test")},
            "last_epoch": {"test": _headline(metrics["last_epoch"]["test"])},
        }
        with self._lock:
            self.outputs.mkdir(parents=True, exist_ok=True)
            with np.load(folder / "outputs_test.npz") as arrays:
                with atomic(self.outputs / f"{cell.name}.npz") as file:
                    np.savez_compressed(file, **{k: _small(v) for k, v in arrays.items()})
            self.lines[cell.name] = row
            text = "".join(json.dumps(line) + "\n" for line in self.lines.values())
            with atomic(self.path) as file:
                file.write(text.encode())

    def progress(self, cell, cells, jobs):
        """A line about a cell that has just finished and the time that is left."""
        row = self.lines[cell.name]
        done = [one for one in cells if self.has(one)]
        left = [one for one in cells if not self.has(one)]
        seconds = sum(self._expected(one, done) for one in left) / jobs
        score = row["test"]["macro_f1"]
        return (
            f"[{len(done)}/{len(cells)}] {cell.name}: macro-F1 {score:.4f}, "
            f"{row['seconds']:.0f} s; about {_duration(seconds)} left"
        )

    def _expected(self, cell, done):
        """Seconds like those of the finished cells most like it."""
        for alike in (
            lambda one: (one.dataset, one.method) == (cell.dataset, cell.method),
            lambda one: one.dataset == cell.dataset,
            lambda one: True,
        ):
            known = [self.lines[one.name]["seconds"] for one in done if alike(one)]
            if known:
                return statistics.mean(known)
        return 0.0


def _headline(scores):
    return {k: v for k, v in scores.items() if isinstance(v, (int, float))}


def _small(array):
    """Probabilities to half a permille, other arrays as they are."""
    return array.astype("float16") if array.dtype == "float32" else array


def _duration(seconds):
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
