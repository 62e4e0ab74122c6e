"""Snapshots on disk: `OUT/scans/SAMPLE_tNNNNN.pt`, the same as `OUT/arrow/SAMPLE_tNNNNN/`, `manifest.json`, `README.md`."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from xctgraph import __version__
from xctgraph.analysis.snapshots import bundle, twin
from xctgraph.analysis.snapshots.columns import (
    EDGE_COLUMNS,
    LATER_COLUMNS,
    NODE_TYPES,
    RELATIONS,
    SCAN_ATTRIBUTES,
    X_COLUMNS,
    chosen,
)
from xctgraph.analysis.snapshots.pyg import iter_pyg, require_pyg
from xctgraph.analysis.snapshots.selection import Parts, Scans
from xctgraph.analysis.snapshots.targets import TARGETS
from xctgraph.store import Store
from xctgraph.store.errors import InputError
from xctgraph.store.progress import Progress, silent
from xctgraph.store.schema import TABLES
from xctgraph.store.table import Column

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

FORMAT = "xctgraph-pyg-2"
LONGEST_NAME = 120

README = """\
# Snapshots of an xctgraph store

One PyTorch Geometric `HeteroData` per scan in `scans/`, made by `xctgraph export pyg`; the same arrays as Arrow tables in
`arrow/`, for programs without torch. `manifest.json` lists the files and gives the unit, meaning and `known_at` of every column
of `x`, `y` and `edge_attr`.

```python
from xctgraph.analysis import snapshots

graph = snapshots.load("scans/{example}")            # only tensors and plain values are unpickled
```

or, without xctgraph, and only for files you trust: `torch.load(path, weights_only=False)`.

- Node types are kinds, `front_site` and `region`; rows are ordered by `feature_id`, `site_id`, `region_id`. `pos` is z, y, x in
  micrometres. `track_id` says which rows of two scans are the same physical defect.
- NaN in `x` means that the store has no value (`x.isnan()` is the mask).
- Every NEAR, TOUCHES and ADJACENT is there in both directions, directed relations with their reverse as `rev_…`. `distance` has
  no meaning where one end is a fracture.
