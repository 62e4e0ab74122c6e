"""From a selection to the arrays of one scan, and what becomes of its nodes. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xctgraph.analysis.snapshots.arrays import TABLE_OF, ScanGraph, matrix, scan_graph
from xctgraph.analysis.snapshots.columns import (
    DERIVED,
    EDGE_COLUMNS,
    KEYS,
    LATER_COLUMNS,
    NODE_TYPES,
    POSITIONS,
    RELATIONS,
    table_of,
)
from xctgraph.analysis.snapshots.selection import Scan, Selection
from xctgraph.analysis.snapshots.targets import TARGETS, feature_targets
from xctgraph.store import schema
from xctgraph.store.table import Column

XColumns: TypeAlias = Mapping[str, Sequence[Column]]
"""Columns of `x` by table of nodes."""


def read_scan(
    selection: Selection, scan: Scan, x_columns: XColumns, *, targets: bool
) -> tuple[ScanGraph, dict[str, NDArray[np.float32]]]:
    """Arrays of one scan; and `y` by node type, empty without `targets`.

    Raises
    ------
    StoreCorrupt
        If an edge names a node that the scan does not have.
    """
    present = ["features", *(table for table in NODE_TYPES if selection.has_type(table, scan))]
    tables = {table: selection.nodes(table, scan, _needed(table, x_columns[table], targets=targets)) for table in present}
    for name in RELATIONS:
        table = schema.TABLES[name]
        if {TABLE_OF[table.edge_from], TABLE_OF[table.edge_to]} <= set(present):
            tables[name] = selection.edges(name, scan, ["source", "target", *(c.name for c in EDGE_COLUMNS[table.edge])])
    kinds = None if selection.kinds is None else [kind for kind in selection.kinds if kind not in NODE_TYPES.values()]
    names = {table: [c.name for c in described] for table, described in x_columns.items()}
    graph = scan_graph(tables, kinds, selection.taken(tables["features"], scan), names)
    return graph, _targets(selection, scan, tables, graph) if targets else {}


def y_columns(node_type: str) -> tuple[Column, ...]:
    """Columns of `y` of a node type."""
    table = table_of(node_type)
    return (*TARGETS, *LATER_COLUMNS[table]) if table == "features" else LATER_COLUMNS[table]


def _needed(table: str, x_columns: Sequence[Column], *, targets: bool) -> list[str]:
    """Columns to read of a table of nodes, each once."""
    names = [*KEYS[table], *POSITIONS[table], *(c.name for c in x_columns)]
    names += [edge.target for edge in DERIVED if edge.table == table]
    names += ["kind"] if table == "features" else []
    if targets:
        names += [c.name for c in LATER_COLUMNS[table]] + (["volume"] if table == "features" else [])
    return list(dict.fromkeys(names))


def _targets(
    selection: Selection, scan: Scan, tables: Mapping[str, pa.Table], graph: ScanGraph
) -> dict[str, NDArray[np.float32]]:
    source = selection.source

    def links(t: int | None) -> pa.Table | None:
        where = {"sample": scan.sample, "t": t}
        known = t is not None and source.has("next", **where)
        return source.read("next", ["source", "target", "event"], **where) if known else None

    arriving, leaving = links(scan.previous), links(scan.t) if scan.next is not None else None
    later = source.read("features", ["track_id", "volume"], sample=scan.sample, t=scan.next) if scan.next is not None else None
    y = {"features": feature_targets(tables["features"], arriving, leaving, later)}
    found: dict[str, NDArray[np.float32]] = {}
    for name, nodes in graph.nodes.items():
        table = table_of(name)
        rows, key = tables[table], KEYS[table][0]
        described = matrix(rows, [c.name for c in LATER_COLUMNS[table]])
        whole = np.concatenate([y[table], described], axis=1) if table in y else described
        found[name] = whole[np.searchsorted(rows[key].to_numpy(), nodes.ids[key])]
    return found
