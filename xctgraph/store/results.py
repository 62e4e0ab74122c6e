"""Results of both graph engines as the same Arrow types.

Integers are int64, floats float64, then bool, string, and lists of those. A column (or list) that holds no value at all has the
Arrow type null: Neo4j does not say what it would have held.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from xctgraph.store.errors import QueryError

_HINT = "return properties, e.g. f.feature_id, or numbers, strings, booleans and lists of those (dates as ISO text or integers)"


def table(names: Sequence[str], columns: Sequence[pa.ChunkedArray | pa.Array]) -> pa.Table:
    """Columns in the order of RETURN, with the types of both engines made equal.

    Raises
    ------
    QueryError
        If two columns have one name, or a column holds nodes, relationships, paths, maps, dates or mixed kinds.
    """
    for name in names:
        if list(names).count(name) > 1:
            raise QueryError(f"two columns are named {name!r}: give one another name with AS")
    return pa.table([_portable(name, _one(column)) for name, column in zip(names, columns, strict=True)], names=list(names))


def from_rows(names: Sequence[str], chunks: Iterable[Sequence[Sequence[object]]]) -> pa.Table:
    """Rows of plain Python values, in chunks, as a table.

    Raises
    ------
    QueryError
        As `table`.
    """
    arrays: list[list[pa.Array]] = [[] for _ in names]
    for rows in chunks:
        for name, pieces, values in zip(names, arrays, zip(*rows, strict=True), strict=False):
            pieces.append(_array(name, values))
    return table(names, [_joined(name, pieces) for name, pieces in zip(names, arrays, strict=True)])


def _array(name: str, values: Sequence[object]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, TypeError, ValueError) as error:
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        raise QueryError(f"column {name!r} holds {', '.join(kinds)}: {_HINT}") from error


def _joined(name: str, pieces: list[pa.Array]) -> pa.ChunkedArray:
    pieces = [_portable(name, piece) for piece in pieces]
    try:
        wanted = (
            pa.unify_schemas(
                [pa.schema([pa.field("v", piece.type)]) for piece in pieces] or [pa.schema([pa.field("v", pa.null())])],
                promote_options="permissive",
            )
            .field("v")
            .type
        )
        return pa.chunked_array([pc.cast(piece, wanted, safe=False) for piece in pieces], wanted)
    except pa.ArrowException as error:
        kinds = sorted({str(piece.type) for piece in pieces})
        raise QueryError(f"column {name!r} holds {', '.join(kinds)}: {_HINT}") from error


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return column


def _portable(name: str, values: pa.Array) -> pa.Array:
    kind = values.type
    if values.null_count == len(values):
        return pa.nulls(len(values))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _portable_list(name, values)
    wanted = _scalar(kind)
    if wanted is None:
        what = "nodes, relationships or maps" if pa.types.is_nested(kind) else f"values of type {kind}"
        raise QueryError(f"column {name!r} holds {what}: {_HINT}")
    try:
        return values if kind == wanted else pc.cast(values, wanted)
    except pa.ArrowInvalid as error:
        raise QueryError(f"column {name!r} holds numbers beyond 64 bits: {error}") from error


def _portable_list(name: str, values: pa.Array) -> pa.Array:
    # flatten() leaves out the values under null lists, so offsets are made from the lengths.
    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy().astype("int64")
    offsets = [0, *lengths.cumsum().tolist()]
    items = _portable(name, values.flatten())
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items, mask=values.is_null())


def _scalar(kind: pa.DataType) -> pa.DataType | None:
    if pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0):
        return pa.int64()
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pa.float64()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.string()
    return pa.bool_() if pa.types.is_boolean(kind) else None
