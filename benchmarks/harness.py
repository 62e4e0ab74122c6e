"""Timing of one call, and a table of ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One call on one data set: median seconds, and what it found, so that only equal results are compared."""

    what: str
    seconds: float
    found: int


def timed(what: str, call: Callable[[], int], repeats: int) -> Row:
    """Median of `repeats` calls, after one that compiles kernels and warms caches."""
    found = call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return Row(what, statistics.median(seconds), found)


def markdown(rows: list[Row]) -> str:
    """Table with the ratio of each row's time to the first one's."""
    lines = ["| call | s (median) | ratio | features |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.seconds:.3f} | {row.seconds / rows[0].seconds:.1f} | {row.found:,} |" for row in rows]
    return "\n".join(lines)
