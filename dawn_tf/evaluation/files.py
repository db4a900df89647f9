"""Files that are either the old one or the complete new one, also after a kill."""

import contextlib
import errno
import json
import math
import os
import pathlib

import numpy as np

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def atomic(path, former=None):
    """A binary file to write to that takes the place of `path` when the block ends.

    It is written beside `path`, flushed to the disk and then renamed; if the block raises,
    `path` stays as it was. Missing folders are made.

    Args:
        path: File to write.
        former: Where the file that `path` was goes, if there was one.

    Raises: `OSError` as `room_for` does.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with room_for(path), open(unfinished, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if former is not None and path.exists():
            os.replace(path, former)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def room_for(path):
    """A block that writes `path`; of a full disk it says so and what to do, as an `OSError`."""
    try:
        yield
    except Exception as error:
        # TensorFlow's errors have no number, only this text.
        full = getattr(error, "errno", None) in _NO_ROOM or os.strerror(errno.ENOSPC) in str(error)
        if not full:
            raise
        raise OSError(
            f"Expected room on the disk for {path}. Received: a full one. Make room and run the "
            "same command again; what was there before is kept."
        ) from error


def write_json(path, obj):
    """Writes `obj` as standard JSON, atomically.

    numpy scalars and arrays, tuples and paths become their plain counterparts; NaN and
    infinities, which JSON does not have, become `null`.
    """
    text = json.dumps(to_plain(obj), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic(path) as file:
        file.write(text.encode() + b"\n")


def read_json(path):
    """What is in a JSON file.

    Raises: `ValueError` naming the file that holds no JSON.
    """
    try:
        return json.loads(pathlib.Path(path).read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"Expected JSON. Received: {path}, which holds none ({error}). Put back what was "
            "written there."
        ) from error


def read_lines(path, fields):
    """The objects of a `.jsonl` file, none if there is no file.

    Raises:
        ValueError: naming the first line that is no object with `fields`.
    """
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not all(field in row for field in fields):
            raise ValueError(
                f"Expected a JSON object with {', '.join(fields)} in every line of {path}. "
                f"Received: line {number}, {line[:60]!r}. Remove that line: what it was about "
                "runs again."
            )
        rows.append(row)
    return rows


def write_lines(path, rows):
    """Writes a `.jsonl` file, atomically."""
    with atomic(path) as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows).encode())


def save_outputs(path, **arrays):
    """Writes named arrays to a compressed `.npz`, atomically; read it with `numpy.load`."""
    with atomic(path) as file:
        np.savez_compressed(file, **arrays)


def to_plain(obj):
    if isinstance(obj, dict):
        return {str(key): to_plain(value) for key, value in obj.items()}
    if isinstance(obj, np.ndarray | np.generic):
        return to_plain(obj.tolist())
    if isinstance(obj, list | tuple):
        return [to_plain(value) for value in obj]
    if isinstance(obj, float) and not math.isfinite(obj):
        return None
    if isinstance(obj, pathlib.PurePath):
        return str(obj)
    return obj
