"""What a snapshot at t holds: the columns of the schema that are numeric, no identifiers, and known at t."""

from __future__ import annotations

from xctgraph.store import schema
from xctgraph.store.table import Column, Table

IDENTIFIERS = ("feature_id", "scan_id", "t", "label", "source_label", "cluster_id", "track_id", "region_id")
NUMERIC = ("float64", "int64", "int32", "bool")
RELATIONS = ("near", "touches")

SCAN_ATTRIBUTES = ("time_s", "load_n", "strain", "material_volume")
"""Scan columns kept as attributes of the graph; a null is NaN."""


def _known_at_t(table: Table, skip: tuple[str, ...]) -> tuple[Column, ...]:
    return tuple(c for c in table.columns if c.type in NUMERIC and c.known_at == "t" and c.name not in skip)


X_COLUMNS = _known_at_t(schema.FEATURES, IDENTIFIERS)
"""Columns of `x`, in order; the same for every kind and every scan."""

EDGE_COLUMNS = {
    schema.TABLES[name].edge: _known_at_t(schema.TABLES[name], ("source", "target", "sample", "t")) for name in RELATIONS
}
"""Columns of `edge_attr` by relation, in order."""

FEATURE_COLUMNS = ("feature_id", "track_id", "label", "kind", *(c.name for c in X_COLUMNS))
"""Everything read from the features of one scan."""
