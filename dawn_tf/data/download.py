"""Fetches the published files of a data set: resumed, verified, by one process at a time."""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import time
import urllib.parse

import requests
import urllib3
from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from dawn_tf.data.errors import DataError

BACKOFF = (1, 2, 4, 8)  # Seconds to wait after each failure in a row.
_CHUNK = 2**15
_ENOUGH = 2**20  # Bytes after which a failure is no longer "in a row" with the one before.
_PASSING = {408, 425, 429, 500, 502, 503, 504}


@dataclasses.dataclass(frozen=True)
class Download:
    """One published file.

    Attributes:
        url: http or https.
        file: Name under which it is kept; whatever the server calls it.
        size: Bytes.
        md5, sha256: Its checksum in hexadecimal digits; one of them.

    Raises: `ValueError` for another scheme, a path as name, and for no checksum or two.
    """

    url: str
    file: str
    size: int
    md5: str | None = None
    sha256: str | None = None

    def __post_init__(self):
        if urllib.parse.urlsplit(self.url).scheme not in ("http", "https"):
            raise ValueError(
                f"Expected an http or https address. Received: url={self.url!r}. "
                "Put a file of your own into the data folder by hand."
            )
        if not re.fullmatch(r"\w[\w.+-]*", self.file):
            raise ValueError(
                f"Expected the plain name of a file. Received: file={self.file!r}. "
                "Leave its folder out."
            )
        if (self.md5 is None) == (self.sha256 is None):
            raise ValueError(
                f"Expected either md5 or sha256. Received: md5={self.md5}, sha256={self.sha256}. "
                "Give the one that is published."
            )

    @property
    def checksum(self):
        """`(algorithm, digits)`."""
        return ("sha256", self.sha256) if self.sha256 else ("md5", self.md5)


