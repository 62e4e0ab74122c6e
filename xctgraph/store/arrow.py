"""Arrow schemas of the tables, and tables made to conform to them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from xctgraph.store.errors import InputError, nearest
from xctgraph.store.schema import TABLES
from xctgraph.store.table import Column, Table

TYPES: dict[str, pa.DataType] = {
    "int64": pa.int64(),
    "int32": pa.int32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.string(),
}

Data: TypeAlias = pa.Table | pa.RecordBatch | Mapping[str, object]


def table_named(name: str) -> Table:
    """The table `name` of the schema.

    Raises
    ------
    InputError
        If there is no such table.
    """
    if name not in TABLES:
        raise InputError(f"there is no table {name!r} in a store; {nearest(name, TABLES)}")
    return TABLES[name]


def field(column: Column) -> pa.Field:
    """Arrow field of a column; unit, frame, meaning and known_at are its metadata."""
    metadata = {"meaning": column.meaning, "unit": column.unit, "frame": column.frame, "known_at": column.known_at}
    return pa.field(
        column.name,
        TYPES[column.type],
        nullable=column.nullable,
        metadata={key: value for key, value in metadata.items() if value},
    )


@cache
def schema(name: str) -> pa.Schema:
    """Arrow schema of the table `name`, with its meaning as metadata."""
    table = table_named(name)
    return pa.schema([field(column) for column in table.columns], metadata={"table": table.name, "meaning": table.meaning})


def conform(name: str, data: Data, defaults: Mapping[str, object] | None = None) -> pa.Table:
    """Cast `data` to the schema of the table `name`.

    Parameters
    ----------
    name
        Name of a table of the schema.
    data
        Arrow table, record batch, or mapping of column name to values (arrays, lists).
    defaults
        Values of columns that `data` may leave out, the same for every row.

    Returns
    -------
    pyarrow.Table
        The columns of the schema in its order. Nullable columns that `data` leaves out are null.

    Raises
    ------
    InputError
        If a column is unknown or missing, cannot be cast without loss, or is null where it must not be.
    """
    table = _as_table(name, data)
    target = schema(name)
    constants = defaults or {}
    _refuse_unknown(name, table.column_names, target.names)
    missing = [f.name for f in target if f.name not in table.column_names and not f.nullable and f.name not in constants]
    if missing:
        raise InputError(f"table {name!r} lacks the column {_quoted(missing)}, which must not be null")
    columns = [_column(name, table, f, constants.get(f.name)) for f in target]
    return pa.Table.from_arrays(columns, schema=target)


def _as_table(name: str, data: Data) -> pa.Table:
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    try:
        return pa.table(dict(data))
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError) as error:
        raise InputError(f"data for table {name!r} is no table: {error}") from error


def _refuse_unknown(name: str, given: list[str], known: list[str]) -> None:
    for column in given:
        if column not in known:
            raise InputError(f"table {name!r} has no column {column!r}; {nearest(column, known)}")
    repeated = sorted({column for column in given if given.count(column) > 1})
    if repeated:
        raise InputError(f"data for table {name!r} holds the column {_quoted(repeated)} more than once")


def _column(name: str, table: pa.Table, wanted: pa.Field, default: object) -> pa.ChunkedArray | pa.Array:
    if wanted.name not in table.column_names:
        return pa.repeat(pa.scalar(default, wanted.type), table.num_rows)
    values = table[wanted.name]
    try:
        values = _cast(values, wanted.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        message = f"column {wanted.name!r} of table {name!r} is {values.type} and cannot be stored as {wanted.type}: {error}"
        raise InputError(message) from error
    if values.null_count and not wanted.nullable:
        raise InputError(f"column {wanted.name!r} of table {name!r} has {values.null_count} null values, but must have none")
    return values


def _cast(values: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    numeric = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    if wanted == pa.string() and (numeric or pa.types.is_boolean(values.type)):
        raise pa.ArrowNotImplementedError("numbers are not names")
    if wanted == pa.bool_() and numeric:
        raise pa.ArrowNotImplementedError("numbers are not truth values")
    if pa.types.is_floating(wanted) and pa.types.is_integer(values.type):
        return pc.cast(values, wanted, safe=False)
    return pc.cast(values, wanted)


def _quoted(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names)
