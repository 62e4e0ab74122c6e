"""A table as bytes: a page of rows for the browser, or a whole file to download."""

from __future__ import annotations

import io
import json
import math
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from xctgraph.store.csv_text import csv_text
from xctgraph.store.errors import QueryError

Format = Literal["page", "csv", "json", "parquet"]
MEDIA = {
    "page": "application/json",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
# JavaScript has no larger integers.
_EXACT = 2**53


def encode(table: pa.Table, form: Format, *, rows: int, about: dict[str, object] | None = None) -> bytes:
    """The table in a format; `rows` and `about`, which joins the page, matter to `page` only.

    Raises
    ------
    QueryError
        If two columns have one name, which JSON and Parquet cannot hold.
    """
    if form == "page":
        return page(table, rows, about or {})
    if form == "csv":
        return csv_text(table, lambda value: json.dumps(_plain(value), ensure_ascii=False)).encode()
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise QueryError(f"two columns are called {twice[0]!r}: give them names of their own with AS")
    if form == "json":
        return dump(table.to_pylist())
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def page(table: pa.Table, rows: int, about: dict[str, object]) -> bytes:
    """JSON with the first `rows` rows as columns, and the number of all: what is cut can be said."""
    shown = table.slice(0, rows)
    columns = [_column(field) for field in table.schema]
    data = [column.to_pylist() for column in shown.columns]
    return dump(about | {"columns": columns, "data": data, "total": table.num_rows, "shown": shown.num_rows})


def dump(value: object) -> bytes:
    """JSON; what it or JavaScript cannot hold becomes null (NaN, infinity) or text (integers beyond 2^53)."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _column(field: pa.Field) -> dict[str, object]:
    told = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_decimal(field.type)
    return {"name": field.name, "type": str(field.type), "number": number} | {k: told.get(k, "") for k in ("unit", "meaning")}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {str(name): _plain(item) for name, item in value.items()} if isinstance(value, dict) else str(value)
