"""Files of a data set, in an unpacked folder or still in its archive. Nothing is extracted."""

import lzma
import pathlib
import stat
import struct
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Mapping

from dawn_tf.data.errors import DataError

# No image is larger; what claims to be is a mistake, or made to fill the memory.
MAX_FILE_BYTES = 2**28
# What unpacks to more than the first, and to more times its own size than the second, as well.
MAX_TOTAL_BYTES, MAX_RATIO = 2**30, 200

# A damaged gzip stream is an `OSError`, as is a place in a file that cannot be.
_TAR_ERRORS = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
# A zip with a password, or of an unknown compression, is a `RuntimeError`.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    OSError,
    ValueError,
    struct.error,
)


class _Tar(tarfile.TarFile):
    # As `ZipFile` does: the tree that holds the archive need not be closed.
    def __del__(self):
        self.close()


class FileTree(Mapping):
    """The files below some folders and in some archives: `tree[file_name]` gives the bytes.

    Folders inside are looked through and forgotten: names are without path, and where two files
    share a name the first wins. Reading from several threads at once is safe. The files of a
    compressed tar are read fastest in the order of the tree.

    Args:
        paths: Folders, zip and tar files.
        full_names: Whether names keep their path below the folder or in the archive,
            "train/images/a.jpg".

    Raises: `DataError` naming the archive that cannot be read; that names a file twice or one
        outside of itself, or holds a link or a device; or that unpacks to a size no data set has
        (200 times the archive and more than 1 GiB in all; 256 MiB for a file that is read).
    """

    def __init__(self, paths, full_names=False):
        self.paths = [pathlib.Path(path) for path in paths]
        self._readers = {}
        for path in self.paths:
            for name, reader in _members(path):
                name = pathlib.PurePosixPath(name)
                # macOS puts a shadow file "._x" beside every x.
                if not name.name.startswith("._"):
                    self._readers.setdefault(str(name) if full_names else name.name, reader)

    def __getitem__(self, name):
        return self._readers[name]()

    def __iter__(self):
        return iter(self._readers)

    def __len__(self):
        return len(self._readers)

    def __contains__(self, name):
        # Mapping's own would read the file.
        return name in self._readers


def open_tree(paths, full_names=False):
    """`FileTree` over `paths`."""
    return FileTree(paths, full_names)


def locate(folders, name):
    """First of `<folder>/<name>/` and `<folder>/<name>.zip` that exists, or `None`."""
    for folder in folders:
        unpacked, packed = folder / name, folder / f"{name}.zip"
        if unpacked.is_dir():
            return unpacked
        if packed.is_file():
            return packed
    return None


def locate_file(folders, *names):
    """First of the files `<folder>/<name>` that exists, or `None`."""
    paths = (folder / name for folder in folders for name in names)
    return next((path for path in paths if path.is_file()), None)


def _members(path):
    if path.is_dir():
        files = [p for p in sorted(path.rglob("*")) if p.is_file()]
        return [(p.relative_to(path).as_posix(), p.read_bytes) for p in files]
    return _zip_members(path) if path.suffix == ".zip" else _tar_members(path)


def _zip_members(path):
    try:
        archive = zipfile.ZipFile(path)
    except _ZIP_ERRORS as error:
        raise _corrupt(path, "the list of files") from error
    watch = _Watch(path)

    def reader(info):
        def read():
            watch.check_size(info.filename, info.file_size)
            try:
                # Seeks and reads under a lock of its own, and not beyond the size it states.
                return archive.read(info)
            except _ZIP_ERRORS as error:
                raise _corrupt(path, repr(info.filename)) from error

        return read

    members = []
    for info in archive.infolist():
        # Made on Unix, the upper half holds the kind of file; elsewhere it is 0.
        kind = stat.S_IFMT(info.external_attr >> 16)
        regular = kind in (0, stat.S_IFREG)
        if info.filename.endswith("/"):  # `is_dir` fails for an empty name.
            continue
        watch.see(info.filename, info.file_size, regular)
        members.append((info.filename, reader(info)))
    return members


def _tar_members(path):
    watch = _Watch(path)
    members = []
    lock = threading.Lock()

    def reader(info):
        def read():
            watch.check_size(info.name, info.size)
            try:
                with lock:
                    return archive.extractfile(info).read()
            except _TAR_ERRORS as error:
                raise _corrupt(path, repr(info.name)) from error

        return read

    try:
        archive = _Tar.open(path)
        # A compressed one is unpacked while it is listed, so that sizes are watched on the way.
        for info in archive:
            if not info.isdir():
                watch.see(info.name, info.size, info.isreg())
                members.append((info.name, reader(info)))
    except DataError:
        raise
    except _TAR_ERRORS as error:
        raise _corrupt(path, "the list of files") from error
    return members


class _Watch:
    """Refuses members of an archive that no data set has."""

    def __init__(self, path):
        self.path = path
        self.names = set()
        self.allowed = max(MAX_TOTAL_BYTES, MAX_RATIO * path.stat().st_size)

    def see(self, name, num_bytes, regular):
        place = pathlib.PurePosixPath(name)
        on_windows = pathlib.PureWindowsPath(name)
        self.allowed -= num_bytes
        if not regular:
            raise self.refused(f"{name!r}, a link or a device")
        if on_windows.anchor or ".." in on_windows.parts or not place.name:
            raise self.refused(f"{name!r}, a name that leads out of it")
        if place in self.names:
            raise self.refused(f"{name!r} twice")
        if self.allowed < 0:
            raise self.refused(f"far more than its own size once unpacked, {name!r} and before")
        self.names.add(place)

    def check_size(self, name, num_bytes):
        if num_bytes > MAX_FILE_BYTES:
            raise self.refused(f"{name!r} of {num_bytes / 2**20:,.0f} MiB once unpacked")

    def refused(self, what):
        return DataError(
            f"Expected an archive of plain files. Received: {str(self.path)!r} with {what}. "
            "Fetch the archive from its publisher."
        )


def _corrupt(path, what):
    return DataError(
        f"Expected a whole archive. Received: {str(path)!r}, in which {what} cannot be read. "
        "Fetch the archive again."
    )
