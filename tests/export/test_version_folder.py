import hashlib
import os
import subprocess
import sys
import time

import pytest

from dawn_tf.export import verify
from dawn_tf.export.version_folder import next_version


@pytest.fixture
def version(tmp_path):
    """A version of two files."""
    with next_version(tmp_path / "m") as place:
        (place[0] / "assets").mkdir()
        (place[0] / "assets" / "names.txt").write_text("common\nrare\n")
        (place[0] / "graph.pb").write_bytes(b"\0\1\2")
    return place[0]


def test_versions_count_up_past_other_folders(version):
    folder = version.parent
    (folder / "9").mkdir()
    (folder / "10-old").mkdir()
    with next_version(folder) as place:
        (place[0] / "graph.pb").write_bytes(b"")
    assert (version.name, place[0].name) == ("1", "10")
    assert (version.stat().st_mode & 0o777) == 0o755  # A server runs as another user.


def test_checksums_are_those_that_sha256sum_checks(version):
    lines = (version / "checksums.txt").read_text().splitlines()
    digest = hashlib.sha256(b"common\nrare\n").hexdigest()
    assert lines[0] == f"{digest}  assets/names.txt" and len(lines) == 2
    done = subprocess.run(["sha256sum", "-c", "checksums.txt"], cwd=version, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert verify(version) == 2


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda v: (v / "graph.pb").write_bytes(b"\0\1\3"), "graph.pb is changed"),
        (lambda v: (v / "graph.pb").unlink(), "graph.pb is missing"),
        (lambda v: (v / "assets" / "more").write_text(""), "assets/more is not listed"),
        (lambda v: (v / "checksums.txt").unlink(), "without"),
    ],
)
def test_what_is_not_as_it_was_exported_is_named(spoil, message, version):
    spoil(version)
    with pytest.raises(ValueError, match=f"Expected .*{message}"):
        verify(version)


def test_a_failed_export_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="No space left"), next_version(tmp_path / "m") as place:
        (place[0] / "saved_model.pb").write_bytes(b"half")
        raise OSError(28, "No space left on device")
    assert list((tmp_path / "m").iterdir()) == []


WRITER = """
import sys
from dawn_tf.export.version_folder import next_version
with next_version(sys.argv[1]) as place:
    for i in range(10_000):
        (place[0] / f"{i}.bin").write_bytes(b"x" * 1000)
        print(i, flush=True)
"""


@pytest.mark.slow
def test_a_killed_export_shows_no_version_and_is_cleared_away_later(version):
    folder = version.parent
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    for _ in range(20):
        assert writer.stdout.readline()
    writer.kill()
    writer.wait()
    writer.stdout.close()
    (partial,) = folder.glob(".partial-*")
    assert [p.name for p in folder.iterdir() if not p.name.startswith(".")] == ["1"]
    assert verify(version) == 2
    # Another exporter leaves it alone for an hour, as it might be at work.
    for hours, left in ((0, True), (2, False)):
        stamp = time.time() - 3600 * hours
        for path in (*partial.iterdir(), partial):
            os.utime(path, (stamp, stamp))
        with next_version(folder) as place:
            (place[0] / "graph.pb").write_bytes(b"")
        assert partial.exists() == left
    assert place[0].name == "3"