- Nothing in a graph became known later than its scan, except `y`, what became of the nodes, where targets were asked for.
"""


def write_pyg(
    store: Store,
    out: str | Path,
    *,
    samples: Sequence[str] | None = None,
    t: Scans = None,
    kinds: Sequence[str] | None = None,
    where: str | None = None,
    radius: float | None = None,
    features: Sequence[str] | None = None,
    targets: bool = False,
    arrow: bool = True,
    progress: Progress = silent,
) -> list[Path]:
    """Write one `HeteroData` per scan under `out`, holding one in memory at a time.

    Parameters
    ----------
    store, samples, t, kinds, where, radius, features, targets
        As for `iter_pyg`.
    out
        Folder: new, empty, or an earlier export, whose files are replaced.
    arrow
        Write the Arrow tables beside them (`twin.tables`).
    progress
        Called once per scan.

    Returns
    -------
    list of Path
        The `.pt` files, ordered by sample and t.

    Raises
    ------
    InputError
        If `out` is a file or holds other things, or as `iter_pyg`.
    MissingExtra
        If torch or torch_geometric is not installed.
    """
    torch, _ = require_pyg()
    out = Path(out)
    revision = store.manifest()
    graphs = iter_pyg(
        store,
        samples=samples,
        t=t,
        kinds=kinds,
        where=where,
        radius=radius,
        features=features,
        targets=targets,
        revision=revision,
    )
    bundle.claim(out)
    (out / "scans").mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    entries: list[dict[str, Any]] = []
    for graph in graphs:
        path = out / "scans" / file_name(graph.sample, graph.t)
        partial = path.with_suffix(".partial")
        torch.save(graph, partial)
        partial.replace(path)
        twins = twin.write(graph, out / "arrow" / path.stem) if arrow else []
        paths.append(path)
        entries.append(_entry(graph, path, [file.relative_to(out).as_posix() for file in twins]))
        progress(f"snapshot of {graph.sample} t = {graph.t}", len(paths), 0)
    told = [out / "README.md", out / "manifest.json"]
    told[0].write_text(README.format(example=paths[0].name), encoding="utf-8")
    described = _described_export(revision.revision, chosen(features), entries, targets=targets)
    described |= {"where": where, "radius_um": radius}
    told[1].write_text(json.dumps(described, indent=2, ensure_ascii=False), encoding="utf-8")
    written = [*paths, *(out / file for entry in entries for file in entry["arrow"]), *told]
    columns = {c.name: c for described in (X_COLUMNS | EDGE_COLUMNS).values() for c in described}
    bundle.describe(out, "PyTorch Geometric snapshots", Parts(store.path, revision), written, list(columns.values()))
    return paths


def load(path: str | Path) -> HeteroData:
    """Read one file of `write_pyg`. Nothing in it is executed: only tensors, plain values and PyG's containers are unpickled.

    Raises
    ------
    InputError
        If there is no such file.
    MissingExtra
        If torch or torch_geometric is not installed.
    """
    torch, geometric = require_pyg()
    storage = geometric.storage
    if not Path(path).is_file():
        raise InputError(f"there is no snapshot at {path}: `xctgraph export pyg OUT` writes OUT/scans/SAMPLE_tNNNNN.pt")
    with torch.serialization.safe_globals([geometric.HeteroData, storage.BaseStorage, storage.NodeStorage, storage.EdgeStorage]):
        graph: HeteroData = torch.load(path, weights_only=True)
    return graph


def file_name(sample: str, t: int) -> str:
    """`SAMPLE_tNNNNN.pt`; characters that some file system refuses are percent-encoded, a long name is cut and hashed."""
    name = quote(sample, safe=" ")
    name = f"%{ord(name[0]):02X}{name[1:]}" if name.startswith((".", " ", "~")) else name
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME - 13]}-{hashlib.sha256(sample.encode()).hexdigest()[:12]}"
    return f"{name}_t{t:05d}.pt"


def _entry(graph: HeteroData, path: Path, twins: list[str]) -> dict[str, Any]:
    scan = {name: graph[name] for name in ("sample", "t", *SCAN_ATTRIBUTES)}
    return {
        "file": f"scans/{path.name}",
        "arrow": twins,
        **{name: None if isinstance(value, float) and math.isnan(value) else value for name, value in scan.items()},
        "voxel_size_um": graph.voxel_size.tolist(),
        "nodes": {kind: graph[kind].x.shape[0] for kind in graph.node_types},
        "edges": {" ".join(edge): graph[edge].edge_index.shape[1] for edge in graph.edge_types},
    }


def _described_export(
    revision: int, x_columns: Sequence[Column], entries: list[dict[str, Any]], *, targets: bool
) -> dict[str, Any]:
    y = {"features": TARGETS} | {table: LATER_COLUMNS[table] for table in NODE_TYPES}
    return {
        "format": FORMAT,
        "store_revision": revision,
        "versions": {"xctgraph": __version__}
        | {name: importlib.metadata.version(name) for name in ("torch", "torch_geometric", "pyarrow", "numpy")},
        "x": {table: [_described(c) for c in columns] for table, columns in (X_COLUMNS | {"features": x_columns}).items()},
        "y": {table: [_described(c) for c in columns] for table, columns in y.items()} if targets else {},
        "pos": {"axes": ["z", "y", "x"], "unit": "um", "frame": "scan; of regions: reference"},
        "edge_attr": {name: [_described(c) for c in EDGE_COLUMNS[name]] for name in (TABLES[r].edge for r in RELATIONS)},
        "missing": "NaN",
        "directions": "both",
        "scans": entries,
    }


def _described(column: Column) -> dict[str, str]:
    return {
        "name": column.name,
        "unit": column.unit,
        "frame": column.frame,
        "known_at": column.known_at,
        "meaning": column.meaning,
    }
