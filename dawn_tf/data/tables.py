"""CSV, TSV and Parquet files to columns."""

import pathlib

import numpy as np

from dawn_tf.data.errors import DataError

SUFFIXES = (".csv", ".tsv", ".parquet")


def read_table(path, words=()):
    """Reads a table whose first line names the columns.

    Args:
        path: File with one of `SUFFIXES`, text in UTF-8.
        words: Columns to read as text, whatever they look like.

    Returns: `pyarrow.Table`. Empty cells and the likes of "NA" are missing values, in text too.

    Raises: `DataError` for a file that is no such table, or has no rows.
    """
    path = pathlib.Path(path)
    arrow = _pyarrow(path)
    try:
        if path.suffix == ".parquet":
            table = arrow.parquet.read_table(path)
            table.validate(full=True)
        else:
            table = arrow.csv.read_csv(
                path,
                # One block: the type of a column follows from all its cells, not the first few.
                arrow.csv.ReadOptions(block_size=min(path.stat().st_size + 1, 2**30)),
                arrow.csv.ParseOptions(delimiter="\t" if path.suffix == ".tsv" else ","),
                arrow.csv.ConvertOptions(
                    strings_can_be_null=True, column_types={name: arrow.string() for name in words}
                ),
            )
        names = table.column_names
    except UnicodeDecodeError as error:
        raise _not_utf8(path, "its first line") from error
    except (arrow.ArrowException, OSError) as error:
        raise DataError(
            f"Expected a whole table. Received: {str(path)!r}, which cannot be read "
            f"({str(error).splitlines()[0]}). Mend that, or fetch the file again."
        ) from error
    for name, kind in zip(names, table.schema.types, strict=True):
        if arrow.types.is_binary(kind):
            raise _not_utf8(path, f"column {name!r}")
    if table.num_rows == 0 or len(set(names)) < max(2, len(names)):
        raise DataError(
            f"Expected rows of two columns or more, with different names. Received: {str(path)!r}, "
            f"{table.num_rows} rows of {', '.join(map(repr, names))}. Separate columns by a comma "
            "(.csv) or a tab (.tsv)."
        )
    return table


def column(table, name):
    """One column as numpy array: float64 with NaN for missing values, or text with `None`.

    True and false become 1 and 0; dates stay dates (datetime64).

    Raises: `DataError` if the column is not there or holds something else.
    """
    arrow = _pyarrow(name)
    if name not in table.column_names:
        raise DataError(
            f"Expected a column {name!r}. Received: a table with {', '.join(table.column_names)}. "
            "Choose one of them."
        )
    values, kind = table.column(name), table.schema.field(name).type
    if arrow.types.is_dictionary(kind):
        values, kind = values.cast(kind.value_type), kind.value_type
    if arrow.types.is_string(kind) or arrow.types.is_large_string(kind):
        # Equal words share one object.
        encoded = values.combine_chunks().dictionary_encode()
        levels = np.array([*encoded.dictionary.to_pylist(), None], object)
        return levels[encoded.indices.fill_null(len(levels) - 1).to_numpy(zero_copy_only=False)]
    if arrow.types.is_date(kind) or arrow.types.is_timestamp(kind):
        return values.to_numpy()
    if arrow.types.is_boolean(kind):
        values = values.cast(arrow.int8())
    elif not (
        arrow.types.is_integer(kind)
        or arrow.types.is_floating(kind)
        or arrow.types.is_decimal(kind)
        or arrow.types.is_null(kind)
    ):
        raise DataError(
            f"Expected numbers, words, true and false, or dates. Received: column {name!r} of "
            f"{kind}. Leave it out (drop={name})."
        )
    return values.cast(arrow.float64(), safe=False).fill_null(np.nan).to_numpy()


def num_duplicates(table, names):
    """How many rows repeat an earlier row in all columns `names`."""
    # By number: a name that begins with a dot would be taken for a path.
    numbers = [str(i) for i in range(len(names))]
    table = table.select(list(names)).rename_columns(numbers)
    return table.num_rows - table.group_by(numbers).aggregate([]).num_rows


def _pyarrow(path):
    try:
        import pyarrow
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(
            f"Expected pyarrow, which reads {path}. Received: an installation without it. "
            "Run `pip install dawn_tf[tabular]`."
        ) from error
    return pyarrow


def _not_utf8(path, what):
    return DataError(
        f"Expected text in UTF-8. Received: {str(path)!r}, in which {what} holds none. "
        "Save it as UTF-8, or leave that column out."
    )
