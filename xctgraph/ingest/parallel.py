"""One piece of work in several threads, each with an equal share of the runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Result = TypeVar("Result")


def in_parts(work: Callable[[int, int], Result], offsets: NDArray[np.int64], workers: int) -> list[Result]:
    """Results of `work(first, last)` for `workers` ranges that together are all rows.

    Parameters
    ----------
    work
        Works on rows first to last - 1; must release the interpreter lock to gain from threads.
    offsets
        Runs before each row, (rows + 1,): rows are shared out so that every thread has about as many runs.
    workers
        Threads.
    """
    n_rows = len(offsets) - 1
    wanted = np.linspace(offsets[0], offsets[-1], workers + 1)[1:-1]
    cuts = [0, *np.searchsorted(offsets, wanted).tolist(), n_rows]
    if workers == 1:
        return [work(0, n_rows)]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, cuts[:-1], cuts[1:]))
