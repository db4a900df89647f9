"""A version of an exported model: whole or absent, and known by its checksums."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import tempfile
import time

CHECKSUMS = "checksums.txt"
_PARTIAL = ".partial-"  # The leading dot keeps it from looking like a version.
_SECONDS_UNTIL_ABANDONED = 3600


@contextlib.contextmanager
def next_version(folder):
    """A folder to write a version to, which becomes `<folder>/<next whole number>` in the end.

    It appears there by one rename, flushed to the disk and with checksums: a server that watches
    `folder` never sees half of it, whatever kills the writer. If the block raises, nothing stays.

    Yields: a list; its one element is the folder to write to, and afterwards the version's path.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder)
    # On the same disk as the target, as a rename across disks is a copy.
    partial = pathlib.Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=folder))
    place = [partial]
    try:
        yield place
        write_checksums(partial)
        partial.chmod(0o755)
        for path in (*partial.rglob("*"), partial):
            _flush(path)
        place[0] = _publish(partial, folder)
        _flush(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def write_checksums(version):
    """Writes `checksums.txt`, SHA-256 of every other file, as `sha256sum -c` reads it."""
    version = pathlib.Path(version)
    lines = [f"{_sha256(version / name)}  {name}\n" for name in _files(version)]
    (version / CHECKSUMS).write_text("".join(lines))


def verify(version):
    """Checks a version against its `checksums.txt`; returns how many files that are.

    Raises: `ValueError` naming every file that is changed, missing, or not listed.
    """
    version = pathlib.Path(version)
    if not (version / CHECKSUMS).is_file():
        raise ValueError(
            f"Expected an exported version with {CHECKSUMS}. Received: {version}, without. "
            "Name a folder such as saved_models/digits/1."
        )
    lines = (version / CHECKSUMS).read_text().splitlines()
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    present = set(_files(version))
    faults = [f"{name} is missing" for name in sorted(listed.keys() - present)]
    faults += [f"{name} is not listed" for name in sorted(present - listed.keys())]
    faults += [
        f"{name} is changed"
        for name in sorted(listed.keys() & present)
        if _sha256(version / name) != listed[name]
    ]
    if faults:
        raise ValueError(
            f"Expected the files that were exported. Received: {version}, in which "
            f"{', '.join(faults)}. Copy the version again, or export anew."
        )
    return len(listed)


def _files(version):
    return sorted(
        path.relative_to(version).as_posix()
        for path in version.rglob("*")
        if path.is_file() and path != version / CHECKSUMS
    )


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_abandoned(folder):
    """Removes what killed exporters left; one that is at work writes within the hour."""
    for partial in folder.glob(f"{_PARTIAL}*"):
        with contextlib.suppress(FileNotFoundError):
            newest = max(path.stat().st_mtime for path in (partial, *partial.rglob("*")))
            if time.time() - newest > _SECONDS_UNTIL_ABANDONED:
                shutil.rmtree(partial, ignore_errors=True)


def _publish(partial, folder):
    """Renames `partial` to the next version; another exporter may take a number first."""
    while True:
        taken = [int(p.name) for p in folder.iterdir() if p.name.isdecimal()]
        version = folder / str(max(taken, default=0) + 1)
        try:
            return partial.rename(version)
        except OSError:
            if not version.exists():
                raise
