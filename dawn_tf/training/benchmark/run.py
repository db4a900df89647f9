import concurrent.futures
import dataclasses
import pathlib

from dawn_tf.training.benchmark.cell import CellFailed
from dawn_tf.training.benchmark.engines import LocalEngine
from dawn_tf.training.benchmark.grid import read_grid
from dawn_tf.training.benchmark.progress import progress
from dawn_tf.training.benchmark.results import Results, alone
from dawn_tf.training.benchmark.stop import Stop, Stopped
from dawn_tf.training.benchmark.table import print_table, write_markdown
from dawn_tf.training.benchmark.tuning import Trials, tune


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
    tune: int = dataclasses.field(
        default=0, metadata={"help": "trials on validation for every method, before its runs"}
    )
    runs: str = dataclasses.field(default="runs", metadata={"help": "folder of the run folders"})
    results: str = dataclasses.field(
        default="results", metadata={"help": "folder of the results, <grid>.jsonl and <grid>/"}
    )
    keep_models: bool = dataclasses.field(
        default=False, metadata={"help": "run folders with model, SavedModel, figures, report"}
    )


def run_grid(config):
    """Runs what is missing of a grid; returns an exit status.

    With `tune` the grid is first tuned, into `<grid>-tuning.jsonl`, and its results are named
    `<grid>-tuned`.

    0: all cells are there; 1: some failed, which the same command runs again; 128 and the signal's
    number: it was stopped by a signal. Time that is up is no failure.

    Raises:
        ValueError: for a grid or results that can't be read, or results another benchmark writes.
    """
    grid, cells = read_grid(config.grid)
    folder, runs = pathlib.Path(config.results), pathlib.Path(config.runs)
    name = f"{grid}-tuned" if config.tune else grid
    failed = []
    with alone(folder, name), Stop(config.hours) as stop:
        engine = LocalEngine(config.data_dir, config.keep_models, stop, config.jobs)
        results = Results(folder, name)
        try:
            if config.tune:
                trials = Trials(folder / f"{grid}-tuning.jsonl")
                cells = tune(cells, config.tune, trials, engine, runs / f"{grid}-tuning", stop)
            failed = _run_missing(name, cells, results, engine, runs / name)
        except Stopped:
            pass
        print_table(results, cells)
        write_markdown(results, cells)
        for cell, log, lines in failed:
            print(f"{cell.name} failed; the end of {log}:")
            print("".join(f"    {line}\n" for line in lines), end="")
        if failed:
            print(f"{len(failed)} cells failed; the same command runs them again", flush=True)
        if stop:
            print(f"{stop.reason}; the same command goes on from here", flush=True)
        if stop.signal is not None:
            return 128 + stop.signal
        return 1 if failed else 0


def _run_missing(name, cells, results, engine, runs):
    """Runs the cells without a result; returns `(cell, log, last lines)` of those that failed."""
    missing = [cell for cell in cells if not results.has(cell)]
    print(f"{name}: {len(cells) - len(missing)} of {len(cells)} cells are there", flush=True)
    failed = []

    def work(cell):
        folder = runs / f"{cell.name}-{cell.key}"
        try:
            results.add(cell, folder, engine.run(cell, folder))
        except Stopped:
            return
        except CellFailed as error:
            failed.append((cell, folder / "log.txt", error.lines))
            print(f"{cell.name} failed: {error}", flush=True)
            return
        print(progress(results, cell, cells, engine.jobs), flush=True)

    with concurrent.futures.ThreadPoolExecutor(engine.jobs) as pool:
        for future in [pool.submit(engine.guarded, work, cell) for cell in missing]:
            future.result()
    return failed
