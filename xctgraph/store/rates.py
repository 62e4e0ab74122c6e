"""How fast work goes, and how long it still takes, in the words of a progress message."""

from __future__ import annotations

import time
from collections.abc import Callable

from xctgraph.store.progress import Progress

_SETTLED_SECONDS = 2.0


class Rate:
    """Reports rows done of `total` with rows per second and the time left; `done` rows were there at the start."""

    def __init__(self, progress: Progress, total: int, done: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress, self._clock = progress, clock
        self.total, self.done = total, done
        self._first, self._start = done, clock()

    def report(self, message: str, rows: int = 0) -> None:
        """Report `message` after `rows` more."""
        self.done += rows
        self._progress(message + self._speed(), min(self.done, self.total), self.total)

    def _speed(self) -> str:
        elapsed = self._clock() - self._start
        fresh = self.done - self._first
        if elapsed < _SETTLED_SECONDS or fresh <= 0:
            return ""
        rate = fresh / elapsed
        return f", {rate:,.0f} rows/s, {_duration((self.total - self.done) / rate)} left"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
