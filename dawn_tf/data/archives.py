"""Files of a data set, whether in an unpacked folder or still in its zip. Nothing is extracted."""

import pathlib
import zipfile
import zlib
from collections.abc import Mapping

from dawn_tf.data.errors import DataError


class FileTree(Mapping):
    """The files below some folders and in some zips: `tree[file_name]` gives the bytes.

    Folders inside are looked through and forgotten: names are without path, and where two files
    share a name the first wins. Reading from several threads at once is safe.

    Args:
        paths: Folders and zip files.

    Raises: `DataError` naming the zip that cannot be read.
    """

    def __init__(self, paths):
        self.paths = [pathlib.Path(path) for path in paths]
        self._readers = {}
        for path in self.paths:
            members = _zip_members(path) if path.is_file() else _folder_members(path)
            for name, reader in members:
                # macOS puts a shadow file "._x" beside every x.
                if not name.startswith("._"):
                    self._readers.setdefault(name, reader)

    def __getitem__(self, name):
        return self._readers[name]()

    def __iter__(self):
        return iter(self._readers)

    def __len__(self):
        return len(self._readers)

    def __contains__(self, name):
        # Mapping's own would read the file.
        return name in self._readers


def open_tree(paths):
    """`FileTree` over `paths`."""
    return FileTree(paths)


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


def _folder_members(path):
    return [(p.name, p.read_bytes) for p in sorted(path.rglob("*")) if p.is_file()]


def _zip_members(path):
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise _corrupt(path, "the archive") from error

    def reader(info):
        def read():
            try:
                return archive.read(info)
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise _corrupt(path, repr(info.filename)) from error

        return read

    files = [info for info in archive.infolist() if not info.is_dir()]
    return [(pathlib.PurePosixPath(info.filename).name, reader(info)) for info in files]


def _corrupt(path, what):
    return DataError(
        f"Expected a whole zip archive. Received: {str(path)!r}, in which {what} cannot be read. "
        "Fetch the archive again."
    )
