"""Layers of napari: labels, points with their table, tracks with splits and merges; napari itself is not needed to make them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import parquet as pq

from xctgraph.analysis.snapshots import bundle, subgraph
from xctgraph.analysis.snapshots.arrays import int64
from xctgraph.analysis.snapshots.geff import tracklets
from xctgraph.analysis.snapshots.selection import Selection
from xctgraph.analysis.snapshots.subgraph import Subgraph
from xctgraph.store import Store, files, schema
from xctgraph.store.errors import InputError

Layer = tuple[Any, dict[str, Any], str]

AXES = ("t", "z", "y", "x")
"""Axes of every layer; t in scans."""

UNITS = ("pixel", "micrometer", "micrometer", "micrometer")
DEPTH = 16


def layers(selection: Selection) -> list[Layer]:
    """Points and tracks as napari's layer data tuples: `viewer._add_layer_from_data(*layer)`, or `Layer.create(*layer)`.

    Parameters
    ----------
    selection
        Of one sample.

    Returns
    -------
    list of (data, attributes, type)
        `points`: (n, 4) t, z, y, x with z, y, x in µm, every column of features as `features`, diameters as `size`. `tracks`:
        (n, 5) track, t, z, y, x of the tracklets (unbranched paths of NEXT, as in GEFF), ordered by track and t; `graph` from
        each track to those that it came from by a split, merge or swallowing.

    Raises
    ------
    InputError
        If the selection has several samples.
    """
    _of_one_sample(selection)
    graph = subgraph.together(subgraph.scans(selection))
    return [_points(graph), _tracks(graph)]


def write_napari(store: Store, selection: Selection, out: Path, *, labels: bool = True) -> list[Path]:
    """Write the layers as files that `load` reads: `labels.zarr` (t, z, y, x), `points.parquet`, `tracks.parquet`, `layers.json`.

    Parameters
    ----------
    store
        Open store, for the labels.
    selection
        Of one sample.
    out
        Folder: new, empty, or an earlier export.
    labels
        Write the label volumes too, where the features have voxels: voxels of the feature SAMPLE/T/LABEL hold LABEL.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If the selection has several samples, or `out` holds other things.
    """
    made = layers(selection)
    bundle.claim(out)
    written = []
    described: dict[str, Any] = {"axes": AXES, "units": UNITS}
    voxels = all(
        selection.source.read("scans", ["has_voxels"], **scan.where)["has_voxels"][0].as_py() for scan in selection.scans
    )
    if labels and voxels:
        written.append(out / "labels.zarr")
        described["labels"] = {"scale": _write_labels(store, selection, written[-1])}
    (points, attributes, _), (tracks, track_attributes, _) = made
    written += [out / "points.parquet", out / "tracks.parquet", out / "layers.json"]
    _write(written[-3], attributes["features"], points, AXES)
    _write(written[-2], track_attributes["features"], tracks, ("track", *AXES))
    described["graph"] = {str(child): parents for child, parents in track_attributes["graph"].items()}
    with files.new_file(written[-1]) as temporary:
        temporary.write_text(json.dumps(described, indent=1), encoding="utf-8")
    bundle.describe(out, "layers of napari", selection.source, written, schema.FEATURES.columns)
    return written


def load(out: str | Path) -> list[Layer]:
    """The layer data tuples of what `write_napari` wrote; labels stay on the disk until they are shown.

    Raises
    ------
    InputError
        If there are no such files.
    """
    out = Path(out)
    if not (out / "layers.json").is_file():
        raise InputError(f"{out} holds no layers of napari: `xctgraph export napari OUT` writes them")
    described = json.loads((out / "layers.json").read_text(encoding="utf-8"))
    found: list[Layer] = []
    if "labels" in described:
        import zarr

        found.append((zarr.open_array(out / "labels.zarr", mode="r"), _attributes("labels", described["labels"]), "labels"))
    points, features = _read(out / "points.parquet", AXES)
    found.append((points, _of_points(features), "points"))
    tracks, features = _read(out / "tracks.parquet", ("track", *AXES))
    graph = {int(child): parents for child, parents in described["graph"].items()}
    return [*found, (tracks, _attributes("tracks", {"features": features, "graph": graph}), "tracks")]


def _of_one_sample(selection: Selection) -> None:
    if len(selection.samples) != 1:
        raise InputError(f"layers are of one sample: name one, of {', '.join(selection.samples)}")


def _attributes(name: str, more: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "axis_labels": AXES, "units": UNITS, **more}


def _points(graph: Subgraph) -> Layer:
    features = graph.nodes["features"]
    return _positions(features), _of_points(features.to_pandas()), "points"


def _of_points(features: pd.DataFrame) -> dict[str, Any]:
    diameter = features["equivalent_diameter"].to_numpy()
    return _attributes("points", {"features": features, "size": diameter})


def _tracks(graph: Subgraph) -> Layer:
    features = graph.nodes["features"]
    ids = int64(features, "feature_id")
    links = graph.edges.get("NEXT")
    ends = [np.searchsorted(ids, int64(links, end)) if links else np.empty(0, np.int64) for end in ("source", "target")]
    track, _ = tracklets(len(ids), ends[0], ends[1])
    order = np.lexsort((features["t"].to_numpy(), track))
    parents: dict[int, list[int]] = {}
    between = track[ends[0]] != track[ends[1]]
    for parent, child in sorted({*zip(track[ends[0][between]].tolist(), track[ends[1][between]].tolist(), strict=True)}):
        parents.setdefault(child, []).append(parent)
    data = np.column_stack([track, _positions(features)])[order]
    table = features.select(["feature_id", "track_id", "kind", "volume"]).to_pandas().iloc[order].reset_index(drop=True)
    return data, _attributes("tracks", {"features": table, "graph": parents}), "tracks"


def _positions(features: pa.Table) -> NDArray[np.float64]:
    return np.column_stack([np.asarray(features[axis].to_numpy(), np.float64) for axis in AXES])


def _write(path: Path, features: pd.DataFrame, data: NDArray[np.float64], names: Sequence[str]) -> None:
    placed = pa.table({f"data_{name}": data[:, i] for i, name in enumerate(names)})
    for name in features.columns:
        placed = placed.append_column(name, pa.array(features[name], from_pandas=True))
    pq.write_table(placed, path)


def _read(path: Path, names: Sequence[str]) -> tuple[NDArray[np.float64], pd.DataFrame]:
    table = pq.read_table(path)
    data = np.column_stack([table[f"data_{name}"].to_numpy() for name in names])
    return data, table.drop_columns([f"data_{name}" for name in names]).to_pandas()


def _write_labels(store: Store, selection: Selection, path: Path) -> list[float]:
    """Write the labels of all scans as one array (t, z, y, x), `DEPTH` slices in memory; returns the scale."""
    import zarr

    sizes = pa.concat_tables([selection.source.read("scans", ["n_z", "n_y", "n_x"], **scan.where) for scan in selection.scans])
    shape = (selection.scans[-1].t + 1, *(pc.max(sizes[name]).as_py() for name in ("n_z", "n_y", "n_x")))
    chunks = (1, *(min(n, c) for n, c in zip(shape[1:], (DEPTH, 256, 256), strict=True)))
    array = zarr.create_array(path, shape=shape, dtype="uint32", chunks=chunks, attributes={"axes": list(AXES)})
    for scan in selection.scans:
        labels = store.labels(scan.sample, scan.t)
        n_z, n_y, n_x = labels.shape
        for z in range(0, n_z, DEPTH):
            stop = min(z + DEPTH, n_z)
            array[scan.t, z:stop, :n_y, :n_x] = labels.crop(z, stop, 0, n_y, 0, n_x).astype(np.uint32)
    return [1.0, *selection.scans[0].voxel_size]
