"""Equal budgets: as many tuning trials on validation for every method of a grid.

The trials are the only state: the next one is asked of a fresh Optuna study that is told all before
it, with a seed of its own, so a search that was stopped goes on as if it had not been.
"""

import concurrent.futures
import dataclasses
import hashlib
import json
import threading
import zlib

from dawn_tf.evaluation import read_json, read_lines, write_lines
from dawn_tf.training.benchmark.cell import CellFailed
from dawn_tf.training.benchmark.progress import duration
from dawn_tf.training.benchmark.search_space import contains
from dawn_tf.training.benchmark.stop import Stopped
from dawn_tf.training.config import TrainConfig


class Trials:
    """`<grid>-tuning.jsonl`: a line a trial, with what was tried and its validation score.

    Trials are of a study, which is a method on a data set with its first seed; they count while
    the study's `key` is that of its flags and its search space.
    """

    def __init__(self, path):
        self.path = path
        self._lock = threading.Lock()
        fields = ("study", "key", "trial", "values", "score")
        self._rows = {(row["study"], row["trial"]): row for row in read_lines(path, fields)}

    def of(self, study, count):
        """The first trials of a study, in order, as many as there are without a gap."""
        rows = []
        for number in range(count):
            row = self._rows.get((study.name, number), {})
            if row.get("key") != study.key:
                break
            rows.append(row)
        return rows

    def add(self, study, number, values, **outcome):
        with self._lock:
            self._rows[study.name, number] = {
                "study": study.name,
                "key": study.key,
                "trial": number,
                "seed": study.cell.seed,
                "monitor": study.monitor,
                "values": values,
                **outcome,
            }
            write_lines(self.path, [self._rows[key] for key in sorted(self._rows)])


@dataclasses.dataclass(frozen=True)
class Study:
    """What is tuned at once: one method on one data set."""

    cell: object

    @property
    def name(self):
        return f"{self.cell.dataset}-{self.cell.method}"

    @property
    def key(self):
        text = json.dumps([self.cell.key, self.cell.space], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def monitor(self):
        return self._resolved.monitor

    @property
    def _resolved(self):
        return TrainConfig(**self.cell.flags).resolved()

    def trial(self, number, values):
        """The cell of a trial."""
        flags = {**self.cell.flags, **values, "score_test": False}
        name = f"{self.cell.method}-trial{number}"
        return dataclasses.replace(self.cell, method=name, flags=flags)

    def ask(self, told):
        """Values of the next trial; the first has those that the grid itself gives."""
        optuna = _optuna()
        sampler = optuna.samplers.TPESampler(seed=zlib.crc32(f"{self.name} {len(told)}".encode()))
        study = optuna.create_study(direction="maximize", sampler=sampler)
        distributions = {name: _distribution(values) for name, values in self.cell.space.items()}
        for row in told:
            failed = row["score"] is None
            state = optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE
            study.add_trial(
                optuna.trial.create_trial(
                    state=state,
                    value=row["score"],
                    params=row["values"],
                    distributions=distributions,
                )
            )
        if not told:
            own = {name: getattr(self._resolved, name) for name in self.cell.space}
            fitting = {k: v for k, v in own.items() if contains(self.cell.space[k], v)}
            study.enqueue_trial(fitting)
        return study.ask(distributions).params


def tune(cells, count, trials, engine, folder, stop):
    """Runs what is missing of `count` trials a study; returns the cells with the values chosen.

    The best validation score by the run's own `monitor` chooses; trials that fail count. A method
    without a search space stays as the grid has it, and so does one of which every trial failed.

    Args:
        cells: Of a grid, each with its `space`.
        count: Trials a study.
        trials: `Trials`.
        engine: What runs a cell; see `LocalEngine`.
        folder: Of the trials' run folders.
        stop: `Stop`.

    Raises:
        Stopped: if it was stopped before the end.
    """
    firsts = {(cell.dataset, cell.method): cell for cell in reversed(cells)}
    studies = [Study(cell) for cell in firsts.values() if cell.space]
    untuned = sorted({cell.method for cell in firsts.values() if not cell.space})
    if untuned:
        print(f"nothing to tune: {', '.join(untuned)}", flush=True)
    there = sum(len(trials.of(study, count)) for study in studies)
    print(f"tuning: {there} of {len(studies) * count} trials are there", flush=True)

    def work(study):
        while len(told := trials.of(study, count)) < count and not stop:
            _run_trial(study, told, trials, engine, folder)

    with concurrent.futures.ThreadPoolExecutor(engine.jobs) as pool:
        for future in [pool.submit(engine.guarded, work, study) for study in studies]:
            future.result()
    if stop:
        raise Stopped
    chosen = {study.name: _best(trials.of(study, count)) for study in studies}
    return [_with_values(cell, chosen.get(Study(cell).name, {})) for cell in cells]


def _run_trial(study, told, trials, engine, folder):
    number, values = len(told), study.ask(told)
    cell = study.trial(number, values)
    run = folder / f"{cell.name}-{cell.key}"
    try:
        outcome = engine.run(cell, run)
        score = read_json(run / "metrics.json")["val"].get(study.monitor)
        if score is None:
            raise CellFailed([f"validation has no {study.monitor}, for want of a class"])
    except CellFailed as error:
        trials.add(study, number, values, score=None, error=str(error))
        print(f"{cell.name} failed: {error}", flush=True)
        return
    trials.add(study, number, values, score=score, **outcome)
    print(
        f"{cell.name}: validation {study.monitor} {score:.4f}, {duration(outcome['seconds'])}; "
        + ", ".join(f"{name} {value}" for name, value in values.items()),
        flush=True,
    )


def _best(rows):
    finished = [row for row in rows if row["score"] is not None]
    return max(finished, key=lambda row: row["score"])["values"] if finished else {}


def _with_values(cell, values):
    return dataclasses.replace(cell, flags={**cell.flags, **values}, tuned=values)


def _distribution(values):
    distributions = _optuna().distributions
    if "choices" in values:
        return distributions.CategoricalDistribution(values["choices"])
    whole = type(values["low"]) is type(values["high"]) is int
    kind = distributions.IntDistribution if whole else distributions.FloatDistribution
    return kind(**values)


def _optuna():
    try:
        import optuna
    except ImportError as error:
        raise ValueError(
            "Expected Optuna for --tune. Received: none. Install it: pip install 'dawn_tf[tune]'."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
