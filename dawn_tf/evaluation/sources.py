"""Results as rows, one dict a run: of run folders, of the lines of a grid, or of both."""

import json
import os
import pathlib
import re

from dawn_tf.evaluation.files import read_json, read_lines
from dawn_tf.evaluation.row_form import check_row

# Fields of a config that don't make a run of another method.
_INCIDENTAL = ("data_dir", "download", "in_memory", "on_bad_input", "out", "scores_only", "seed")
_OF_LINE = ("cell", "dataset", "method", "seed", "config", "run", "data", "test")


def read_rows(paths):
    """The runs in `paths`, run folders or `results/<grid>.jsonl`.

    A folder that holds the run of a line adds its files to that line. Other folders are of one
    method if their configs differ in nothing but the seed; it is called after what their names
    have in common.

    Returns: list of dicts with the fields of a grid's line ("history" and "sampling" may be
        `None`), "outputs", the path of the test part's arrays, and "folder", that of the run;
        `None` where there is none.

    Raises:
        ValueError: for what is neither, for a file that is broken or lacks a field, and for two
            runs of one data set, method and seed.
    """
    grids, folders = [], []
    for path in map(pathlib.Path, paths):
        if path.is_dir():
            folders.append(_of_folder(path))
        elif path.suffix == ".jsonl" and path.exists():
            grids += _of_grid(path)
        else:
            raise ValueError(
                "Expected run folders and results/<grid>.jsonl. Received: "
                f"{path}, {'another file' if path.exists() else 'which is not there'}. "
                "tools/train.py makes the first, tools/benchmark.py the second."
            )
    rows = grids + _named(_joined(grids, folders))
    if not rows:
        raise ValueError(
            f"Expected at least one finished run. Received: {', '.join(map(str, paths))} without "
            "one. Wait for the first cell."
        )
    _check_distinct(rows)
    return rows


def _of_grid(path):
    rows = read_lines(path, _OF_LINE)
    for row in rows:
        check_row(row, f"{path}, cell {row['cell']}")
        row["outputs"] = _existing(path.with_suffix("") / f"{row['cell']}.npz")
        row["folder"] = None
    return rows


def _of_folder(folder):
    for name in ("config.json", "metrics.json"):
        if not (folder / name).exists():
            raise ValueError(
                f"Expected a finished run, with config.json and metrics.json. Received: {folder} "
                f"without {name}. Train it to its end with tools/train.py --out {folder}."
            )
    config, metrics = read_json(folder / "config.json"), read_json(folder / "metrics.json")
    if not isinstance(config, dict) or not isinstance(metrics, dict):
        raise ValueError(
            f"Expected JSON objects. Received: {folder} with others in config.json or "
            "metrics.json. Put back what was written there."
        )
    name, seconds = _of(metrics, "data", "name"), _of(metrics, "run", "seconds_this_process")
    row = {
        "dataset": name,
        "method": folder.name,  # Until all folders are known.
        "seed": config.get("seed"),
        "config": config,
        **{key: value for key, value in metrics.items() if key not in ("dataset", "method")},
        "seconds": seconds,
        "history": _curves(folder / "history.json"),
    }
    check_row(row, folder)
    return {**row, "folder": folder, "outputs": _existing(folder / "outputs_test.npz")}


def _existing(path):
    try:
        return path if path.exists() else None
    except OSError:  # A name that no file can have.
        return None


def _of(metrics, part, name):
    return metrics[part].get(name) if isinstance(metrics.get(part), dict) else None


def _curves(path):
    """What the first network logged, by name; `None` without a file."""
    if not path.exists():
        return None
    histories = read_json(path)
    try:
        epochs = histories[0] if histories else []
        names = [name for name in epochs[0] if name != "epoch"] if epochs else []
        return {name: [epoch[name] for epoch in epochs] for name in names}
    except (TypeError, KeyError, IndexError) as error:
        raise ValueError(
            f"Expected a list of epochs for each network. Received: {path} with something else. "
            "Put back what was written there, or remove it."
        ) from error


def _joined(grids, folders):
    """Folders that are none of a grid's run; the others' files go to their lines."""
    lines = {(_recipe(row), row["seed"]): row for row in grids}
    alone = []
    for row in folders:
        line = lines.get((_recipe(row), row["seed"]))
        if line is None:
            alone.append(row)
        else:
            line["folder"] = row["folder"]
            line["outputs"] = row["outputs"] or line["outputs"]
    return alone


def _recipe(row):
    config = {k: v for k, v in row["config"].items() if k not in _INCIDENTAL}
    return json.dumps(config, sort_keys=True)


def _named(rows):
    groups = {}
    for row in rows:
        groups.setdefault(_recipe(row), []).append(row)
    names = {recipe: _common_name([row["folder"] for row in of]) for recipe, of in groups.items()}
    for recipe, of_recipe in groups.items():
        name = names[recipe]
        if list(names.values()).count(name) > 1:
            name = str(of_recipe[0]["folder"])
        for row in of_recipe:
            row["method"] = name
    return rows


def _common_name(folders):
    names = [folder.resolve().name for folder in folders]
    common = os.path.commonprefix(names) if len(names) > 1 else names[0]
    return re.sub(r"[-_. ]*(seed\d*)?[-_. ]*$", "", common) or names[0]


def _check_distinct(rows):
    seen = {}
    for row in rows:
        key = row["dataset"], row["method"], row["seed"]
        if key in seen:
            raise ValueError(
                "Expected one run for each data set, method and seed. Received: two of "
                f"{', '.join(map(str, key))}. Leave one out."
            )
        seen[key] = row
        first = next(one for one in rows if one["dataset"] == row["dataset"])
        if row["data"]["class_names"] != first["data"]["class_names"]:
            raise ValueError(
                f"Expected runs on {row['dataset']} to have the same classes. Received: "
                f"{', '.join(first['data']['class_names'])} and "
                f"{', '.join(row['data']['class_names'])}. Give them a report each."
            )
