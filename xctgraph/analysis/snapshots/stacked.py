"""Several scans in one graph: stacked by NEXT, as a stream of events, and rows of two snapshots that are the same defect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.analysis.snapshots import columns
from xctgraph.analysis.snapshots.arrays import Edges, EdgeType, Ints, Nodes, Places, ScanGraph, int64, joined, matrix
from xctgraph.analysis.snapshots.columns import EDGE_COLUMNS, KEYS, RELATIONS, TEMPORAL, X_COLUMNS, table_of
from xctgraph.analysis.snapshots.pyg import describe, fill, require_pyg
from xctgraph.analysis.snapshots.reading import read_scan
from xctgraph.analysis.snapshots.selection import Scans, Selection, select
from xctgraph.store import Store, schema
from xctgraph.store.errors import InputError
from xctgraph.store.schema import EVENTS

if TYPE_CHECKING:
    import torch
    from torch_geometric.data import HeteroData, TemporalData

STREAM = ("NEAR", "TOUCHES", *(event for event in EVENTS if event != "continue"))
"""Types of events of an `EventStream`, by their number in `data.event`."""


class EventStream(NamedTuple):
    """Events between tracks in the order of time: node i of `data` is the track `track_id[i]`; see `event_stream`."""

    data: TemporalData
    track_id: torch.Tensor
    msg_names: list[str]


def spatiotemporal(
    store: Store,
    *,
    sample: str | None = None,
    t: Scans = None,
    kinds: Sequence[str] | None = None,
    where: str | None = None,
    radius: float | None = None,
    features: Sequence[str] | None = None,
    targets: bool = False,
) -> HeteroData:
    """One graph of all scans of a sample: the snapshots of `iter_pyg` side by side, joined by NEXT.

    Parameters
    ----------
    sample
        Name of the sample; may be left out where the store has one.
    store, t, kinds, where, radius, features, targets
        As for `iter_pyg`.

    Returns
    -------
    HeteroData
        As of `iter_pyg`, nodes of each type ordered by scan, then key; each node with its scan `t` (n,) int64. Edge types
        (kind, "NEXT", kind) and ("region", "NEXT_REGION", "region"), from the earlier to the later scan only, so that messages
        never run back in time: `edge_attr` as `edge_attr_names` says (known at the scan of the target), and of NEXT `event` (E,)
        int64, its number in `events`. Of the graph: `sample`, `scan_t` (scans,) int64, `time_s` (scans,) float64, NaN where
        unknown, `voxel_size`, names and units.

    Raises
    ------
    InputError
        As `iter_pyg`, or if `sample` is left out and the store has several.
    MissingExtra, StoreCorrupt
        As `iter_pyg`.
    """
    require_pyg()
    return stack(_of_one_sample(store, sample, t, kinds, where, radius), features=features, targets=targets)


def stack(selection: Selection, *, features: Sequence[str] | None = None, targets: bool = False) -> HeteroData:
    """The graph of `spatiotemporal` of a selection of one sample: many of them from one revision of the store."""
    torch_, geometric = require_pyg()
    x_columns = X_COLUMNS | {"features": columns.chosen(features)}
    read = [read_scan(selection, scan, x_columns, targets=targets) for scan in selection.scans]
    graph, scan_of = _stack([arrays for arrays, _ in read], [scan.t for scan in selection.scans])
    y: dict[str, NDArray[np.float32]] = {}
    for name in graph.nodes if targets else ():
        y[name] = np.concatenate([found[name] for _, found in read if name in found])
    data: HeteroData = geometric.HeteroData()
    data.sample = selection.scans[0].sample
    data.scan_t = torch_.tensor([scan.t for scan in selection.scans])
    times = [scan.row["time_s"] for scan in selection.scans]
    data.time_s = torch_.tensor([float("nan") if time is None else time for time in times], dtype=torch_.float64)
    data.voxel_size = torch_.tensor(selection.scans[0].voxel_size, dtype=torch_.float64)
    data.events = list(EVENTS)
    fill(data, graph, y)
    for name, scans in scan_of.items():
        data[name].t = torch_.from_numpy(scans)
    for edge_type, edges, event in _through_time(selection, graph):
        fill(data, ScanGraph({}, {edge_type: edges}), {})
        if event is not None:
            data[edge_type].event = torch_.from_numpy(event)
    relations = [schema.TABLES[name].edge for name in (*RELATIONS, *TEMPORAL)]
    describe(data, list(graph.nodes), x_columns, relations, targets=targets)
    return data


def event_stream(
    store: Store,
    *,
    sample: str | None = None,
    t: Scans = None,
    kinds: Sequence[str] | None = None,
    where: str | None = None,
    radius: float | None = None,
) -> EventStream:
    """What happens between the tracks of a sample, in the order of time, for models of continuous time (TGN and its kin).

    Nodes are tracks, which last, where features vanish from scan to scan. NEAR and TOUCHES are events at their scan, once per
    pair; a split, merge or swallowing is an event from the track that ends to the one that goes on or starts, at the scan in
    which it is first seen.

    Parameters
    ----------
    store, sample, t, kinds, where, radius
        As for `spatiotemporal`.

    Returns
    -------
    EventStream
        `data`: `src`, `dst` (E,) int64 rows of `track_id` (ascending); `t` (E,) int64, the scan, ascending; `event` (E,) int64,
        its number in `STREAM`; `msg` (E, len(msg_names)) float32: the columns of NEAR, TOUCHES and NEXT, 0 where an event has
        none of that name, NaN where the store has no value.

    Raises
    ------
    InputError, MissingExtra, StoreCorrupt
        As `spatiotemporal`.
    """
    torch_, geometric = require_pyg()
    selection = _of_one_sample(store, sample, t, kinds, where, radius)
    msg_names = list(dict.fromkeys(c.name for relation in ("NEAR", "TOUCHES", "NEXT") for c in EDGE_COLUMNS[relation]))
    features = pa.concat_tables([selection.features(scan, ["feature_id", "track_id"]) for scan in selection.scans])
    ids, track = int64(features, "feature_id"), int64(features, "track_id")
    tracks, row = np.unique(track, return_inverse=True)
    pieces: list[tuple[Ints, Ints, Ints, Ints, NDArray[np.float32]]] = []
    for code, when, rows in _events(selection):
        table = rows.filter(pc.and_(*(pc.is_in(rows[end], pa.array(ids)) for end in ("source", "target"))))
        ends = [row[np.searchsorted(ids, int64(table, end))] for end in ("source", "target")]
        other = ends[0] != ends[1]
        names = [name for name in msg_names if name in table.column_names]
        msg = np.zeros((int(other.sum()), len(msg_names)), np.float32)
        msg[:, [msg_names.index(name) for name in names]] = matrix(table, names)[other]
        pieces.append((ends[0][other], ends[1][other], np.full(len(msg), when), np.full(len(msg), code), msg))
    src, dst, time, event = (np.concatenate([np.empty(0, np.int64), *(piece[i] for piece in pieces)]) for i in range(4))
    msg = np.concatenate([np.empty((0, len(msg_names)), np.float32), *(piece[4] for piece in pieces)])
    order = np.lexsort((dst, src, event, time))
    tensors = {"src": src, "dst": dst, "t": time, "msg": msg, "event": event}
    data = geometric.TemporalData(**{name: torch_.from_numpy(values[order]) for name, values in tensors.items()})
    return EventStream(data, torch_.from_numpy(tracks), msg_names)


def aligned(earlier: HeteroData, later: HeteroData) -> dict[tuple[str, str], torch.Tensor]:
    """Rows of two snapshots that are the same physical defect.

    Returns
    -------
    dict of (kind, kind) to (2, n) int64
        Rows in `earlier` and in `later` of the features with equal `track_id`, by their kinds there (a pore may have become a
        fracture), ascending by the earlier row; only pairs of kinds that occur.
    """
    torch_, _ = require_pyg()
    found: dict[tuple[str, str], torch.Tensor] = {}
    for a in (name for name in earlier.node_types if "track_id" in earlier[name]):
        for b in (name for name in later.node_types if "track_id" in later[name]):
            before, after = earlier[a].track_id.numpy(), later[b].track_id.numpy()
            _, i, j = np.intersect1d(before, after, assume_unique=True, return_indices=True)
            if len(i):
                order = np.argsort(i)
                found[a, b] = torch_.from_numpy(np.stack([i[order], j[order]]))
    return found


def _of_one_sample(
    store: Store, sample: str | None, t: Scans, kinds: Sequence[str] | None, where: str | None, radius: float | None
) -> Selection:
    selection = select(store, samples=None if sample is None else [sample], t=t, kinds=kinds, where=where, radius=radius)
    if len(selection.samples) > 1:
        raise InputError(f"the scans are of several samples: name one with sample=, of {', '.join(selection.samples)}")
    return selection


def _stack(graphs: Sequence[ScanGraph], scans: Sequence[int]) -> tuple[ScanGraph, dict[str, Ints]]:
    """Graphs side by side; and the scan of each node by type."""
    types = dict.fromkeys(name for graph in graphs for name in graph.nodes)
    nodes: dict[str, Nodes] = {}
    offsets: dict[str, list[int]] = {}
    scan_of: dict[str, Ints] = {}
    for name in types:
        held = [graph.nodes.get(name) for graph in graphs]
        counts = [0 if found is None else len(found.x) for found in held]
        offsets[name] = np.cumsum([0, *counts]).tolist()
        scan_of[name] = np.repeat(np.array(scans, np.int64), counts)
        there = [found for found in held if found is not None]
        ids = {key: np.concatenate([found.ids[key] for found in there]) for key in there[0].ids}
        nodes[name] = Nodes(np.concatenate([n.x for n in there]), np.concatenate([n.pos for n in there]), ids)
    edges: dict[EdgeType, Edges] = {}
    for edge_type in dict.fromkeys(name for graph in graphs for name in graph.edges):
        a, _, b = edge_type
        held_edges = [(k, graph.edges[edge_type]) for k, graph in enumerate(graphs) if edge_type in graph.edges]
        index = [e.index + np.array([[offsets[a][k]], [offsets[b][k]]]) for k, e in held_edges]
        edges[edge_type] = Edges(np.concatenate(index, axis=1), np.concatenate([e.attr for _, e in held_edges]))
    return ScanGraph(nodes, edges), scan_of


def _through_time(selection: Selection, graph: ScanGraph) -> Iterator[tuple[EdgeType, Edges, Ints | None]]:
    """Edges between scans of the selection, with the number of the event of NEXT."""
    held = {scan.t for scan in selection.scans}
    scans = [scan for scan in selection.scans if scan.next in held]
    for name, nodes in (("next", "features"), ("next_region", "regions")):
        places = _places(graph, [node for node in graph.nodes if table_of(node) == nodes], KEYS[nodes][0])
        relation = schema.TABLES[name].edge
        names = [c.name for c in EDGE_COLUMNS[relation]]
        wanted = ["source", "target", *names, *(["event"] if name == "next" else [])]
        rows = pa.concat_tables([selection.edges(name, scan, wanted) for scan in scans]) if scans else None
        if rows is None or not places.types:
            continue
        # Ends that were not selected are no nodes of the stack.
        rows = rows.filter(pc.and_(*(pc.is_in(rows[end], pa.array(places.ids)) for end in ("source", "target"))))
        attr = matrix(rows, names)
        if name == "next":
            event = pc.index_in(rows["event"], pa.array(EVENTS, pa.string())).to_numpy().astype(np.float32)
            attr = np.concatenate([attr, event[:, None]], axis=1)
        for edge_type, edges in joined(relation, rows, attr, places, places).items():
            if name == "next":
                yield edge_type, Edges(edges.index, edges.attr[:, :-1]), edges.attr[:, -1].astype(np.int64)
            else:
                yield edge_type, edges, None


def _places(graph: ScanGraph, types: Sequence[str], key: str) -> Places:
    ids = np.concatenate([np.empty(0, np.int64), *(graph.nodes[name].ids[key] for name in types)])
    order = np.argsort(ids)
    counts = [len(graph.nodes[name].x) for name in types]
    return Places(ids[order], order, np.cumsum([0, *counts]), tuple(types))


def _events(selection: Selection) -> Iterator[tuple[int, int, pa.Table]]:
    """Number of the event, its scan and rows, as `event_stream` has them."""
    held = {scan.t for scan in selection.scans}
    for scan in selection.scans:
        for code, name in enumerate(("near", "touches")):
            yield code, scan.t, selection.edges(name, scan)
        if scan.next in held:
            links = selection.edges("next", scan)
            for code, event in enumerate(STREAM):
                if event in EVENTS:
                    yield code, int(scan.next), links.filter(pc.equal(links["event"], event))
