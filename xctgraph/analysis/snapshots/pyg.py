"""PyTorch Geometric: one `HeteroData` per scan."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xctgraph.analysis.snapshots.arrays import ScanGraph, scan_graph
from xctgraph.analysis.snapshots.columns import EDGE_COLUMNS, FEATURE_COLUMNS, RELATIONS, SCAN_ATTRIBUTES, X_COLUMNS
from xctgraph.store import Store, ids, parts, schema
from xctgraph.store.errors import InputError, MissingExtra, nearest
from xctgraph.store.manifest import Manifest

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

Scans = int | range | slice | None


def pyg(
    store: Store, *, samples: Sequence[str] | None = None, t: Scans = None, kinds: Sequence[str] | None = None
) -> list[HeteroData]:
    """One graph per scan, ordered by sample and t; see `iter_pyg`, which yields them one at a time."""
    return list(iter_pyg(store, samples=samples, t=t, kinds=kinds))


def iter_pyg(
    store: Store,
    *,
    samples: Sequence[str] | None = None,
    t: Scans = None,
    kinds: Sequence[str] | None = None,
    revision: Manifest | None = None,
) -> Iterator[HeteroData]:
    """Yield one `HeteroData` per scan, ordered by sample and t.

    Parameters
    ----------
    store
        Open store; read from its parts, so the projections need not be current.
    samples
        Names of samples; all by default.
    t
        A scan index, `range(a, b)` or `slice(a, b)` of them; all by default.
    kinds
        Node types of every graph, also where a scan has none of them. By default each graph has the kinds present in its scan.
    revision
        Revision to read, as from `store.manifest()`; the newest by default. All graphs come from one revision.

    Yields
    ------
    HeteroData
        Node types are kinds. Per kind, rows by ascending `feature_id`: `x` (n, len(x_names)) float32, every numeric column of
        the schema known at t except identifiers, in the schema's units, null as NaN; `pos` (n, 3) float32, z, y, x in
        µm of that scan's frame; `feature_id`, `track_id`, `label` (n,) int64. Edge types (kind, "NEAR", kind) and
        (kind, "TOUCHES", kind), each pair in both directions: `edge_index` (2, E) int64, `edge_attr` (E, names) float32.
        Of the graph: `sample`, `t`, `time_s`, `load_n`, `strain`, `material_volume` (NaN where unknown), `voxel_size` (3,)
        float64 z, y, x in µm, `x_names`, `edge_attr_names` by relation.

    Raises
    ------
    InputError
        If a sample or kind is unknown, or no scan lies in `t`.
    MissingExtra
        If torch or torch_geometric is not installed.
    StoreCorrupt
        If an edge names a feature that its scan does not have.
    """
    require_pyg()
    source = Parts(store.path, revision or store.manifest())
    chosen = _scans(source, samples, t)
    types = tuple(dict.fromkeys(kinds or ())) or None
    if types:
        _check_kinds(source, chosen, types)
    voxels = {s["sample"]: [s[f"voxel_{axis}"] for axis in "zyx"] for s in source.read("samples").to_pylist()}
    return (_snapshot(source, scan, voxels[scan["sample"]], types) for scan in chosen)


@dataclass(frozen=True)
class Parts:
    """The parts of one revision, so that a writer at work in between cannot mix two."""

    root: Path
    manifest: Manifest

    def read(self, table: str, columns: Sequence[str] | None = None, **where: Any) -> pa.Table:
        """Rows of a table, of one sample and scan where given."""
        return parts.read(self.root, table, self.manifest.select(table, **where), columns)


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


def _snapshot(source: Parts, scan: dict[str, Any], voxel_size: list[float], kinds: Sequence[str] | None) -> HeteroData:
    where = {"sample": scan["sample"], "t": scan["t"]}
    relations = {
        schema.TABLES[name].edge: source.read(
            name, ["source", "target", *(c.name for c in EDGE_COLUMNS[schema.TABLES[name].edge])], **where
        )
        for name in RELATIONS
    }
    graph = scan_graph(source.read("features", FEATURE_COLUMNS, **where), relations, kinds)
    return _hetero_data(graph, scan, voxel_size)


def _hetero_data(graph: ScanGraph, scan: dict[str, Any], voxel_size: list[float]) -> HeteroData:
    torch, geometric = require_pyg()
    data: HeteroData = geometric.HeteroData()
    data.sample = scan["sample"]
    data.t = scan["t"]
    for name in SCAN_ATTRIBUTES:
        setattr(data, name, float("nan") if scan[name] is None else scan[name])
    data.voxel_size = torch.tensor(voxel_size, dtype=torch.float64)
    data.x_names = [c.name for c in X_COLUMNS]
    data.edge_attr_names = {relation: [c.name for c in columns] for relation, columns in EDGE_COLUMNS.items()}
    for kind, nodes in graph.nodes.items():
        for name, values in vars(nodes).items():
            data[kind][name] = torch.from_numpy(np.ascontiguousarray(values))
    for edge_type, edges in graph.edges.items():
        data[edge_type].edge_index = torch.from_numpy(np.ascontiguousarray(edges.index))
        data[edge_type].edge_attr = torch.from_numpy(np.ascontiguousarray(edges.attr))
    return data


def _scans(source: Parts, samples: Sequence[str] | None, t: Scans) -> list[dict[str, Any]]:
    table = source.read("scans", ["sample", "t", *SCAN_ATTRIBUTES]).sort_by([("sample", "ascending"), ("t", "ascending")])
    known = set(table["sample"].to_pylist())
    for sample in samples or ():
        if sample not in known:
            raise InputError(f"the store has no sample {sample!r}: {nearest(sample, known)}")
    wanted = range(t, t + 1) if isinstance(t, int) else range(ids.MAX_T + 1)[t] if isinstance(t, slice) else t
    rows: list[dict[str, Any]] = table.to_pylist()
    found = [r for r in rows if (not samples or r["sample"] in samples) and (wanted is None or r["t"] in wanted)]
    if not found and (rows or samples):
        held = ", ".join(str(r["t"]) for r in rows if not samples or r["sample"] in samples)
        raise InputError(f"no scan has t in {t!r}: the store holds t = {held}")
    if not found:
        raise InputError("the store holds no scan: run `xctgraph ingest` first")
    return found


def _check_kinds(source: Parts, scans: list[dict[str, Any]], kinds: Sequence[str]) -> None:
    held: set[str] = set()
    for scan in scans:
        features = source.read("features", ["kind"], sample=scan["sample"], t=scan["t"])
        held |= set(pc.unique(features["kind"]).to_pylist())
        if held.issuperset(kinds):
            return
    unknown = next(k for k in kinds if k not in held)
    raise InputError(f"no feature of the chosen scans is of kind {unknown!r}: {nearest(unknown, held)}")
