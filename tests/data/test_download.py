"""Downloads from a server on this machine that stalls, cuts, lies and fails."""

import contextlib
import hashlib
import http.server
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dawn_tf.data import download as module
from dawn_tf.data import load
from dawn_tf.data.download import Download, fetch
from dawn_tf.data.errors import DataError, missing
from dawn_tf.data.sources import SOURCES, digits

CONTENT = np.random.default_rng(0).bytes(300_000)
HALF = len(CONTENT) // 2


class Handler(http.server.BaseHTTPRequestHandler):
    """Sends CONTENT as a good server does; `server.script` says what to do instead, in order."""

    def do_GET(self):
        self.server.ranges.append(self.headers.get("Range"))
        script = self.server.script
        (script.pop(0) if script else Handler.good)(self)

    def log_message(self, *args):
        pass

    def start(self, status, length, **headers):
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def good(self, tag='"v1"', **headers):
        start = 0
        if asked := self.headers.get("Range"):
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            total = len(CONTENT)
            headers["Content_Range"] = f"bytes {start}-{total - 1}/{total}"
        rest = CONTENT[start:]
        self.start(206 if asked else 200, len(rest), ETag=tag, **headers)
        self.wfile.write(rest)

    def whole(self):
        self.start(200, len(CONTENT), ETag='"v1"')
        self.wfile.write(CONTENT)

    def cut(self):
        self.start(200, len(CONTENT), ETag='"v1"')
        self.wfile.write(CONTENT[:HALF])

    def stall(self):
        self.cut()
        self.wfile.flush()
        self.server.released.wait(20)

    def slow(self):
        self.start(200, len(CONTENT), ETag='"v1"')
        with contextlib.suppress(ConnectionError):  # A killed client.
            for i in range(0, len(CONTENT), 3000):
                self.wfile.write(CONTENT[i : i + 3000])
                if self.server.released.wait(0.01):
                    return

    def wrong_place(self):
        self.start(206, 10, ETag='"v1"', Content_Range=f"bytes 0-9/{len(CONTENT)}")
        self.wfile.write(CONTENT[:10])

    def beyond(self):
        self.start(416, 0)

    def other_bytes(self):
        self.start(200, len(CONTENT))
        self.wfile.write(bytes(len(CONTENT)))

    def endless(self):
        self.start(200, None)
        with contextlib.suppress(ConnectionError):
            while not self.server.released.is_set():
                self.wfile.write(bytes(100_000))

    def page(self):
        self.start(200, 13, Content_Type="text/html")
        self.wfile.write(b"<html>sorry</")

    def new_version(self):
        self.good(tag='"v2"')

    def as_if_compressed(self):
        self.good(Content_Encoding="gzip", Content_Disposition='attachment; filename="../evil"')


def status(code):
    return lambda handler: handler.start(code, 0)


def redirect(location):
    return lambda handler: handler.start(302, 0, Location=location)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(module, "BACKOFF", (0, 0, 0, 0))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.script, server.ranges, server.released = [], [], threading.Event()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join(20)


