"""Snapshots on disk: `OUT/scans/SAMPLE_tNNNNN.pt`, with `manifest.json` and `README.md` beside them."""

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
from xctgraph.analysis.snapshots.columns import EDGE_COLUMNS, X_COLUMNS
from xctgraph.analysis.snapshots.pyg import Scans, iter_pyg, require_pyg
from xctgraph.store import Store
from xctgraph.store.errors import InputError
from xctgraph.store.progress import Progress, silent
from xctgraph.store.table import Column

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

FORMAT = "xctgraph-pyg-1"
LONGEST_NAME = 120

README = """\
# Snapshots of an xctgraph store

One PyTorch Geometric `HeteroData` per scan in `scans/`, made by `xctgraph export pyg`. `manifest.json` lists the files and gives
the unit, meaning and `known_at` of every column of `x` and `edge_attr`.

```python
from xctgraph.analysis import snapshots

graph = snapshots.load("scans/{example}")            # only tensors and plain values are unpickled
```

or, without xctgraph, and only for files you trust: `torch.load(path, weights_only=False)`.

- Node types are kinds; rows are ordered by `feature_id`. `pos` is z, y, x in micrometres. `track_id` says which rows of
  two scans are the same physical defect.
- NaN in `x` means that the store has no value (`x.isnan()` is the mask).
- Every NEAR and TOUCHES is there in both directions. `distance` has no meaning where one end is a fracture.
- Nothing in a graph became known later than its scan: no targets, no links to later scans.
"""


def write_pyg(
    store: Store,
    out: str | Path,
    *,
    samples: Sequence[str] | None = None,
    t: Scans = None,
    kinds: Sequence[str] | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Write one `HeteroData` per scan under `out`, holding one in memory at a time.

    Parameters
    ----------
    store, samples, t, kinds
        As for `iter_pyg`.
    out
        Folder: new, empty, or an earlier export, whose files are replaced.
    progress
        Called once per scan.

    Returns
    -------
    list of Path
        The files, ordered by sample and t.

    Raises
    ------
    InputError
        If `out` is a file or holds other things, or as `iter_pyg`.
    MissingExtra
        If torch or torch_geometric is not installed.
    """
    torch, _ = require_pyg()
    out = Path(out)
    manifest = store.manifest()
    graphs = iter_pyg(store, samples=samples, t=t, kinds=kinds, revision=manifest)
    stale = _claim(out)
    (out / "scans").mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    entries: list[dict[str, Any]] = []
    for graph in graphs:
        path = out / "scans" / file_name(graph.sample, graph.t)
        partial = path.with_suffix(".partial")
        torch.save(graph, partial)
        partial.replace(path)
        paths.append(path)
        entries.append(_entry(graph, path))
        progress(f"snapshot of {graph.sample} t = {graph.t}", len(paths), 0)
    for path in stale.difference(paths):
        path.unlink(missing_ok=True)
    (out / "README.md").write_text(README.format(example=paths[0].name), encoding="utf-8")
    (out / "manifest.json").write_text(
        json.dumps(_described_export(manifest.revision, entries), indent=2, ensure_ascii=False), encoding="utf-8"
    )
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


def _claim(out: Path) -> set[Path]:
    """Files of an earlier export in `out`, which this one replaces."""
    if out.is_file():
        raise InputError(f"{out} is a file: an export goes into a folder")
    if not out.is_dir() or not any(out.iterdir()):
        return set()
    manifest = out / "manifest.json"
    held = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {}
    if held.get("format") != FORMAT:
        raise InputError(f"{out} is not empty and not an earlier export: name a new or empty folder")
    return {out / "scans" / Path(entry["file"]).name for entry in held["scans"]}


def _entry(graph: HeteroData, path: Path) -> dict[str, Any]:
    scan = {name: graph[name] for name in ("sample", "t", "time_s", "load_n", "strain", "material_volume")}
    return {
        "file": f"scans/{path.name}",
        **{name: None if isinstance(value, float) and math.isnan(value) else value for name, value in scan.items()},
        "voxel_size_um": graph.voxel_size.tolist(),
        "nodes": {kind: graph[kind].x.shape[0] for kind in graph.node_types},
        "edges": {" ".join(edge): graph[edge].edge_index.shape[1] for edge in graph.edge_types},
    }


def _described_export(revision: int, entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "store_revision": revision,
        "versions": {"xctgraph": __version__}
        | {name: importlib.metadata.version(name) for name in ("torch", "torch_geometric", "pyarrow", "numpy")},
        "x": [_described(c) for c in X_COLUMNS],
        "pos": {"axes": ["z", "y", "x"], "unit": "um", "frame": "scan"},
        "edge_attr": {relation: [_described(c) for c in columns] for relation, columns in EDGE_COLUMNS.items()},
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
