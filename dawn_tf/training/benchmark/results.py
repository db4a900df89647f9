import threading

import filelock
import numpy as np

from dawn_tf.evaluation import atomic, read_json, read_lines, write_lines

_OF_METRICS = ("run", "data", "selection", "decision", "sampling", "val", "test")


class Results:
    """`<folder>/<grid>.jsonl`, a line a finished cell, and test outputs in `<folder>/<grid>/`.

    A cell counts as finished if its line has the cell's key, so one whose config changed runs
    again and replaces its line.

    Raises:
        ValueError: for a line that is none of a cell.
    """

    def __init__(self, folder, grid):
        self.path = folder / f"{grid}.jsonl"
        self.outputs = folder / grid
        self._lock = threading.Lock()
        self.lines = {row["cell"]: row for row in read_lines(self.path, ("cell", "key"))}

    def has(self, cell):
        return self.lines.get(cell.name, {}).get("key") == cell.key

    def add(self, cell, folder, outcome):
        """Takes the scores of a finished run folder."""
        metrics, config = (read_json(folder / f"{name}.json") for name in ("metrics", "config"))
        row = {
            "cell": cell.name,
            "key": cell.key,
            "dataset": cell.dataset,
            "method": cell.method,
            "seed": cell.seed,
            **({"tuned": cell.tuned} if cell.tuned else {}),
            "config": {k: v for k, v in config.items() if k not in ("data_dir", "out")},
            **outcome,
            **{k: metrics[k] for k in _OF_METRICS},
        }
        if (folder / "history.json").exists():
            row["history"] = _curves(read_json(folder / "history.json"))
        if "last_epoch" in metrics:
            row["last_epoch"] = {"test": _headline(metrics["last_epoch"]["test"])}
        with self._lock:
            self.outputs.mkdir(parents=True, exist_ok=True)
            with np.load(folder / "outputs_test.npz") as arrays:
                with atomic(self.outputs / f"{cell.name}.npz") as file:
                    np.savez_compressed(file, **{k: _small(v) for k, v in arrays.items()})
            self.lines[cell.name] = row
            write_lines(self.path, self.lines.values())


def alone(folder, grid):
    """A context in which no other benchmark writes these results.

    Raises:
        ValueError: if another one does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / f".{grid}.lock", timeout=0)
    try:
        return lock.acquire()
    except filelock.Timeout:
        raise ValueError(
            f"Expected one benchmark at a time to write {folder / grid}.jsonl. Received: a second "
            "one. Wait for the first to end, or give this one other --results."
        ) from None


def _headline(scores):
    return {k: v for k, v in scores.items() if isinstance(v, (int, float))}


def _curves(histories):
    """What the first network logged, by name, to four digits."""
    names = [name for name in histories[0][0] if name != "epoch"] if histories else []
    return {name: [float(f"{row[name]:.4g}") for row in histories[0]] for name in names}


def _small(array):
    """Probabilities to half a permille, other arrays as they are."""
    return array.astype("float16") if array.dtype == "float32" else array
