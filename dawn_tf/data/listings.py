"""Small texts that come with a data set: lists, and tables of what is in which file."""

import csv
import io

from dawn_tf.data.errors import DataError


def decode_text(content, name):
    """The text of a file's bytes, without a byte order mark.

    Raises: `DataError` naming the file that is not in UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"Expected a text in UTF-8. Received: {name!r}, which is none. Save it as UTF-8."
        ) from error


def read_listing(content, name):
    """`(columns, rows)` of a CSV file's bytes; a row is a dict of texts, `None` beyond its end.

    Raises: `DataError` naming the file that is no CSV.
    """
    reader = csv.DictReader(
        io.StringIO(decode_text(content, name), newline=""), skipinitialspace=True
    )
    try:
        return set(reader.fieldnames or ()), list(reader)
    except csv.Error as error:
        raise DataError(
            f"Expected a table in CSV. Received: {name!r}, which is none ({error}). Fetch this "
            "file again."
        ) from error
