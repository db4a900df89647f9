import os
import resource
import subprocess

import pytest


class SmallDisk:
    """A disk of 1 MiB that can be filled: a tmpfs where this process may mount one, otherwise a
    limit on the size of the files it writes."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
        mounted = os.getuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
        self.filler = folder / "filler" if mounted else None
        self.limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self):
        if self.filler is None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, self.limits[1]))
            return
        with pytest.raises(OSError), open(self.filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(2**12))

    def free(self):
        if self.filler is None:
            resource.setrlimit(resource.RLIMIT_FSIZE, self.limits)
        else:
            self.filler.unlink(missing_ok=True)

    def close(self):
        self.free()
        if self.filler is not None:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture
def small_disk(tmp_path):
    disk = SmallDisk(tmp_path / "small_disk")
    yield disk
    disk.close()
