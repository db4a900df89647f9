import os
import signal
import sys
import threading

import pytest

from dawn_tf.training.benchmark import Cell, cell
from dawn_tf.training.benchmark.stop import Stop, Stopped

CELL = Cell("digits", "dawn", 0, {})


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """`f(code, stop=False)`: runs that Python code as the cell's training."""

    def run(code, stop=False):
        monkeypatch.setattr(cell, "_command", lambda *_: [sys.executable, "-c", code])
        return cell.run_cell(CELL, tmp_path / "run", None, False, stop)

    return run


def test_seconds_and_attempts_are_those_of_all_processes(runs):
    with pytest.raises(cell.CellFailed):
        runs("import time; time.sleep(1); raise SystemExit(1)")
    outcome = runs("import time; time.sleep(1)")
    assert outcome["attempts"] == 2
    assert 2 <= outcome["seconds"] < 60
    # At least that of the process that starts it, which may be large: the unit is what is tested.
    assert 1 < outcome["peak_memory_mb"] < 20_000


def test_a_failed_cell_shows_the_end_of_its_log(runs):
    with pytest.raises(cell.CellFailed, match="^9$") as failed:
        runs("[print(i) for i in range(10)]; raise SystemExit(2)")
    assert failed.value.lines == ["5", "6", "7", "8", "9"]
    with pytest.raises(cell.CellFailed, match="ended by SIGKILL"):
        runs("import os; os.kill(os.getpid(), 9)")


def test_a_cell_that_is_stopped_leaves_no_process(runs, tmp_path):
    pid = tmp_path / "pid"
    code = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    class Soon:
        def __bool__(self):
            return pid.exists() and bool(pid.read_text())

    with pytest.raises(Stopped):
        runs(code, Soon())
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_noted_inside_and_have_their_old_meaning_after(number):
    former = signal.getsignal(number)
    with Stop() as stop:
        assert not stop
        os.kill(os.getpid(), number)
        assert stop and stop.signal == number
        assert stop.reason == f"stopped by {number.name}"
    assert signal.getsignal(number) == former


def test_time_is_up_after_so_many_hours():
    stop = Stop(hours=0.05 / 3600)
    assert not stop
    threading.Event().wait(0.06)
    assert stop and stop.reason == "time is up"
    assert not Stop(hours=1)
