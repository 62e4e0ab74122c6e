"""Connections to DuckDB: silent also where Python is interactive, and without extensions from its makers' server."""

from __future__ import annotations

import duckdb

Setting = str | bool | int | float | list[str]


def connect(path: str = ":memory:", **settings: Setting) -> duckdb.DuckDBPyConnection:
    """A connection with these settings of DuckDB; in a notebook or at Python's prompt DuckDB would print a bar of its own."""
    own: dict[str, Setting] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    opened = duckdb.connect(path, config=own | settings)
    opened.execute("SET enable_progress_bar = false")
    return opened
