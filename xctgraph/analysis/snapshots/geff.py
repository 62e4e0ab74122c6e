"""GEFF, the graph exchange file format of tracking software: links in one file, proximity in another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from xctgraph.analysis.snapshots import bundle, subgraph
from xctgraph.analysis.snapshots.arrays import int64
from xctgraph.analysis.snapshots.selection import Selection
from xctgraph.analysis.snapshots.subgraph import Subgraph
from xctgraph.store import schema
from xctgraph.store.errors import InputError, MissingExtra

LENGTH = "micrometer"
COVARIANCE = (("cov_zz", "cov_zy", "cov_zx"), ("cov_zy", "cov_yy", "cov_yx"), ("cov_zx", "cov_yx", "cov_xx"))
UNITS = {
    "um": "micrometer",
    "um^2": "micrometer**2",
    "um^3": "micrometer**3",
    "1": "dimensionless",
    "voxel": "voxel",
    "s": "second",
}

Ints = NDArray[np.int64]


def write_geff(selection: Selection, out: Path) -> list[Path]:
    """Write `OUT/tracks.geff` (NEXT, directed) and `OUT/proximity.geff` (NEAR, undirected), with RO-Crate metadata.

    A GEFF has one kind of edge, hence two. Both hold the selected features of one sample as nodes (id = `feature_id`) with every
    column; axes t (scan), z, y, x in micrometres; `radius` of the sphere of the same volume; `ellipsoid`, 5 (C + d²/12) with C
    the covariance of the voxels and d the voxel size, so that its axes are those of the solid ellipsoid of the same moments;
    without voxels, the sphere. In `tracks.geff`, `tracklet` and `lineage` as GEFF defines them: unbranched paths, and components.

    Parameters
    ----------
    selection
        Of one sample.
    out
        Folder: new, empty, or an earlier export.

    Returns
    -------
    list of Path
        The two.

    Raises
    ------
    InputError
        If the selection has several samples, two edges join the same nodes, or `out` holds other things.
    MissingExtra
        If the package geff is not installed.
    """
    if len(selection.samples) != 1:
        raise InputError(f"a GEFF has one frame of reference: name one sample, of {', '.join(selection.samples)}")
    geff = _geff()
    whole = subgraph.together(subgraph.scans(selection))
    bundle.claim(out)
    written = []
    for name, relation, directed in (("tracks", "NEXT", True), ("proximity", "NEAR", False)):
        written.append(out / f"{name}.geff")
        _write(geff, written[-1], whole, relation, directed, selection.scans[0].voxel_size)
    columns = [*schema.FEATURES.columns, *schema.TABLES["next"].columns, *schema.TABLES["near"].columns]
    bundle.describe(out, "links and proximity as GEFF", selection.source, written, list({c.name: c for c in columns}.values()))
    return written


def write_pairs(pairs: Subgraph, out: Path, voxel_size: tuple[float, float, float]) -> None:
    """Write the features and edges of `subgraph.of_pairs` as one undirected GEFF.

    Raises
    ------
    InputError
        If two rows join the same features.
    MissingExtra
        If the package geff is not installed.
    """
    _write(_geff(), out, pairs, subgraph.PAIR, False, voxel_size)


def tracklets(n: int, source: Ints, target: Ints) -> tuple[Ints, Ints]:
    """Tracklet and lineage of each of `n` nodes, numbered from 0.

    A tracklet is a maximal path whose inner links are the only ones out of their source and into their target; a lineage is a
    connected component.
    """
    only = (np.bincount(source, minlength=n)[source] == 1) & (np.bincount(target, minlength=n)[target] == 1)
    found = [
        connected_components(coo_array((np.ones(len(a), np.int8), (a, b)), shape=(n, n)), directed=False)[1]
        for a, b in ((source[only], target[only]), (source, target))
    ]
    return found[0].astype(np.int64), found[1].astype(np.int64)


def _geff() -> Any:
    try:
        import geff.core_io
        import geff_spec
    except ImportError as error:
        raise MissingExtra("geff", "geff", "writing GEFF") from error
    return geff.core_io, geff_spec


def _write(
    modules: Any, path: Path, graph: Subgraph, relation: str, directed: bool, voxel_size: tuple[float, float, float]
) -> None:
    core_io, spec = modules
    features = graph.nodes["features"]
    edges = graph.edges.get(relation)
    if edges is None:
        edges = pa.table({"source": pa.array([], pa.int64()), "target": pa.array([], pa.int64())})
    ids = int64(features, "feature_id")
    ends = np.stack([int64(edges, "source"), int64(edges, "target")], axis=1)
    _refuse_parallel(ends if directed else np.sort(ends, axis=1), relation)
    nodes = {name: _property(features[name]) for name in features.column_names}
    nodes["radius"] = {"values": features["equivalent_diameter"].to_numpy() / 2, "missing": None}
    nodes["ellipsoid"] = {"values": _ellipsoids(features, voxel_size), "missing": None}
    described = [_described(spec, field) for field in features.schema]
    described.append(spec.PropMetadata(identifier="radius", dtype="float64", unit=LENGTH))
    described.append(spec.PropMetadata(identifier="ellipsoid", dtype="float64", unit=f"{LENGTH}**2"))
    track = None
    if directed:
        place = np.searchsorted(ids, ends)
        track = {"tracklet": "tracklet", "lineage": "lineage"}
        for name, values in zip(track, tracklets(len(ids), place[:, 0], place[:, 1]), strict=True):
            nodes[name] = {"values": values, "missing": None}
            described.append(spec.PropMetadata(identifier=name, dtype="int64"))
    others = [name for name in edges.column_names if name not in ("source", "target")]
    metadata = spec.GeffMetadata(
        directed=directed,
        axes=[
            spec.Axis(name="t", type="time", unit="frame"),
            *(spec.Axis(name=axis, type="space", unit=LENGTH) for axis in "zyx"),
        ],
        node_props_metadata={prop.identifier: prop for prop in described},
        edge_props_metadata={name: _described(spec, edges.schema.field(name)) for name in others},
        sphere="radius",
        ellipsoid="ellipsoid",
        track_node_props=track,
        extra={"xctgraph": {"relation": relation}},
    )
    properties = {name: _property(edges[name]) for name in others}
    core_io.write_arrays(path, ids, nodes, ends, properties, metadata)


def _refuse_parallel(ends: Ints, relation: str) -> None:
    _, first, count = np.unique(ends, axis=0, return_index=True, return_counts=True)
    if (count > 1).any():
        a, b = ends[first[count > 1][0]].tolist()
        raise InputError(
            f"{int((count > 1).sum())} pairs are joined by several {relation} edges, the first {a} and {b}: a GEFF has one "
            "edge per pair, so return one row for each"
        )
    if (ends[:, 0] == ends[:, 1]).any():
        raise InputError(f"{relation} joins a feature with itself, which a GEFF cannot hold: leave such rows out")


def _property(column: pa.ChunkedArray) -> dict[str, Any]:
    missing = column.is_null().to_numpy() if column.null_count else None
    if pa.types.is_string(column.type):
        return {"values": np.array(column.fill_null("").to_pylist(), np.str_), "missing": missing}
    filled = column.fill_null(pa.scalar(0).cast(column.type)) if column.null_count else column
    return {"values": filled.to_numpy(), "missing": missing}


def _described(spec: Any, field: pa.Field) -> Any:
    told = {name.decode(): value.decode() for name, value in (field.metadata or {}).items()}
    unit = told.get("unit", "")
    dtype = "str" if pa.types.is_string(field.type) else str(np.dtype(field.type.to_pandas_dtype()))
    return spec.PropMetadata(
        identifier=field.name, dtype=dtype, unit=UNITS.get(unit, unit) or None, description=told.get("meaning")
    )


def _ellipsoids(features: pa.Table, voxel_size: tuple[float, float, float]) -> NDArray[np.float64]:
    covariance = np.stack(
        [np.stack([features[c].cast(pa.float64()).to_numpy() for c in row], axis=-1) for row in COVARIANCE], axis=-2
    )
    solid = 5 * (covariance + np.diag(np.square(voxel_size) / 12))
    radius = features["equivalent_diameter"].to_numpy() / 2
    found: NDArray[np.float64] = np.where(np.isnan(solid), np.square(radius)[:, None, None] * np.eye(3), solid)
    return found
