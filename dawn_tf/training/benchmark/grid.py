"""What a grid file asks for: data sets x methods x seeds."""

import dataclasses
import hashlib
import itertools
import json
import pathlib
import runpy
import tomllib

from dawn_tf.training.benchmark.search_space import merged, wrong_parts
from dawn_tf.training.config import TrainConfig

# Fields that a cell sets itself, or that say where and not what.
_OWN = ("seed", "out", "data_dir", "download", "score_test")
_OF_GRID = ("only", "on", "seeds", "tune")


@dataclasses.dataclass(frozen=True)
class Cell:
    """One run of a grid.

    Attributes:
        flags: Fields of `TrainConfig`.
        space: What is tuned, by flag.
        tuned: Flags that tuning chose; they are among `flags` too.
    """

    dataset: str
    method: str
    seed: int
    flags: dict
    space: dict = dataclasses.field(default_factory=dict)
    tuned: dict = dataclasses.field(default_factory=dict)

    @property
    def name(self):
        return f"{self.dataset}-{self.method}-seed{self.seed}"

    @property
    def key(self):
        """Changes with whatever changes the run."""
        parts = [self.dataset, self.seed, self.flags, *([self.tuned] if self.tuned else [])]
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_grid(path):
    """`(name, cells)` of a grid file.

    A grid has `seeds`, a list; `datasets` and `methods`, tables by name with fields of
    `TrainConfig`; and, if wanted, `common`, fields of all. A data set's name is the data set,
    unless it has a field `dataset`; its `seeds` replace those of the grid. A method with `only`,
    a list of data sets, is for those; its `on`, a table by data set, has fields that it has there.
    These win over the method's other fields, those over its data set's, those over the common
    ones. The grid's `tune`, and a method's own, which wins, is what `--tune` searches. A `.py` file
    has it all in a dict `GRID`. The cells come seed by seed, first every data set's and method's
    first.

    Raises:
        ValueError: for a file that is no grid, a missing part, or a field that `TrainConfig` does
            not have.
    """
    path = pathlib.Path(path)
    if path.suffix == ".py":
        grid = runpy.run_path(str(path))["GRID"]
    else:
        grid = _toml(path)
    absent = [part for part in ("seeds", "datasets", "methods") if not grid.get(part)]
    if absent:
        raise ValueError(
            f"Expected a grid with seeds, datasets and methods. Received: {path} without "
            f"{', '.join(absent)}. See docs/results.md."
        )
    _check_kinds(grid, path)
    cells = []
    for (dataset, of_data), (method, of_method) in itertools.product(
        grid["datasets"].items(), grid["methods"].items()
    ):
        if dataset not in of_method.get("only", [dataset]):
            continue
        here = of_method.get("on", {}).get(dataset, {})
        fields = {**grid.get("common", {}), **of_data, **of_method, **here}
        flags = {k: v for k, v in fields.items() if k not in _OF_GRID}
        flags.setdefault("dataset", dataset)
        space = merged(*(table.get("tune", {}) for table in (grid, of_method, here)))
        for turn, seed in enumerate(of_data.get("seeds", grid["seeds"])):
            cells.append((turn, Cell(dataset, method, seed, flags, space)))
    # By seeds: a benchmark that is stopped early has as many of them for every method.
    cells = [cell for _, cell in sorted(cells, key=lambda one: one[0])]
    known = {field.name for field in dataclasses.fields(TrainConfig)} - set(_OWN)
    strange = sorted({key for cell in cells for key in (*cell.flags, *cell.space)} - known)
    if strange:
        raise ValueError(
            f"Expected fields that tools/train.py has as flags. Received: {', '.join(strange)} in "
            f"{path}. Mend their names."
        )
    return path.stem, cells


def _toml(path):
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"Expected a grid in TOML. Received: {path}, which is none ({error}). Mend that line."
        ) from error


def _check_kinds(grid, path):
    """Raises `ValueError` unless lists are lists, tables tables and fields plain values."""
    wrong = [] if _is_list(grid["seeds"], int) else ["seeds"]
    wrong += _wrong_fields("common", grid.get("common", {}))
    wrong += wrong_parts("tune", grid.get("tune", {}))
    for part in ("datasets", "methods"):
        tables = grid[part] if isinstance(grid[part], dict) else {"": None}
        for name, table in tables.items():
            wrong += _wrong_fields(f"{part}.{name}", table)
    if wrong:
        raise ValueError(
            "Expected lists of whole numbers as seeds, of names as only, ranges (low, high) or "
            "choices as tune, tables, and fields with one value each. "
            f"Received: another {', '.join(wrong)} in {path}. See docs/results.md."
        )


def _wrong_fields(name, table):
    """Names of what is not of its kind in a table of fields."""
    if not isinstance(table, dict):
        return [name]
    wrong = []
    for key, value in table.items():
        if key == "on" and isinstance(value, dict):
            for dataset, here in value.items():
                wrong += _wrong_fields(f"{name}.on.{dataset}", here)
        elif key == "tune":
            wrong += wrong_parts(f"{name}.tune", value)
        elif key in ("seeds", "only"):
            wrong += [] if _is_list(value, int if key == "seeds" else str) else [f"{name}.{key}"]
        elif type(value) not in (str, int, float, bool):
            wrong.append(f"{name}.{key}")
    return wrong


def _is_list(value, kind):
    return isinstance(value, list) and all(type(item) is kind for item in value)
