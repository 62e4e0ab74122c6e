"""PyTorch Geometric: one `HeteroData` per scan."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xctgraph.analysis.snapshots import columns
from xctgraph.analysis.snapshots.arrays import ScanGraph, by_kind, joined, matrix, scan_graph
from xctgraph.analysis.snapshots.columns import EDGE_COLUMNS, RELATIONS, SCAN_ATTRIBUTES, X_COLUMNS, table_of
from xctgraph.analysis.snapshots.reading import XColumns, read_scan, y_columns
from xctgraph.analysis.snapshots.selection import Scan, Scans, Selection, select
from xctgraph.analysis.snapshots.subgraph import PAIR, of_pairs
from xctgraph.store import Store, schema
from xctgraph.store.errors import MissingExtra
from xctgraph.store.manifest import Manifest
from xctgraph.store.table import Column

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


def pyg(
    store: Store,
    *,
    samples: Sequence[str] | None = None,
    t: Scans = None,
    kinds: Sequence[str] | None = None,
    where: str | None = None,
    radius: float | None = None,
    features: Sequence[str] | None = None,
    targets: bool = False,
) -> list[HeteroData]:
    """One graph per scan, ordered by sample and t; see `iter_pyg`, which yields them one at a time."""
    chosen = iter_pyg(store, samples=samples, t=t, kinds=kinds, where=where, radius=radius, features=features, targets=targets)
    return list(chosen)


def iter_pyg(
    store: Store,
    *,
    samples: Sequence[str] | None = None,
    t: Scans = None,
    kinds: Sequence[str] | None = None,
    where: str | None = None,
    radius: float | None = None,
    features: Sequence[str] | None = None,
    targets: bool = False,
    revision: Manifest | None = None,
) -> Iterator[HeteroData]:
    """Yield one `HeteroData` per scan, ordered by sample and t.

    Parameters
    ----------
    store, samples, t, where, radius, revision
        As for `select`.
    kinds
        Node types of every graph, also where a scan has none of them: kinds of features, `front_site`, `region`. By default each
        graph has those present in its scan.
    features
        Columns of `x` of the features; all of `columns.X_COLUMNS` by default.
    targets
        Add what becomes of the nodes until the next scan, as `y`. Nothing else in the graph became known later than its scan.

    Yields
    ------
    HeteroData
        Node types are kinds, `front_site` and `region`. Per type, rows ascending by key (`feature_id`, `site_id`, `region_id`):
        `x` (n, len(x_names[type])) float32, numeric columns of the schema known at t except identifiers, null as NaN; `pos`
        (n, 3) float32, z, y, x in µm of that scan's frame (of a region: of the reference frame); the key (n,) int64, and
        `track_id` and `label` of features, `feature_id` (its fracture) of a site. With `targets`, `y` (n, len(y_names[type]))
        float32, NaN where unknown: `targets.TARGETS` of features, `advance_um` and `advanced` of sites.

        Edge types (kind, "NEAR", kind), (kind, "TOUCHES", kind), ("region", "ADJACENT", "region"), each pair in both
        directions; ("front_site", "FRONT_OF", kind), ("front_site", "FACES", kind), (kind, "IN_REGION", "region") and their
        reverses under `rev_…`: `edge_index` (2, E) int64, `edge_attr` (E, len(edge_attr_names[relation])) float32 where the
        relation has columns.

        Of the graph: `sample`, `t`, `time_s`, `load_n`, `strain`, `material_volume` (NaN where unknown), `voxel_size` (3,)
        float64 z, y, x in µm; `x_names`, `x_units` and with targets `y_names`, `y_units` by node type; `edge_attr_names`,
        `edge_attr_units` by relation.

    Raises
    ------
    InputError
        As `select`, or if a column of `features` is unknown.
    MissingExtra
        If torch or torch_geometric is not installed.
    StoreCorrupt
        If an edge names a node that its scan does not have.
    """
    require_pyg()
    selection = select(store, samples=samples, t=t, kinds=kinds, where=where, radius=radius, revision=revision)
    x_columns = X_COLUMNS | {"features": columns.chosen(features)}
    return (snapshot(selection, scan, x_columns, targets=targets) for scan in selection.scans)


def pyg_pairs(store: Store, rows: pa.Table, *, source: str = "source", target: str = "target") -> HeteroData:
    """Rows of pairs of features, such as the answer of a Cypher query, as one graph.

    Parameters
    ----------
    store, rows, source, target
        As for `subgraph.of_pairs`.

    Returns
    -------
    HeteroData
        Nodes of the features that are named, as of `iter_pyg`; edge types (kind, "PAIR", kind) from source to target, as the rows
        say, sorted, with the numeric columns of the rows as `edge_attr`. What the query returns decides what is known: columns of
        NEXT or of tracks may be of later scans.

    Raises
    ------
    InputError
        As `subgraph.of_pairs`.
    MissingExtra
        If torch or torch_geometric is not installed.
    """
    _, geometric = require_pyg()
    graph = of_pairs(store, rows, source, target)
    features, edges = graph.nodes["features"], graph.edges[PAIR]
    numeric = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    others = [field for field in edges.schema if field.name not in ("source", "target")]
    names = [field.name for field in others if any(of(field.type) for of in numeric)]
    found = scan_graph({"features": features})
    places = by_kind(features)
    data: HeteroData = geometric.HeteroData()
    fill(data, ScanGraph(found.nodes, joined(PAIR, edges, matrix(edges, names), places, places)), {})
    describe(data, list(found.nodes), X_COLUMNS, [], targets=False)
    data.edge_attr_names = {PAIR: names}
    return data


def require_pyg() -> tuple[Any, Any]:
    """Import and return the modules `torch` and `torch_geometric.data`.

    Raises
    ------
    MissingExtra
        If one is not installed.
    """
    try:
        with warnings.catch_warnings():
            # torch_geometric 2.8 compiles classes with torch.jit while it is imported; torch 2.15 deprecates that.
            warnings.filterwarnings("ignore", r"`torch\.jit\.script` is deprecated", FutureWarning)
            return importlib.import_module("torch"), importlib.import_module("torch_geometric.data")
    except ImportError as error:
        raise MissingExtra("torch and torch_geometric", "ml", "a PyTorch Geometric snapshot") from error


def snapshot(selection: Selection, scan: Scan, x_columns: XColumns, *, targets: bool) -> HeteroData:
    """The `HeteroData` of one scan of a selection."""
    torch, geometric = require_pyg()
    graph, y = read_scan(selection, scan, x_columns, targets=targets)
    data: HeteroData = geometric.HeteroData()
    data.sample = scan.sample
    data.t = scan.t
    for name in SCAN_ATTRIBUTES:
        setattr(data, name, float("nan") if scan.row[name] is None else scan.row[name])
    data.voxel_size = torch.tensor(scan.voxel_size, dtype=torch.float64)
    fill(data, graph, y)
    describe(data, list(graph.nodes), x_columns, [schema.TABLES[name].edge for name in RELATIONS], targets=targets)
    return data


def fill(data: HeteroData, graph: ScanGraph, y: Mapping[str, NDArray[np.float32]]) -> None:
    """Put nodes, edges and targets into `data`; a relation without columns gets no `edge_attr`."""
    torch, _ = require_pyg()
    for name, nodes in graph.nodes.items():
        data[name].x, data[name].pos = torch.from_numpy(nodes.x), torch.from_numpy(nodes.pos)
        for key, values in nodes.ids.items():
            data[name][key] = torch.from_numpy(values)
        if name in y:
            data[name].y = torch.from_numpy(y[name])
    for edge_type, edges in graph.edges.items():
        data[edge_type].edge_index = torch.from_numpy(np.ascontiguousarray(edges.index))
        if edges.attr.shape[1]:
            data[edge_type].edge_attr = torch.from_numpy(np.ascontiguousarray(edges.attr))


def describe(data: HeteroData, types: Sequence[str], x_columns: XColumns, relations: Sequence[str], *, targets: bool) -> None:
    """Say in `data` which columns its matrices have, and in which units."""
    x = {name: x_columns[table_of(name)] for name in types}
    attr = {relation: EDGE_COLUMNS[relation] for relation in relations if EDGE_COLUMNS[relation]}
    data.x_names, data.x_units = _names(x), _units(x)
    data.edge_attr_names, data.edge_attr_units = _names(attr), _units(attr)
    if targets:
        y = {name: y_columns(name) for name in types}
        data.y_names, data.y_units = _names(y), _units(y)


def _names(by_name: Mapping[str, Sequence[Column]]) -> dict[str, list[str]]:
    return {name: [c.name for c in described] for name, described in by_name.items()}


def _units(by_name: Mapping[str, Sequence[Column]]) -> dict[str, list[str]]:
    return {name: [c.unit for c in described] for name, described in by_name.items()}
