"""Rows of nodes and edges as the store has them: what the formats other than PyTorch Geometric are written from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.analysis.snapshots.arrays import TABLE_OF, int64
from xctgraph.analysis.snapshots.columns import DERIVED, KEYS, NODE_TYPES, RELATIONS
from xctgraph.analysis.snapshots.selection import Parts, Scan, Selection
from xctgraph.store import Store, ids, schema
from xctgraph.store.arrow import schema as arrow_schema
from xctgraph.store.errors import InputError, nearest

PAIR = "PAIR"
"""Relation of the edges that rows of a query make."""

LEFT_OUT = ("job_id",)

ENDS = {table.edge: (TABLE_OF[table.edge_from], TABLE_OF[table.edge_to]) for table in schema.TABLES.values() if table.edge}
ENDS |= {edge.name: (TABLE_OF[edge.edge_from], TABLE_OF[edge.edge_to]) for edge in DERIVED} | {PAIR: ("features", "features")}
"""Tables of the nodes that each relation joins."""


@dataclass(frozen=True)
class Subgraph:
    """Nodes by table, all columns; edges by relation: `source`, `target` (keys of nodes) and columns, undirected pairs once.

    Units and meanings are the metadata of the Arrow fields.
    """

    nodes: dict[str, pa.Table]
    edges: dict[str, pa.Table]


def scans(selection: Selection) -> Iterator[Subgraph]:
    """The selection, scan by scan; links into the next scan come with the scan that they leave."""
    held = {(scan.sample, scan.t): scan for scan in selection.scans}
    for scan in selection.scans:
        later = None if scan.next is None else held.get((scan.sample, scan.next))
        yield of_scan(selection, scan, later)


def of_scan(selection: Selection, scan: Scan, later: Scan | None) -> Subgraph:
    """Nodes of one scan, their edges, and the links to the selected nodes of `later`."""
    nodes = {"features": _without(selection.features(scan))}
    nodes |= {name: _without(selection.nodes(name, scan)) for name in NODE_TYPES if selection.has_type(name, scan)}
    keys = {name: int64(rows, KEYS[name][0]) for name, rows in nodes.items()}
    edges: dict[str, pa.Table] = {}
    for name in RELATIONS:
        relation = schema.TABLES[name].edge
        source, target = ENDS[relation]
        if source in nodes and target in nodes:
            edges[relation] = _between(selection.edges(name, scan), keys[source], keys[target])
    for derived in DERIVED:
        source, target = ENDS[derived.name]
        if source in nodes and target in nodes:
            pairs = nodes[derived.table].select([derived.source, derived.target]).drop_null().rename_columns(["source", "target"])
            edges[derived.name] = _between(pairs, keys[source], keys[target])
    if later is not None:
        after = int64(selection.features(later, ["feature_id"]), "feature_id")
        edges["NEXT"] = _between(selection.edges("next", scan), keys["features"], after)
        if "regions" in nodes and selection.has_type("regions", later):
            after = int64(selection.nodes("regions", later, ["region_id"]), "region_id")
            edges["NEXT_REGION"] = _between(selection.edges("next_region", scan), keys["regions"], after)
    return Subgraph(nodes, edges)


def together(parts: Iterator[Subgraph]) -> Subgraph:
    """Several as one, in memory."""
    nodes: dict[str, list[pa.Table]] = {}
    edges: dict[str, list[pa.Table]] = {}
    for part in parts:
        for found, rows in ((nodes, part.nodes), (edges, part.edges)):
            for name, table in rows.items():
                found.setdefault(name, []).append(table)
    return Subgraph(
        {name: pa.concat_tables(tables) for name, tables in nodes.items()},
        {name: pa.concat_tables(tables) for name, tables in edges.items()},
    )


def of_pairs(store: Store, rows: pa.Table, source: str = "source", target: str = "target") -> Subgraph:
    """Rows of pairs of features, such as the answer of a Cypher query, as a graph.

    Parameters
    ----------
    store
        Open store, from whose parts the features are read.
    rows
        One row per edge: two columns that name features by `feature_id` (integers) or `uid` (`sample/t/label`), and any others,
        which become properties of the edges. Rows without one of the two are left out.
    source, target
        Names of the two columns.

    Returns
    -------
    Subgraph
        The features that are named, with all their columns, ascending by id; the edges under the relation `PAIR`.

    Raises
    ------
    InputError
        If a column is missing or names no features of the store.
    """
    for name in (source, target):
        if name not in rows.column_names:
            raise InputError(f"the rows have no column {name!r}, an end of the edges: {nearest(name, rows.column_names)}")
    rows = rows.filter(pc.and_(pc.is_valid(rows[source]), pc.is_valid(rows[target])))
    parts = Parts(store.path, store.manifest())
    numbers = {row["sample"]: row["sample_no"] for row in parts.read("samples", ["sample", "sample_no"]).to_pylist()}
    ends = [_feature_ids(rows[name], name, numbers) for name in (source, target)]
    named = np.unique(np.concatenate(ends))
    features = _without(_named(parts, named, {number: sample for sample, number in numbers.items()}))
    others = [name for name in rows.column_names if name not in (source, target)]
    columns = {"source": pa.array(ends[0]), "target": pa.array(ends[1])} | {name: rows[name] for name in others}
    return Subgraph({"features": features}, {PAIR: pa.table(columns)})


def _feature_ids(column: pa.ChunkedArray, name: str, numbers: dict[str, int]) -> NDArray[np.int64]:
    if pa.types.is_integer(column.type):
        return np.asarray(column.to_numpy(), np.int64)
    if not pa.types.is_string(column.type):
        raise InputError(f"column {name!r} is {column.type}: name features by feature_id or uid, as in RETURN a.uid AS {name}")
    found = np.empty(len(column), np.int64)
    for i, uid in enumerate(column.to_pylist()):
        sample, t, label = ids.parse_uid(uid)
        if sample not in numbers:
            raise InputError(f"feature {uid!r} is of no sample of the store: {nearest(sample, numbers)}")
        found[i] = ids.feature_id(numbers[sample], t, label)
    return found


def _named(parts: Parts, wanted: NDArray[np.int64], samples: dict[int, str]) -> pa.Table:
    """Rows of the features with these ids, ascending."""
    pieces = [arrow_schema("features").empty_table()]
    for scan_id in np.unique(wanted >> ids.LABEL_BITS << ids.LABEL_BITS).tolist():
        number, t, _ = ids.unpack(scan_id)
        if number in samples:
            rows = parts.read("features", sample=samples[number], t=t)
            pieces.append(rows.filter(pc.is_in(rows["feature_id"], pa.array(wanted))))
    features = pa.concat_tables(pieces).sort_by("feature_id")
    missing = np.setdiff1d(wanted, int64(features, "feature_id"))
    if len(missing):
        raise InputError(f"{missing[0]} is the feature_id of no feature of the store: return a.feature_id or a.uid")
    return features


def _between(rows: pa.Table, source: NDArray[np.int64], target: NDArray[np.int64]) -> pa.Table:
    """Rows of edges whose ends are both among the keys."""
    there = pc.and_(pc.is_in(rows["source"], pa.array(source)), pc.is_in(rows["target"], pa.array(target)))
    return _without(rows.filter(there))


def _without(rows: pa.Table, names: Sequence[str] = LEFT_OUT) -> pa.Table:
    return rows.drop_columns([name for name in names if name in rows.column_names])
