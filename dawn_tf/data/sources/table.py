"""Your own table: a CSV, TSV or Parquet file whose rows have a class.

`data_dir` is the file, or a folder that holds no other table. Options of `load`:
- `label`: column with the class, numbers or words; without it the one called label, class, target
  or y, or else the last;
- `drop`: columns to leave out (a list, or names separated by commas);
- `categorical`: columns of numbers that are names, a zip code say; columns of text always are;
- `group`: column (a customer) that protocol "group" keeps in one part;
- `time`: column, numbers or dates, by which protocol "time" puts the latest 15 % into the test
  part and the 15 % before into validation.
`group` and `time` are no inputs, nor is a column without a name. `TableEncoder` turns the others
into numbers by what the training part holds. Protocol "stratified" is a random 70/15/15 by class.
Rows that occur more than once are kept, and counted in `notes`. A table has to fit into memory.
"""

import dataclasses

import numpy as np

from dawn_tf.data.errors import DataError, missing
from dawn_tf.data.records import Records
from dawn_tf.data.splits import in_order, rarest_in_group, stratified, stratified_groups
from dawn_tf.data.table_encoder import TableEncoder, check_numbers
from dawn_tf.data.tables import SUFFIXES, column, num_duplicates, read_table

TASKS = ("classification",)
PROTOCOLS = ("stratified", "time", "group")
IMAGE_SIZE = None
FILES = "one .csv, .tsv or .parquet file, or a folder with one such file,"
PUBLISHED_AT = "where you keep it"
OPTIONS = {"label": None, "drop": (), "categorical": (), "group": None, "time": None}

_LABELS = ("label", "class", "target", "y")


def read(request):
    options = request.options
    path = _path(request.folder)
    categorical = _names(options["categorical"])
    table = read_table(path, words=categorical)
    # A column without a name is the index that pandas writes.
    drop = {"", *_names(options["drop"])}
    _check_columns(table, [*drop - {""}, *categorical])
    names = [name for name in table.column_names if name not in drop]
    label = options["label"] or _label_column(names)
    labels, class_names = _labels(column(table, label), label)
    aside = _aside(request)
    columns = {name: column(table, name) for name in names if name != label}
    for name, values in columns.items():
        if name not in aside and values.dtype != object:
            check_numbers(values, name)
    if not set(columns) - set(aside):
        raise DataError(
            f"Expected a column of inputs. Received: {str(path)!r} with none beside the label "
            f"{label!r} and what is left out. Leave out less."
        )
    rows = np.empty(table.num_rows, [(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        rows[name] = values
    for name in aside:
        _check_complete(column(table, name), name)
    doubles = num_duplicates(table, [*columns, label])
    return Records(
        x=rows,
        y=labels,
        ids=np.array([f"row_{i}" for i in range(len(rows))]),
        sampling_labels=labels,
        class_names=class_names,
        task=request.task,
        groups=rows[options["group"]].astype(str) if options["group"] else None,
        notes=(
            f"The class is column {label!r}.",
            f"{doubles} rows repeat an earlier row exactly; they are kept, so a test row may have "
            "its double in the training part.",
        ),
    )


def split(records, request):
    if request.protocol == "time":
        parts = in_order(records.x[request.options["time"]])
    elif request.protocol == "group":
        classes = rarest_in_group(records.y, records.groups)
        parts = stratified_groups(classes, records.groups, seed=request.seed)
    else:
        parts = stratified(records.y, seed=request.seed)
    return dict(zip(("train", "val", "test"), parts, strict=True))


def finish(parts, request):
    """Rows of numbers, by an encoder that has seen the training part alone."""
    rows = parts["train"].x
    inputs = [name for name in rows.dtype.names if name not in _aside(request)]
    words = [name for name in inputs if rows.dtype[name].kind == "O"]
    numbers = [name for name in inputs if name not in words]
    encoder = TableEncoder.fit(rows, numbers, words)
    return {
        part: dataclasses.replace(
            records,
            x=encoder.transform(records.x),
            feature_names=encoder.feature_names,
            encoder=encoder,
        )
        for part, records in parts.items()
    }


def _path(folder):
    if folder.is_file():
        return folder
    found = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    if len(found) > 1:
        raise DataError(
            f"Expected one table. Received: {', '.join(path.name for path in found)} in "
            f"{str(folder)!r}. Name one of them with --data-dir (data_dir=)."
        )
    if not found:
        raise missing("csv", FILES, PUBLISHED_AT, folder)
    return found[0]


def _names(option):
    return option.split(",") if isinstance(option, str) else list(option)


def _aside(request):
    """Columns that say how to divide the rows, and are no inputs.

    Raises: `DataError` if the protocol does not go with them.
    """
    given = {name: request.options[name] for name in ("group", "time") if request.options[name]}
    if set(given) != {request.protocol} - {"stratified"}:
        raise DataError(
            "Expected option group with protocol 'group', time with 'time', and neither with "
            f"'stratified'. Received: protocol={request.protocol!r} with "
            f"{', '.join(given) or 'neither'}. Choose the protocol that goes with the option."
        )
    return list(given.values())


def _check_columns(table, names):
    for name in names:
        column(table, name)


def _label_column(names):
    called = [name for name in names if name.lower() in _LABELS]
    return called[0] if len(called) == 1 else names[-1]


def _labels(values, name):
    """Class numbers and names."""
    _check_complete(values, name)
    if values.dtype.kind == "f" and np.all(values == np.rint(values)):
        values = values.astype("int64")
    if values.dtype.kind not in "iO":
        raise DataError(
            f"Expected classes as words or whole numbers. Received: {values[0]} in column "
            f"{name!r}. Choose another column (label=)."
        )
    found, labels = np.unique(values, return_inverse=True)
    if not 2 <= len(found) <= max(2, len(values) // 2):
        raise DataError(
            f"Expected two classes or more, each more than once. Received: {len(found)} different "
            f"values in the {len(values)} rows of column {name!r}. Choose another column (label=)."
        )
    return labels.astype("int32"), [str(value) for value in found.tolist()]


def _check_complete(values, name):
    empty = values == None if values.dtype == object else np.isnan(values)  # noqa: E711
    if empty.any():
        raise DataError(
            f"Expected a value in every row of column {name!r}. Received: none in row "
            f"{empty.argmax() + 1} (counted from 1 below the header) and {empty.sum() - 1} more. "
            "Fill or remove these rows."
        )
