"""A table as CSV, the same on the command line and in the browser."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pyarrow as pa

_ROWS = 10_000


def csv_text(table: pa.Table, nested: Callable[[object], str]) -> str:
    """CSV with headings; true and false in small letters, nothing for a null, lists and maps as `nested` writes them."""

    def cell(value: object) -> object:
        if isinstance(value, bool):
            return str(value).lower()
        return nested(value) if isinstance(value, list | dict) else value

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    for batch in table.to_batches(max_chunksize=_ROWS):
        writer.writerows(zip(*(map(cell, column.to_pylist()) for column in batch.columns), strict=True))
    return text.getvalue()