def fetch(downloads, folder, progress=True, timeout=30.0):
    """Files of a data set, fetched into a folder where they are not there yet.

    A file grows as `<file>.part` and gets its name once it is whole and its checksum is right, so
    a file under its own name is never a half one. After a kill the same call goes on where it
    stopped, if the server can; a part that belongs to another version of the file is dropped.
    Passing faults (no answer, a stall, a cut, "try later") are tried again, with growing pauses;
    five in a row without progress end the call. A second process waits for the first and then
    finds the files there. Files already there are left alone.

    Args:
        downloads: List of `Download`, fetched in that order.
        folder: Made if it is missing.
        progress: Whether to show a bar on a terminal (a line a file elsewhere), on stderr.
        timeout: Seconds without a byte after which the server counts as stalled.

    Returns: list of paths.

    Raises: `DataError` for a server that refuses, does not answer or sends another file, and for
        a disk that is too small.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _check_space(downloads, folder)
    console = Console(stderr=True, highlight=False, soft_wrap=True, quiet=not progress)
    columns = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        *columns,
        console=console,
        disable=not (progress and console.is_terminal),
        expand=True,
    )
    with bar, requests.Session() as session:
        return [_fetch_one(download, folder, session, bar, timeout) for download in downloads]


def _fetch_one(download, folder, session, bar, timeout):
    path = folder / download.file
    if path.exists():
        return path
    with _locked(folder / f".{download.file}.lock", bar.console):
        if path.exists():
            return path
        part = folder / f"{download.file}.part"
        if bar.disable:
            mebibytes = f"{download.size / 2**20:,.1f} MiB"
            bar.console.print(f"fetching {download.file} ({mebibytes}) from {download.url}")
        task = bar.add_task(download.file, total=download.size)
        _complete(download, part, session, lambda n: bar.update(task, completed=n), timeout)
        _verify(download, part)
        os.replace(part, path)
    return path


@contextlib.contextmanager
def _locked(path, console):
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        console.print(f"another process fetches {path.name[1:-5]}; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _complete(download, part, session, show, timeout):
    """Lets `part` grow to the size of the file."""
    failures, mark = 0, _size(part)
    show(mark)
    while _size(part) != download.size:
        try:
            _append(download, part, session, show, timeout)
            continue
        except _Passing as error:
            reason = error
        except requests.exceptions.InvalidSchema as error:
            raise _refused(download, f"a redirection elsewhere ({error})") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            reason = error
        if _size(part) >= mark + _ENOUGH:
            failures, mark = 0, _size(part)
        if failures == len(BACKOFF):
            raise DataError(
                f"Expected {download.url} to send {download.file}. Received: "
                f"{failures + 1} failures in a row, the last one {reason}. The same command goes "
                f"on from byte {_size(part)}; or fetch the file by hand into {str(part.parent)!r}."
            ) from reason
        time.sleep(BACKOFF[failures])
        failures += 1


def _append(download, part, session, show, timeout):
    """One request for what is missing.

    Raises: `_Passing`, or what requests and urllib3 raise, if it is worth another try.
    """
    start = _size(part)
    if start > download.size:
        part.unlink()
        start = 0
    # Compressed on the way, byte numbers would not be those of the file.
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with session.get(download.url, headers=headers, stream=True, timeout=timeout) as response:
        _check_answer(response, download, start)
        if start and not _continues(response, download, part, start):
            part.unlink()
            if response.status_code != 200:
                raise _Passing("another version of the file than the part fetched before")
            start = 0
        if not start:
            _version_file(part).write_text(_version(response), encoding="utf-8")
        with open(part, "ab") as file:
            # Not decoded: some servers declare a .gz file as compressed on the way.
            while chunk := response.raw.read(_CHUNK, decode_content=False):
                file.write(chunk)
                start += len(chunk)
                if start > download.size:
                    break
                show(start)
            file.flush()
            os.fsync(file.fileno())
    if start > download.size:
        part.unlink()
        raise _refused(download, f"more than {download.size} bytes")
    if start < download.size:
        raise _Passing(f"an end after {start} of {download.size} bytes")


def _continues(response, download, part, start):
    """Whether the answer goes on where the part ends, in the same version of the file."""
    expected = f"bytes {start}-{download.size - 1}/{download.size}"
    version = _version_file(part)
    return (
        response.status_code == 206
        and response.headers.get("Content-Range") == expected
        and version.exists()
        and version.read_text(encoding="utf-8") == _version(response)
    )


def _check_answer(response, download, start):
    status = response.status_code
    if status in _PASSING:
        raise _Passing(f"HTTP status {status}")
    if status not in ((200, 206, 416) if start else (200,)):
        raise _refused(download, f"HTTP status {status} {response.reason}")
    length = response.headers.get("Content-Length", "")
    if status == 200 and length.isdecimal() and int(length) != download.size:
        kind = response.headers.get("Content-Type", "unknown type")
        raise _refused(download, f"{length} bytes of {kind}")


def _verify(download, part):
    algorithm, expected = download.checksum
    with open(part, "rb") as file:
        received = hashlib.file_digest(file, algorithm).hexdigest()
    if received != expected:
        part.unlink()
        _version_file(part).unlink(missing_ok=True)
        raise DataError(
            f"Expected {download.file} with {algorithm} {expected}. Received: {algorithm}="
            f"{received} from {download.url}. The file is removed; fetch it again, and if that "
            "ends the same way, the published file has changed."
        )
    _version_file(part).unlink(missing_ok=True)


def _check_space(downloads, folder):
    missing = [d for d in downloads if not (folder / d.file).exists()]
    needed = sum(max(d.size - _size(folder / f"{d.file}.part"), 0) for d in missing)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"Expected {needed / 2**20:,.0f} MiB of free disk for "
            f"{', '.join(d.file for d in missing)}. Received: {free / 2**20:,.0f} MiB in "
            f"{str(folder)!r}. Make room or choose another folder."
        )


def _version(response):
    """What tells one version of a file from another; empty if the server says nothing."""
    etag = response.headers.get("ETag", "")
    return re.sub("^W/", "", etag) or response.headers.get("Last-Modified", "")


def _version_file(part):
    return part.with_name(f"{part.name}.version")


def _size(path):
    return path.stat().st_size if path.exists() else 0


def _refused(download, received):
    return DataError(
        f"Expected {download.file}, {download.size} bytes. Received: {received} from "
        f"{download.url}. Fetch it by hand and put it into the data folder."
    )


class _Passing(Exception):
    """A fault that may be gone at the next try."""
