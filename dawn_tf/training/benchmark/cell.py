"""One cell of a grid: a training run in a process of its own."""

import contextlib
import ctypes
import os
import pathlib
import platform
import signal
import subprocess
import sys
import time

from dawn_tf.evaluation import read_json, write_json
from dawn_tf.training.benchmark.stop import Stopped

_LIBC = ctypes.CDLL(None)
_NOTED_EVERY = 20.0  # Seconds.


class CellFailed(Exception):
    """A run ended with an error.

    Attributes:
        lines: Last lines of its log.
    """

    def __init__(self, lines):
        super().__init__(lines[-1])
        self.lines = lines


def run_cell(cell, folder, data_dir, keep_models, stop):
    """Trains one cell.

    Args:
        cell: `Cell`.
        folder: Run folder; what an earlier attempt left there is gone on with.
        data_dir: Folder with the data, or `None`.
        keep_models: Whether the folder gets the files that `--scores_only` leaves out.
        stop: True if the run should end; asked while it lasts.

    Returns: `{"seconds", "attempts", "peak_memory_mb", "machine"}`: seconds and attempts with
        those of earlier processes, memory of the last one.

    Raises:
        CellFailed: if the process fails.
        Stopped: if it was ended; the run goes on from its last whole epoch.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "log.txt", "a") as log, _spent(folder) as spent:
        process = subprocess.Popen(
            _command(cell, folder, data_dir, keep_models),
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C reaches the benchmark alone, which ends the run.
            preexec_fn=_die_with_parent,
        )
        status = usage = None
        while status is None:
            if stop:
                process.kill()
                process.wait()
                raise Stopped
            time.sleep(0.2)
            spent.note()
            pid, code, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                status = process.returncode = os.waitstatus_to_exitcode(code)
    if status:
        raise CellFailed(_last_lines(folder / "log.txt", status))
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "seconds": round(spent.seconds, 1),
        "attempts": spent.attempts,
        "peak_memory_mb": round(usage.ru_maxrss * unit / 1e6, 1),
        "machine": f"{os.cpu_count()} CPU cores, {platform.machine()}",
    }


def _command(cell, folder, data_dir, keep_models):
    script = pathlib.Path(__file__).parents[3] / "tools" / "train.py"
    command = [sys.executable, str(script), "--seed", str(cell.seed), "--out", str(folder)]
    command += [part for key, value in cell.flags.items() for part in _flag(key, value)]
    command += [] if keep_models else ["--scores_only"]
    return command + (["--data_dir", data_dir] if data_dir else [])


def _flag(key, value):
    if isinstance(value, bool):
        return [f"--{key}" if value else f"--no-{key}"]
    return [f"--{key}", str(value)]


def _die_with_parent():
    # A benchmark that is killed must not leave a run behind that writes beside its successor's.
    if sys.platform == "linux":
        _LIBC.prctl(1, signal.SIGKILL)


def _last_lines(log, status, count=5):
    lines = log.read_text(errors="replace").strip().splitlines()[-count:]
    if status < 0:
        # The kernel does this where memory runs out.
        lines.append(f"ended by {signal.Signals(-status).name}")
    return lines or [f"exit status {status}"]


@contextlib.contextmanager
def _spent(folder):
    spent = _Spent(folder / "spent.json")
    try:
        yield spent
    finally:
        spent.write()


class _Spent:
    """Time that all attempts at a run have taken, noted often enough to survive a kill."""

    def __init__(self, path):
        before = read_json(path) if path.exists() else {"seconds": 0.0, "attempts": 0}
        self.attempts = before["attempts"] + 1
        self._path, self._before = path, before["seconds"]
        self._started = self._noted = time.monotonic()

    @property
    def seconds(self):
        return self._before + time.monotonic() - self._started

    def note(self):
        if time.monotonic() - self._noted > _NOTED_EVERY:
            self.write()

    def write(self):
        self._noted = time.monotonic()
        write_json(self._path, {"seconds": self.seconds, "attempts": self.attempts})
