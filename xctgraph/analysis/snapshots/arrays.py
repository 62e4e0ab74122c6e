"""From the tables of one scan to the arrays of a heterogeneous graph. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.analysis.snapshots.columns import EDGE_COLUMNS, X_COLUMNS
from xctgraph.store.errors import StoreCorrupt

EdgeType = tuple[str, str, str]


@dataclass(frozen=True)
class Nodes:
    """Features of one kind, by ascending `feature_id`: `x` (n, columns) float32, `pos` (n, 3) float32 z, y, x in µm, ids (n,)."""

    x: NDArray[np.float32]
    pos: NDArray[np.float32]
    feature_id: NDArray[np.int64]
    track_id: NDArray[np.int64]
    label: NDArray[np.int64]


@dataclass(frozen=True)
class Edges:
    """One relation between two kinds: `index` (2, E) int64 rows of source and target, `attr` (E, columns) float32."""

    index: NDArray[np.int64]
    attr: NDArray[np.float32]


@dataclass(frozen=True)
class ScanGraph:
    """All nodes and edges of one scan."""

    nodes: dict[str, Nodes]
    edges: dict[EdgeType, Edges]


def scan_graph(features: pa.Table, relations: Mapping[str, pa.Table], kinds: Sequence[str] | None = None) -> ScanGraph:
    """Arrange the features and edges of one scan by kind.

    Parameters
    ----------
    features
        Rows of one scan with `columns.FEATURE_COLUMNS`.
    relations
        By relation name (`NEAR`, `TOUCHES`), a table with `source`, `target` and the relation's columns; each pair stored once.
    kinds
        Node types, also those without a feature in this scan. By default the kinds present, in alphabetical order.

    Returns
    -------
    ScanGraph
        Every edge in both directions, sorted by row of source, then of target. NEAR joins each ordered pair of kinds and
        TOUCHES each ordered pair of different kinds, with no edges where there are none, so that two scans with the same
        kinds have the same edge types.

    Raises
    ------
    StoreCorrupt
        If an edge names a feature that the scan does not have.
    """
    ids = _int64(features, "feature_id")
    if (ids[1:] < ids[:-1]).any():
        features = features.sort_by("feature_id")
        ids = _int64(features, "feature_id")
    names = list(kinds) if kinds is not None else sorted(features["kind"].unique().to_pylist())
    kind = pc.index_in(features["kind"], pa.array(names, pa.string())).fill_null(len(names)).to_numpy().astype(np.int64)
    order = np.argsort(kind, kind="stable")
    starts = np.searchsorted(kind[order], np.arange(len(names) + 1))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    x, pos = matrix(features, [c.name for c in X_COLUMNS]), matrix(features, ("z", "y", "x"))
    track_id, label = _int64(features, "track_id"), _int64(features, "label")
    nodes: dict[str, Nodes] = {}
    for name, start, stop in zip(names, starts[:-1], starts[1:], strict=True):
        here = order[start:stop]
        nodes[name] = Nodes(x[here], pos[here], ids[here], track_id[here], label[here])
    edges: dict[EdgeType, Edges] = {}
    for relation, table in relations.items():
        edges |= _by_kind(relation, table, ids, place, starts, names)
    return ScanGraph(nodes, edges)


def matrix(table: pa.Table, columns: Sequence[str]) -> NDArray[np.float32]:
    """Columns as a float32 matrix of shape (rows, columns), C order; null becomes NaN, true 1, false 0."""
    out = np.empty((table.num_rows, len(columns)), np.float32)
    for i, name in enumerate(columns):
        column = table[name]
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int8())
        out[:, i] = column.cast(pa.float64()).to_numpy()
    return out


def _by_kind(
    relation: str,
    table: pa.Table,
    ids: NDArray[np.int64],
    place: NDArray[np.int64],
    starts: NDArray[np.int64],
    names: Sequence[str],
) -> dict[EdgeType, Edges]:
    """Split edges by the kinds of their ends; `place` orders the features by kind, kind k from `starts[k]` to `starts[k + 1]`."""
    attr = matrix(table, [c.name for c in EDGE_COLUMNS[relation]])
    ends = [place[_rows(relation, _int64(table, end), ids)] for end in ("source", "target")]
    kept = (ends[0] < starts[-1]) & (ends[1] < starts[-1])
    a, b, attr = ends[0][kept], ends[1][kept], attr[kept]
    source, target = np.concatenate([a, b]), np.concatenate([b, a])
    order = np.argsort(source * len(ids) + target)
    source, target, attr = source[order], target[order], np.concatenate([attr, attr])[order]
    blocks = np.searchsorted(source, starts)
    found: dict[EdgeType, Edges] = {}
    for i, first in enumerate(names):
        block = slice(blocks[i], blocks[i + 1])
        for j, second in enumerate(names):
            here = block.start + np.flatnonzero((target[block] >= starts[j]) & (target[block] < starts[j + 1]))
            if len(here) or relation == "NEAR" or i != j:
                index = np.stack([source[here] - starts[i], target[here] - starts[j]])
                found[first, relation, second] = Edges(index, attr[here])
    return found


def _rows(relation: str, wanted: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of `wanted` in the ascending `ids`, through a table from label to row: labels of a scan are dense."""
    first, last = (ids[0], ids[-1]) if len(ids) else (0, -1)
    row = np.full(last - first + 1, -1, np.int64)
    row[ids - first] = np.arange(len(ids))
    inside = (wanted >= first) & (wanted <= last)
    found = np.full(len(wanted), -1, np.int64)
    found[inside] = row[wanted[inside] - first]
    if (found < 0).any():
        missing = wanted[found < 0]
        raise StoreCorrupt(
            f"{len(missing)} {relation} edges name features that their scan does not have, the first {missing[0]}: "
            "run `xctgraph doctor`, or ingest the scan again with --replace"
        )
    return found


def _int64(table: pa.Table, name: str) -> NDArray[np.int64]:
    return np.asarray(table[name].to_numpy(), np.int64)
