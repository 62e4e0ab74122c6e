"""What a snapshot at t holds: the columns of the schema that are numeric, no identifiers, and known at t."""

from __future__ import annotations

from collections.abc import Sequence

from xctgraph.store import schema
from xctgraph.store.errors import InputError, nearest
from xctgraph.store.table import Column, KnownAt, Table

KEYS = {"features": ("feature_id", "track_id", "label"), "front_sites": ("site_id", "feature_id"), "regions": ("region_id",)}
"""Identifiers kept beside `x`, by table of nodes; the first is the key and orders the rows."""

POSITIONS = {"features": ("z", "y", "x"), "front_sites": ("z", "y", "x"), "regions": ("ref_z", "ref_y", "ref_x")}
"""Columns of `pos`: of a region in the reference frame, else in the frame of the scan."""

NODE_TYPES = {"front_sites": "front_site", "regions": "region"}
"""Node type of the tables that have one; features have their kinds."""

IDENTIFIERS = {
    "feature_id", "site_id", "scan_id", "t", "label", "source_label", "cluster_id", "track_id", "region_id", "patch", "front",
}  # fmt: skip
NUMERIC = ("float64", "int64", "int32", "bool")

TEMPORAL = ("next", "next_region")
"""Tables of edges between scans: never in a snapshot, only in a stack of them."""

RELATIONS = tuple(table.name for table in schema.TABLES.values() if table.edge and table.name not in TEMPORAL)
"""Tables of edges within one scan."""

UNDIRECTED = ("NEAR", "TOUCHES", "ADJACENT")
"""Relations stored once per pair; a graph has them in both directions."""

SCAN_ATTRIBUTES = ("time_s", "load_n", "strain", "material_volume")
"""Scan columns kept as attributes of the graph; a null is NaN."""


def _numeric(table: Table, skip: set[str], known_at: Sequence[KnownAt]) -> tuple[Column, ...]:
    """Columns of all kinds: one that only fractures have would be NaN in almost every row."""
    chosen = (c for c in table.columns if c.type in NUMERIC and c.known_at in known_at and c.kinds is None)
    return tuple(c for c in chosen if c.name not in skip)


X_COLUMNS = {name: _numeric(schema.TABLES[name], IDENTIFIERS, ("t",)) for name in KEYS}
"""Columns of `x` by table of nodes, in order; of features the same for every kind and every scan."""

LATER_COLUMNS = {name: _numeric(schema.TABLES[name], IDENTIFIERS, ("t+1",)) for name in KEYS}
"""Columns that become known with the next scan, by table of nodes: targets, never in `x`."""

EDGE_COLUMNS = {
    schema.TABLES[name].edge: _numeric(
        schema.TABLES[name], {"source", "target", "sample", "t"}, ("t", "t+1") if name in TEMPORAL else ("t",)
    )
    for name in (*RELATIONS, *TEMPORAL)
}
"""Columns of `edge_attr` by relation, in order. Those of NEXT are known when its later end is."""

DERIVED = tuple(
    edge for edge in schema.DERIVED_EDGES if {edge.edge_from, edge.edge_to} <= {schema.TABLES[name].node for name in KEYS}
)
"""Edges within one scan that a column of a node table makes: IN_REGION, FRONT_OF."""


def chosen(names: Sequence[str] | None) -> tuple[Column, ...]:
    """Columns of `x` of features that `names` choose, in that order; all without it.

    Raises
    ------
    InputError
        If one is no numeric column of features that is known at t.
    """
    held = {column.name: column for column in X_COLUMNS["features"]}
    for name in names or ():
        if name not in held:
            raise InputError(f"{name!r} is no numeric column of features that a snapshot may hold: {nearest(name, held)}")
    return tuple(held.values()) if names is None else tuple(held[name] for name in dict.fromkeys(names))


def table_of(node_type: str) -> str:
    """Table that the nodes of a type come from."""
    return next((table for table, name in NODE_TYPES.items() if name == node_type), "features")
