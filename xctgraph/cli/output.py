"""Results to stdout (table, CSV, JSON, Parquet), progress and errors to stderr."""

from __future__ import annotations

import json
import math
import sys
import time
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from xctgraph.store.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    import rich.progress

MAX_TABLE_ROWS = 200


class Format(StrEnum):
    """How a table is written."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def write_table(table: pa.Table, form: Format, out: Path | None) -> None:
    """Write a table to `out`, or to stdout."""
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice and form in (Format.parquet, Format.json):
        raise InputError(f"two columns are called {twice[0]!r}: give them names of their own with AS")
    if form is Format.parquet:
        import pyarrow.parquet as pq

        if out is None and sys.stdout.isatty():
            raise typer.BadParameter("Parquet is binary: give --out FILE, or redirect the output")
        pq.write_table(table, out if out is not None else sys.stdout.buffer)
        return
    text = {Format.table: _as_text, Format.csv: _as_csv, Format.json: _as_json}[form](table, out)
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")


def write_json(value: Any) -> None:
    """Write one JSON value to stdout."""
    sys.stdout.write(json.dumps(_finite(value), ensure_ascii=False, default=_plain) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _as_csv(table: pa.Table, _: Path | None) -> str:
    from xctgraph.store.csv_text import csv_text

    return csv_text(table, lambda value: json.dumps(_finite(value), ensure_ascii=False, default=_plain))


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else str(value)


def _as_json(table: pa.Table, _: Path | None) -> str:
    return json.dumps(_finite(table.to_pylist()), ensure_ascii=False, indent=1, default=_plain) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _as_text(table: pa.Table, out: Path | None) -> str:
    """Aligned columns; a file gets all rows, the screen the first `MAX_TABLE_ROWS`."""
    shown = table if out is not None else table.slice(0, MAX_TABLE_ROWS)
    columns = [
        [name, *(_cell(value) for value in column.to_pylist())]
        for name, column in zip(table.column_names, shown.columns, strict=True)
    ]
    widths = [max(map(len, column)) for column in columns]
    numeric = [_is_numeric(column) for column in shown.columns]
    lines = [
        "  ".join(
            text.rjust(width) if right else text.ljust(width) for text, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in zip(*columns, strict=True)
    ]
    if lines:
        lines.insert(1, "  ".join("-" * width for width in widths))
    if shown.num_rows < table.num_rows:
        lines.append(f"… {table.num_rows - shown.num_rows} more of {table.num_rows} rows: --format csv, or --out FILE")
    elif table.num_rows == 0:
        lines.append("(no rows)")
    return "\n".join(lines) + "\n"


def _is_numeric(column: pa.ChunkedArray) -> bool:
    from pyarrow import types

    return bool(types.is_integer(column.type) or types.is_floating(column.type))


class Progress:
    """Progress on stderr: a bar on a terminal, otherwise a plain line at most every ten seconds."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar = None if quiet or not sys.stderr.isatty() else _bar()
        self._last: tuple[str, float] = ("", time.monotonic())

    def __call__(self, message: str, done: int = 0, total: int = 0) -> None:
        """Show `message` with `done` of `total` steps."""
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.start()
            self._bar.update(self._bar.task_ids[0], description=message, completed=done, total=total or None)
            return
        now = time.monotonic()
        # A step with a known end is told of only as time goes by; without that, a small ingest would print a screen of them.
        if now - self._last[1] > 10 or (not total and message != self._last[0]):
            sys.stderr.write(f"{message}{f' {100 * done // total:3d} %' if total else ''}\n")
            sys.stderr.flush()
            self._last = (message, now)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


def _bar() -> rich.progress.Progress:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    bar = Bar(*columns, console=Console(stderr=True), transient=True)
    bar.add_task("", total=None)
    return bar
