"""Credit card fraud (ULB): 284,807 transactions of two days, 492 of them frauds.

Read from Kaggle's `creditcard.csv` (or its `creditcardfraud.zip`), or from `creditcard.parquet`
with the same columns.
The 32 inputs of a row: V1..V28 (principal components as published), log(1 + amount in euros),
hours since the first transaction, sine and cosine of the time of day.
Protocols: "stratified", random 70/15/15 by class, which is also what the paper does ("paper");
"time", the first 70 % of the transactions, the next 15 %, the last 15 %.
Option `duplicates`: 1,081 rows repeat an earlier row exactly. "keep" leaves them, as most published
results do, so that a test row may have its double in the training part; "drop" removes them before
the division (283,726 rows, 473 frauds).
Source: [Dal Pozzolo et al., 2015](https://doi.org/10.1109/SSCI.2015.33).
"""

import io

import numpy as np

from dawn_tf.data.archives import locate_file, open_tree
from dawn_tf.data.download import Download
from dawn_tf.data.errors import DataError, missing
from dawn_tf.data.records import Records
from dawn_tf.data.splits import in_order, stratified

TASKS = ("classification",)
PROTOCOLS = ("stratified", "time", "paper")
OPTIONS = {"duplicates": "keep"}
IMAGE_SIZE = None
FILES = "creditcard.csv, creditcardfraud.zip or creditcard.parquet"
PUBLISHED_AT = "https://www.kaggle.com/datasets/mlg-ulb/creditcardfraud"
DOWNLOADS = [
    # Size and MD5: Zenodo's record 7395559, a copy of Kaggle's file (CC BY 4.0).
    Download(
        "https://zenodo.org/records/7395559/files/creditcard.csv?download=1",
        "creditcard.csv",
        size=150_828_752,
        md5="e90efcb83d69faf99fcab8b0255024de",
    )
]

CLASS_NAMES = ["legitimate", "fraud"]
COMPONENTS = [f"V{i}" for i in range(1, 29)]
FEATURE_NAMES = [*COMPONENTS, "log_amount", "hours", "sin_time_of_day", "cos_time_of_day"]
_FOLDERS = (".", "creditcard", "creditcardfraud")
_NAMES = ("creditcard.csv", "creditcard.parquet", "creditcardfraud.zip")
COLUMNS = ["Time", *COMPONENTS, "Amount"]
_COLUMNS = [*COLUMNS, "Class"]


def read(request):
    columns, labels = read_published(request.folder)
    repeats = _repeats(columns)
    rows, note = np.arange(len(labels)), "are kept, so a test row may have its double in training"
    if _drops_duplicates(request):
        rows, note = np.flatnonzero(~repeats), "are dropped"
    return Records(
        x=_features(columns)[rows],
        y=labels[rows],
        ids=np.array([f"row_{i}" for i in rows]),
        sampling_labels=labels[rows],
        class_names=CLASS_NAMES,
        task=request.task,
        feature_names=FEATURE_NAMES,
        notes=(f"{repeats.sum()} rows repeat an earlier row exactly; they {note}.",),
    )


def read_published(folder):
    """The columns as published, float64 by name, and the labels, int32, found in `folder`.

    Raises: `DataError` for files that are missing or hold anything else.
    """
    path = locate_file([folder / name for name in _FOLDERS], *_NAMES)
    if path is None:
        raise missing("creditcard", FILES, PUBLISHED_AT, folder)
    columns = _columns(path, _COLUMNS)
    return columns, _labels(columns["Class"], path)


def read_features(path):
    """Inputs of a CSV or Parquet file with the published columns, "Class" or not: `(N, 32)`.

    Raises: `DataError` as `read` does.
    """
    return _features(_columns(path, COLUMNS))


def split(records, request):
    if request.protocol == "time":
        parts = in_order(records.x[:, FEATURE_NAMES.index("hours")])
    else:
        parts = stratified(records.y, seed=request.seed)
    return dict(zip(("train", "val", "test"), parts, strict=True))


