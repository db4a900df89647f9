import signal
import time


class Stop:
    """Whether a benchmark should end now: time is up, or it was asked to (SIGINT, SIGTERM).

    A context; inside it the two signals are noted and nothing else, so that runs can be ended and
    results be written.

    Args:
        hours: Until time is up; `None` for no such end.
    """

    def __init__(self, hours=None):
        self.signal = None
        self._asked = False
        self._deadline = None if hours is None else time.monotonic() + 3600 * hours
        self._former = {}

    def __bool__(self):
        return self.signal is not None or self._asked or self._is_late()

    def now(self):
        """Makes it true."""
        self._asked = True

    @property
    def reason(self):
        """Why, in words."""
        return "time is up" if self.signal is None else f"stopped by {self.signal.name}"

    def _is_late(self):
        return self._deadline is not None and time.monotonic() > self._deadline

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self._former[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_):
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _note(self, number, _):
        self.signal = signal.Signals(number)


class Stopped(Exception):
    """A run was ended before its end; the same command goes on with it."""
