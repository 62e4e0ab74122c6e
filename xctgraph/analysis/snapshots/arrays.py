"""From the tables of one scan to the arrays of a heterogeneous graph. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.analysis.snapshots.columns import (
    DERIVED,
    EDGE_COLUMNS,
    KEYS,
    NODE_TYPES,
    POSITIONS,
    RELATIONS,
    UNDIRECTED,
    X_COLUMNS,
)
from xctgraph.analysis.snapshots.pairing import by_types, in_order, look_up
from xctgraph.store import schema
from xctgraph.store.errors import InputError, StoreCorrupt

EdgeType = tuple[str, str, str]
Ints = NDArray[np.int64]

BLOCK = 2048

TABLE_OF = {schema.TABLES[name].node: name for name in KEYS}


@dataclass(frozen=True)
class Nodes:
    """Nodes of one type, ascending by key: `x` (n, columns) float32, `pos` (n, 3) float32 z, y, x in µm, `ids` (n,) by name."""

    x: NDArray[np.float32]
    pos: NDArray[np.float32]
    ids: dict[str, Ints]


@dataclass(frozen=True)
class Edges:
    """One relation between two node types: `index` (2, E) int64 rows of source and target, `attr` (E, columns) float32."""

    index: Ints
    attr: NDArray[np.float32]


@dataclass(frozen=True)
class Places:
    """Where the nodes of one table are: `ids[k]` (ascending) has the number `order[k]`, type i those from `starts[i]` on.

    Numbers from `starts[-1]` on are those of nodes that were not selected.
    """

    ids: Ints
    order: Ints
    starts: Ints
    types: tuple[str, ...]

    def find(self, relation: str, wanted: Ints) -> Ints:
        """Number of each of the ids `wanted`.

        Raises
        ------
        StoreCorrupt
            If one is not there.
        """
        found, missing = self._numbers(wanted)
        if missing:
            raise StoreCorrupt(
                f"{missing} {relation} edges name nodes that their scan does not have, the first {wanted[found < 0][0]}: "
                "run `xctgraph doctor`, or ingest the scan again with --replace"
            )
        return found

    def _numbers(self, wanted: Ints) -> tuple[Ints, int]:
        if not len(self.ids):
            return np.full(len(wanted), -1, np.int64), len(wanted)
        first, last = int(self.ids[0]), int(self.ids[-1])
        if last - first > 8 * len(self.ids) + 1024:
            place = np.searchsorted(self.ids, wanted).clip(max=len(self.ids) - 1)
            found = np.where(self.ids[place] == wanted, self.order[place], -1)
            return found, int((found < 0).sum())
        # The labels of a scan are dense: a table from label to number is quicker than bisection.
        number = np.full(last - first + 1, -1, np.int64)
        number[self.ids - first] = self.order
        found = np.empty(len(wanted), np.int64)
        return found, look_up(number, first, wanted, found)


@dataclass(frozen=True)
class ScanGraph:
    """All nodes and edges of one scan."""

    nodes: dict[str, Nodes]
    edges: dict[EdgeType, Edges]


def scan_graph(
    tables: Mapping[str, pa.Table],
    kinds: Sequence[str] | None = None,
    taken: NDArray[np.bool_] | None = None,
    x_columns: Mapping[str, Sequence[str]] | None = None,
) -> ScanGraph:
    """Arrange the nodes and edges of one scan by type.

    Parameters
    ----------
    tables
        Rows of one scan by name of table: `features`; `front_sites` and `regions` where these are to be nodes; the tables of
        edges between them, each pair of an undirected relation once. All with the columns of `columns`, nodes ascending by key.
    kinds
        Node types of features, also those without a feature in this scan. By default the kinds present, in alphabetical order.
    taken
        Mask of the features to take; all by default.
    x_columns
        Names of the columns of `x`, by table of nodes; `columns.X_COLUMNS` by default.

    Returns
    -------
    ScanGraph
        Edges sorted by row of source, then of target. NEAR, TOUCHES and ADJACENT in both directions; of the directed
        relations (FRONT_OF, FACES, IN_REGION) the reverse beside them as `rev_…`, with the same `attr`. NEAR joins each ordered
        pair of kinds, the others each pair that the schema knows, with no edges where there are none, so that two scans with the
        same node types have the same edge types.

    Raises
    ------
    StoreCorrupt
        If an edge names a node that the scan does not have.
    InputError
        If a kind has the name of a node type that is no kind.
    """
    names = x_columns or {table: [c.name for c in described] for table, described in X_COLUMNS.items()}
    places: dict[str, Places] = {}
    nodes: dict[str, Nodes] = {}
    for table in (name for name in KEYS if name in tables):
        rows = tables[table]
        types = by_kind(rows, kinds, taken) if table == "features" else _whole(rows, table)
        if table != "features" and types.types[0] in nodes:
            raise InputError(f"features have the kind {types.types[0]!r}, the node type of {table}: leave one out with --kind")
        places[table] = types
        nodes |= _nodes(rows, table, types, names[table])
    edges: dict[EdgeType, Edges] = {}
    for name in (name for name in RELATIONS if name in tables):
        stored = schema.TABLES[name]
        attr = matrix(tables[name], [c.name for c in EDGE_COLUMNS[stored.edge]])
        found = joined(stored.edge, tables[name], attr, places[TABLE_OF[stored.edge_from]], places[TABLE_OF[stored.edge_to]])
        edges |= found if stored.edge in UNDIRECTED else found | turned(found)
    for derived in DERIVED:
        source, target = (places.get(TABLE_OF[node]) for node in (derived.edge_from, derived.edge_to))
        if source is not None and target is not None:
            pairs = tables[derived.table].select([derived.source, derived.target]).drop_null()
            bare = np.empty((pairs.num_rows, 0), np.float32)
            found = joined(derived.name, pairs.rename_columns(["source", "target"]), bare, source, target)
            edges |= found | turned(found)
    return ScanGraph(nodes, edges)


def matrix(table: pa.Table, columns: Sequence[str]) -> NDArray[np.float32]:
    """Columns as a float32 matrix of shape (rows, columns), C order; null becomes NaN, true 1, false 0."""
    out = np.empty((table.num_rows, len(columns)), np.float32)
    values = []
    for name in columns:
        column = table[name].cast(pa.int8()) if pa.types.is_boolean(table[name].type) else table[name]
        values.append(column.cast(pa.float64()).to_numpy())
    # By blocks of rows that stay in the cache while the columns are written side by side.
    for start in range(0, table.num_rows, BLOCK):
        block = out[start : start + BLOCK]
        for i, column in enumerate(values):
            block[:, i] = column[start : start + BLOCK]
    return out


def joined(relation: str, table: pa.Table, attr: NDArray[np.float32], source: Places, target: Places) -> dict[EdgeType, Edges]:
    """Edges of one relation by the types of their ends; those with an end that was not selected are left out.

    `table` has `source` and `target`, and `attr` a row for each; an undirected pair comes out in both directions.
    """
    both = relation in UNDIRECTED
    ids = int64(table, "source"), int64(table, "target")
    order = in_order(*ids, both=both)
    if order is not None:
        a, b = (np.minimum(*ids), np.maximum(*ids)) if both else ids
        ids, attr = (a[order], b[order]), attr[order]
    ends = source.find(relation, ids[0]), target.find(relation, ids[1])
    parts = by_types(*ends, attr, source.starts, target.starts, both=both)
    empty = np.empty((2, 0), np.int64), np.empty((0, attr.shape[1]), np.float32)
    found: dict[EdgeType, Edges] = {}
    for i, first in enumerate(source.types):
        for j, second in enumerate(target.types):
            if (i, j) in parts or _always(relation, first, second):
                found[first, relation, second] = Edges(*parts.get((i, j), empty))
    return found


def turned(edges: Mapping[EdgeType, Edges]) -> dict[EdgeType, Edges]:
    """The same edges from target to source, under the relation `rev_…`; `attr` is that of the edge as it was stored."""
    found: dict[EdgeType, Edges] = {}
    for (a, relation, b), held in edges.items():
        order = np.lexsort(held.index)
        found[b, f"rev_{relation}", a] = Edges(held.index[::-1, order], held.attr[order])
    return found


def int64(table: pa.Table, name: str) -> Ints:
    """A column without nulls as an array."""
    return np.asarray(table[name].to_numpy(), np.int64)


def _always(relation: str, source: str, target: str) -> bool:
    """Whether two node types have the relation in every graph, be it without edges."""
    if relation == "TOUCHES":
        return source != target
    if relation == "FRONT_OF":
        return target == "fracture"
    return relation != "FACES" or target != "fracture"


def by_kind(features: pa.Table, kinds: Sequence[str] | None = None, taken: NDArray[np.bool_] | None = None) -> Places:
    """Places of features by kind; `kinds` and `taken` as in `scan_graph`."""
    ids = int64(features, "feature_id")
    column = features["kind"] if taken is None else features["kind"].filter(pa.array(taken))
    names = tuple(kinds) if kinds is not None else tuple(sorted(column.unique().to_pylist()))
    kind = pc.index_in(features["kind"], pa.array(names, pa.string())).fill_null(len(names)).to_numpy().astype(np.int64)
    if taken is not None:
        kind[~taken] = len(names)
    rows = np.argsort(kind, kind="stable")
    order = np.empty_like(rows)
    order[rows] = np.arange(len(rows))
    return Places(ids, order, np.searchsorted(kind[rows], np.arange(len(names) + 1)), names)


def _whole(rows: pa.Table, table: str) -> Places:
    ids = int64(rows, KEYS[table][0])
    return Places(ids, np.arange(len(ids)), np.array([0, len(ids)]), (NODE_TYPES[table],))


def _nodes(rows: pa.Table, table: str, places: Places, x_columns: Sequence[str]) -> dict[str, Nodes]:
    x, pos = matrix(rows, x_columns), matrix(rows, POSITIONS[table])
    ids = {name: int64(rows, name) for name in KEYS[table]}
    by_type = np.empty_like(places.order)
    by_type[places.order] = np.arange(len(by_type))
    found: dict[str, Nodes] = {}
    for name, start, stop in zip(places.types, places.starts[:-1], places.starts[1:], strict=True):
        here = by_type[start:stop]
        found[name] = Nodes(x[here], pos[here], {key: values[here] for key, values in ids.items()})
    return found