def features(columns, xp=np):
    """Inputs, float64 `(N, 32)`, of the published columns, each `(N,)`.

    `xp` computes them: numpy, or `tensorflow.experimental.numpy` for an exported model.
    """
    time_of_day = 2 * np.pi * columns["Time"] / 86400
    return xp.stack(
        [
            *(columns[name] for name in COMPONENTS),
            xp.log1p(columns["Amount"]),
            columns["Time"] / 3600,
            xp.sin(time_of_day),
            xp.cos(time_of_day),
        ],
        axis=1,
    )


def _features(columns):
    return features(columns).astype("float32")


def _columns(path, names):
    """Float64 array by column name, every number finite."""
    table = _table(path)
    absent = [name for name in names if name not in table.column_names]
    if absent:
        raise DataError(
            f"Expected columns {', '.join(names)}. Received: {str(path)!r} without "
            f"{', '.join(absent)}. Fetch the file from {PUBLISHED_AT}."
        )
    if table.num_rows == 0:
        raise DataError(
            f"Expected rows. Received: {str(path)!r}, empty. Fetch the file from {PUBLISHED_AT}."
        )
    return {name: _numbers(table.column(name), name, path) for name in names}


def _table(path):
    try:
        import pyarrow
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(
            f"Expected pyarrow, which reads {path.name}. Received: an installation without it. "
            "Run `pip install dawn_tf[tabular]`."
        ) from error
    try:
        if path.suffix == ".parquet":
            return pyarrow.parquet.read_table(path)
        return pyarrow.csv.read_csv(_unzipped(path) if path.suffix == ".zip" else path)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            f"Expected a whole table. Received: {str(path)!r}, which cannot be read "
            f"({str(error).splitlines()[0]}). Fetch the file from {PUBLISHED_AT}."
        ) from error


def _unzipped(path):
    tree = open_tree([path])
    if "creditcard.csv" not in tree:
        raise DataError(
            f"Expected creditcard.csv in the archive. Received: {str(path)!r} without it. "
            f"Fetch it from {PUBLISHED_AT}."
        )
    return io.BytesIO(tree["creditcard.csv"])


def _numbers(column, name, path):
    values = column.to_numpy()
    if values.dtype.kind not in "fiu":
        for row, value in enumerate(values.tolist()):
            if not _is_number(value):
                raise _bad_value(value, name, row, path, "a number")
    values = values.astype("float64")
    wrong = np.flatnonzero(~np.isfinite(values) | ((name == "Amount") & (values < 0)))
    if len(wrong):
        raise _bad_value(
            values[wrong[0]], name, wrong[0], path, "a finite number (an amount of at least 0)"
        )
    return values


def _is_number(value):
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _labels(values, path):
    wrong = np.flatnonzero((values != 0) & (values != 1))
    if len(wrong):
        raise _bad_value(values[wrong[0]], "Class", wrong[0], path, "0 or 1")
    return values.astype("int32")


def _bad_value(value, column, row, path, expected):
    return DataError(
        f"Expected {expected}. Received: {value!s} in column {column}, row {row + 1} of "
        f"{str(path)!r} (counted from 1 below the header). Mend or remove that row."
    )


def _repeats(columns):
    """Whether each row equals an earlier one in every column, bool `(N,)`."""
    # Adding 0 turns -0.0 into 0.0: equality is then equality of bytes.
    rows = np.column_stack([columns[name] for name in _COLUMNS]) + 0.0
    seen = set()
    repeats = np.zeros(len(rows), bool)
    for i, row in enumerate(rows):
        content = row.tobytes()
        repeats[i] = content in seen
        seen.add(content)
    return repeats


def _drops_duplicates(request):
    choice = request.options["duplicates"]
    if choice not in ("keep", "drop"):
        raise DataError(
            f"Expected duplicates to be one of keep, drop. Received: duplicates={choice!r}. "
            "Choose one of them."
        )
    return choice == "drop"
