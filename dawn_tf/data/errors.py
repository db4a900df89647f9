class DataError(ValueError):
    """Data that is missing, incomplete, corrupt or not what its name promises.

    The message is one line: what was expected, what was received, and how to mend it.
    """


class MissingData(DataError):
    """Files that are not there, so that fetching them may help."""


def missing(name, files, source, data_dir):
    """`MissingData` for files that are not there.

    Args:
        name: Name of the data set.
        files: What was looked for, in words.
        source: Where it is officially published.
        data_dir: The folder looked in, or `None` if none was given.
    """
    return MissingData(
        f"Expected {files} for data set {name!r}. Received: data_dir={_shown(data_dir)}. "
        f"Fetch the files from {source}, put them into one folder and name that folder with "
        "--data-dir (data_dir=) or the environment variable DAWN_DATA_DIR."
    )


def _shown(data_dir):
    return repr(str(data_dir)) if data_dir is not None else "None"
