"""Connections to DuckDB: silent also where Python is interactive, and without extensions from its makers' server."""

from __future__ import annotations

import duckdb

from xctgraph.store import limits

# What DuckDB advises for each thread.
_OF_A_THREAD = 128 << 20
_MOST = 1 << 30

Setting = str | bool | int | float | list[str]


def connect(path: str = ":memory:", *, memory: int | None = None, **settings: Setting) -> duckdb.DuckDBPyConnection:
    """A connection with these settings of DuckDB, which takes at most `memory` bytes and spills what does not fit.

    In a notebook or at Python's prompt DuckDB would print a bar of its own.
    """
    memory = working_memory() if memory is None else memory
    own: dict[str, Setting] = {
        "memory_limit": f"{memory >> 10}KiB",
        "threads": max(1, min(limits.workers(), memory // _OF_A_THREAD)),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    opened = duckdb.connect(path, config=own | settings)
    # In Jupyter without ipywidgets there is no bar, and DuckDB refuses to change that.
    if opened.execute("SELECT current_setting('enable_progress_bar')").fetchall()[0][0]:
        opened.execute("SET enable_progress_bar = false")
    return opened


def working_memory() -> int:
    """Bytes for a connection that works beside a graph engine."""
    return limits.share(0.25, _OF_A_THREAD, _MOST)


def answering_memory() -> int:
    """Bytes for a connection that answers questions."""
    return limits.share(0.8, _OF_A_THREAD, 1 << 50)