def described(server, **changes):
    values = {
        "url": f"http://127.0.0.1:{server.server_port}/data.bin",
        "file": "data.bin",
        "size": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    return Download(**{**values, **changes})


def get(server, folder, **changes):
    return fetch([described(server, **changes)], folder, progress=False, timeout=0.5)


def leave_part(folder, size=HALF, version='"v1"'):
    (folder / "data.bin.part").write_bytes(CONTENT[:size])
    (folder / "data.bin.part.version").write_text(version.strip("W/"))


def files(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_a_file_is_fetched_once(server, tmp_path):
    folder = tmp_path / "new" / "folder"
    assert get(server, folder) == [folder / "data.bin"]
    assert (folder / "data.bin").read_bytes() == CONTENT
    assert files(folder) == ["data.bin"]
    get(server, folder, md5=hashlib.md5(b"").hexdigest(), sha256=None)
    assert server.ranges == [None]


@pytest.mark.parametrize("fault", [Handler.cut, Handler.stall], ids=["cut", "stall"])
def test_a_cut_or_stalled_download_goes_on_where_it_stopped(server, tmp_path, fault):
    server.script = [fault]
    get(server, tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    # What the last read had in hand when the server stalled is fetched again.
    start = int(server.ranges[1].removeprefix("bytes=").removesuffix("-"))
    assert len(server.ranges) == 2 and HALF - 2**15 < start <= HALF


def test_a_part_of_an_earlier_run_is_used(server, tmp_path):
    leave_part(tmp_path)
    get(server, tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert server.ranges == [f"bytes={HALF}-"] and files(tmp_path) == ["data.bin"]


def test_a_whole_part_needs_its_checksum_only(server, tmp_path):
    leave_part(tmp_path, len(CONTENT))
    get(server, tmp_path)
    assert server.ranges == [] and files(tmp_path) == ["data.bin"]


@pytest.mark.parametrize(
    "script, requests",
    [
        ([Handler.whole], 1),
        ([Handler.new_version], 2),
        ([Handler.wrong_place], 2),
        ([Handler.beyond], 2),
    ],
    ids=["no ranges", "another version", "another place", "not satisfiable"],
)
def test_a_part_that_cannot_go_on_is_dropped(server, tmp_path, script, requests):
    leave_part(tmp_path)
    server.script = script
    get(server, tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert server.ranges == [f"bytes={HALF}-", None][:requests]


def test_a_part_longer_than_the_file_is_dropped(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(bytes(len(CONTENT) + 1))
    get(server, tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_part_of_unknown_version_is_dropped(server, tmp_path):
    leave_part(tmp_path)
    (tmp_path / "data.bin.part.version").unlink()
    get(server, tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_fault_keeps_the_part(server, tmp_path):
    leave_part(tmp_path)
    server.script = [status(503)]
    get(server, tmp_path)
    assert server.ranges == [f"bytes={HALF}-"] * 2


@pytest.mark.parametrize("code", [429, 500, 503])
def test_passing_faults_are_tried_again(server, tmp_path, code):
    server.script = [status(code), status(code)]
    get(server, tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT and len(server.ranges) == 3


def test_faults_without_end_are_given_up(server, tmp_path):
    server.script = [status(500)] * 9
    with pytest.raises(DataError, match=r"5 failures in a row, the last one HTTP status 500.*by h"):
        get(server, tmp_path)
    assert len(server.ranges) == 5 and files(tmp_path) == []


def test_progress_pays_for_failures(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_ENOUGH", 20_000)
    monkeypatch.setattr(module, "_CHUNK", 10_000)

    def some(handler):
        asked = handler.headers.get("Range", "bytes=0-")
        start, total = int(asked[6:-1]), len(CONTENT)
        place = f"bytes {start}-{total - 1}/{total}"
        handler.start(206 if start else 200, total - start, ETag='"v1"', Content_Range=place)
        handler.wfile.write(CONTENT[start : start + 30_000])

    server.script = [some] * 20
    get(server, tmp_path)
    assert len(server.ranges) == 10


@pytest.mark.parametrize(
    "script, message",
    [
        (status(404), "HTTP status 404 Not Found"),
        (status(403), "HTTP status 403 Forbidden"),
        (Handler.page, "13 bytes of text/html"),
        (Handler.endless, "more than 300000 bytes"),
        (redirect("ftp://127.0.0.1/data.bin"), "a redirection elsewhere"),
        (redirect("file:///etc/passwd"), "a redirection elsewhere"),
    ],
    ids=["404", "403", "page", "endless", "ftp", "file"],
)
def test_what_cannot_pass_ends_at_once(server, tmp_path, script, message):
    server.script = [script]
    with pytest.raises(DataError, match=f"Expected data.bin, 300000 bytes. Received: {message}"):
        get(server, tmp_path)
    assert len(server.ranges) == 1 and "data.bin" not in files(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < len(CONTENT)


def test_other_bytes_are_removed_and_both_checksums_told(server, tmp_path):
    server.script = [Handler.other_bytes]
    wrong = hashlib.sha256(bytes(len(CONTENT))).hexdigest()
    right = hashlib.sha256(CONTENT).hexdigest()
    with pytest.raises(DataError, match=f"with sha256 {right}. Received: sha256={wrong}"):
        get(server, tmp_path)
    assert len(server.ranges) == 1 and files(tmp_path) == []
    get(server, tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_redirections_are_followed_and_the_name_is_ours(server, tmp_path):
    server.script = [redirect("/elsewhere/x.zip"), Handler.as_if_compressed]
    get(server, tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT and files(tmp_path) == ["data.bin"]


def test_no_server_at_all(server, tmp_path):
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as free:
        url = f"http://127.0.0.1:{free.server_port}/data.bin"
    with pytest.raises(DataError, match="5 failures in a row, the last one .*refused"):
        get(server, tmp_path, url=url)


def test_room_is_looked_for_first(server, tmp_path, monkeypatch):
    usage = module.shutil.disk_usage(tmp_path)._replace(free=2**20)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(DataError, match="Expected 10 MiB of free disk for data.bin. Received: 1 M"):
        get(server, tmp_path, size=10 * 2**20)
    assert server.ranges == []


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"url": "file:///etc/passwd"}, "http or https"),
        ({"file": "../data.bin"}, "plain name"),
        ({"file": "a\\b"}, "plain name"),
        ({"file": ".."}, "plain name"),
        ({"file": ""}, "plain name"),
        ({"sha256": None}, "either md5 or sha256"),
        ({"md5": "0"}, "either md5 or sha256"),
    ],
)
def test_a_description_must_be_safe(server, changes, message):
    with pytest.raises(ValueError, match=message):
        described(server, **changes)


def test_two_at_once_end_with_one_download(server, tmp_path):
    server.script = [Handler.slow] * 2
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: get(server, tmp_path), range(2)))
    assert server.ranges == [None] and (tmp_path / "data.bin").read_bytes() == CONTENT


@pytest.fixture
def published(server, monkeypatch):
    """A data set that is read from the file that the server sends."""

    digits_read = digits.read

    def read(request):
        if not (request.folder / "data.bin").exists():
            raise missing("digits", "data.bin", "the server", request.folder)
        return digits_read(request)

    monkeypatch.setattr(digits, "read", read)
    monkeypatch.setattr(digits, "FILES", "data.bin")
    monkeypatch.setattr(digits, "DOWNLOADS", [described(server)], raising=False)
    return server


def test_load_fetches_what_is_missing_when_asked(published, tmp_path):
    with pytest.raises(DataError, match="Expected data.bin"):
        load("digits", tmp_path)
    assert published.ranges == []
    for _ in range(2):
        assert len(load("digits", tmp_path / "new", download=True).parts["val"]) == 270
    assert published.ranges == [None]


def test_load_says_which_sets_cannot_be_fetched(tmp_path):
    assert not hasattr(SOURCES["isic2017"], "DOWNLOADS")
    with pytest.raises(DataError, match="name='isic2017'. Fetch ISIC-2017.*isic-archive.com"):
        load("isic2017", tmp_path, download=True)


def test_published_files_come_over_https_with_a_whole_checksum():
    published = [d for source in SOURCES.values() for d in getattr(source, "DOWNLOADS", ())]
    assert {"creditcard.csv", "HAM10000_metadata.csv"} <= {download.file for download in published}
    for download in published:
        algorithm, digits_ = download.checksum
        assert re.fullmatch({"md5": "[0-9a-f]{32}", "sha256": "[0-9a-f]{64}"}[algorithm], digits_)
        assert download.url.startswith("https://") and download.size > 0


def fetch_in_a_process(server, folder):
    code = (
        "import sys; from dawn_tf.data.download import Download, fetch; "
        "url, size, digest, folder = sys.argv[1:]; "
        "fetch([Download(url, 'data.bin', int(size), sha256=digest)], folder)"
    )
    item = described(server)
    arguments = [item.url, str(item.size), item.sha256, str(folder)]
    env = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True, env=env
    )


@pytest.mark.slow
def test_two_processes_at_once_end_with_one_download(server, tmp_path):
    server.script = [Handler.slow] * 2
    processes = [fetch_in_a_process(server, tmp_path) for _ in range(2)]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert server.ranges == [None] and (tmp_path / "data.bin").read_bytes() == CONTENT
    assert any("fetching data.bin (0.3 MiB)" in error for error in errors)


@pytest.mark.slow
def test_a_killed_download_goes_on_with_the_same_call(server, tmp_path):
    server.script = [Handler.slow]
    process = fetch_in_a_process(server, tmp_path)
    part, deadline = tmp_path / "data.bin.part", time.monotonic() + 120
    while time.monotonic() < deadline and not (part.exists() and part.stat().st_size > 60_000):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert "data.bin" not in files(tmp_path)
    assert 60_000 < part.stat().st_size < len(CONTENT)
    size = part.stat().st_size
    process = fetch_in_a_process(server, tmp_path)
    assert "fetching" in process.communicate(timeout=120)[1] and process.returncode == 0
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={size}-"] and files(tmp_path) == ["data.bin"]
