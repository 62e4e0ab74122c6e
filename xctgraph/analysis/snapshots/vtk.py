"""VTK XML files for ParaView: defects as points with ellipsoids, NEAR as lines, fractures as meshes, a time series of each."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.analysis.geometry import surface
from xctgraph.analysis.snapshots import bundle
from xctgraph.analysis.snapshots.arrays import int64
from xctgraph.analysis.snapshots.files import file_name
from xctgraph.analysis.snapshots.selection import Scan, Selection
from xctgraph.analysis.snapshots.subgraph import of_scan
from xctgraph.store import Store, files, schema
from xctgraph.store.errors import InputError

Arrays = Mapping[str, NDArray[np.generic]]

TYPES = {"float64": "Float64", "float32": "Float32", "int64": "Int64", "int32": "Int32", "uint8": "UInt8"}
COVARIANCE = (("cov_xx", "cov_yx", "cov_zx"), ("cov_yx", "cov_yy", "cov_zy"), ("cov_zx", "cov_zy", "cov_zz"))
FACES = 200_000


def write_vtk(store: Store, selection: Selection, out: Path) -> list[Path]:
    """Write `features`, `near` and `fractures` of each scan as `.vtp`, each with a `.pvd` that ParaView opens as a time series.

    Coordinates are x, y, z in micrometres, VTK's order. Points have every numeric column of features, `kind` as its number in
    `kinds`, and `ellipsoid`: the tensor whose eigenvalues are the full axes of the solid ellipsoid with the moments of the voxels
    (ParaView: Tensor Glyph, scale factor 1). Fractures are meshes of their voxels with `feature_id` per face, in as many as
    200,000 faces each, coarser beyond. Time is `time_s` where every scan has it, else the scan.

    Parameters
    ----------
    store
        Open store, for the labels of the fractures.
    selection
        Of one sample.
    out
        Folder: new, empty, or an earlier export.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If the selection has several samples, or `out` holds other things.
    """
    if len(selection.samples) != 1:
        raise InputError(f"a time series is of one sample: name one, of {', '.join(selection.samples)}")
    bundle.claim(out)
    times = [scan.row["time_s"] for scan in selection.scans]
    clock = [float(scan.t) for scan in selection.scans] if None in times else times
    series: dict[str, list[tuple[float, Path]]] = {}
    kinds = sorted({kind for scan in selection.scans for kind in selection.features(scan, ["kind"])["kind"].unique().to_pylist()})
    for scan, time in zip(selection.scans, clock, strict=True):
        for name, text in _of_scan(store, selection, scan, kinds).items():
            path = out / name / f"{Path(file_name(scan.sample, scan.t)).stem}.vtp"
            with files.new_file(path) as temporary:
                temporary.write_text(text, encoding="ascii", errors="xmlcharrefreplace")
            series.setdefault(name, []).append((time, path))
    written = [path for entries in series.values() for _, path in entries]
    for name, entries in series.items():
        listed = "\n".join(
            f'<DataSet timestep="{time}" part="0" file={quoteattr(path.relative_to(out).as_posix())}/>' for time, path in entries
        )
        text = f'<VTKFile type="Collection" version="1.0">\n<Collection>\n{listed}\n</Collection>\n</VTKFile>\n'
        with files.new_file(out / f"{name}.pvd") as temporary:
            temporary.write_text(text, encoding="utf-8")
        written.append(out / f"{name}.pvd")
    bundle.describe(
        out, "VTK for ParaView", selection.source, written, [*schema.FEATURES.columns, *schema.TABLES["near"].columns]
    )
    return written


def polydata(
    points: NDArray[np.float64],
    cells: Mapping[str, NDArray[np.int64]],
    point_data: Arrays,
    cell_data: Arrays,
    texts: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """A VTK XML PolyData file.

    Parameters
    ----------
    points
        (n, 3) x, y, z.
    cells
        By section (`Verts`, `Lines`, `Polys`), (m, corners) rows of points.
    point_data, cell_data
        By name, one row per point or cell.
    texts
        By name, lists of words, kept as field data.
    """
    counts = " ".join(f'NumberOf{name}="{len(cells.get(name, ()))}"' for name in ("Verts", "Lines", "Strips", "Polys"))
    lines = [
        '<?xml version="1.0"?>',
        '<VTKFile type="PolyData" version="1.0" byte_order="LittleEndian" header_type="UInt64">',
        "<PolyData>",
        "<FieldData>",
        *(_words(name, words) for name, words in (texts or {}).items()),
        "</FieldData>",
        f'<Piece NumberOfPoints="{len(points)}" {counts}>',
        "<PointData>",
        *(_array(name, values) for name, values in point_data.items()),
        "</PointData>",
        "<CellData>",
        *(_array(name, values) for name, values in cell_data.items()),
        "</CellData>",
        "<Points>",
        _array("Points", points),
        "</Points>",
    ]
    for section, corners in cells.items():
        offsets = np.arange(1, len(corners) + 1, dtype=np.int64) * corners.shape[1]
        lines += [f"<{section}>", _array("connectivity", corners.ravel()), _array("offsets", offsets), f"</{section}>"]
    return "\n".join([*lines, "</Piece>", "</PolyData>", "</VTKFile>", ""])


def _of_scan(store: Store, selection: Selection, scan: Scan, kinds: Sequence[str]) -> dict[str, str]:
    graph = of_scan(selection, scan, None)
    features, near = graph.nodes["features"], graph.edges["NEAR"]
    points = np.stack([features[axis].to_numpy() for axis in "xyz"], axis=1)
    data = {c.name: _values(features[c.name]) for c in schema.FEATURES.columns if c.type != "string"}
    data["kind"] = pc.index_in(features["kind"], pa.array(kinds, pa.string())).to_numpy().astype(np.int32)
    data["ellipsoid"] = _tensors(features, scan.voxel_size)
    found = {"features": polydata(points, {"Verts": np.arange(len(points))[:, None]}, data, {}, {"kinds": kinds})}
    ids = int64(features, "feature_id")
    ends = np.stack([np.searchsorted(ids, int64(near, end)) for end in ("source", "target")], axis=1)
    gaps = {c.name: _values(near[c.name]) for c in schema.TABLES["near"].columns if c.type == "float64"}
    found["near"] = polydata(points, {"Lines": ends}, {"feature_id": ids}, gaps)
    fractures = features.filter(pc.equal(features["kind"], "fracture"))
    if fractures.num_rows and selection.source.read("scans", ["has_voxels"], **scan.where)["has_voxels"][0].as_py():
        found["fractures"] = _fractures(store, scan, fractures)
    return found


def _fractures(store: Store, scan: Scan, fractures: pa.Table) -> str:
    labels = store.labels(scan.sample, scan.t)
    vertices, faces, owners, steps, offset = [], [], [], [], 0
    for label, feature_id in zip(fractures["label"].to_pylist(), fractures["feature_id"].to_pylist(), strict=True):
        mesh = surface(labels, [label], scan.voxel_size, max_faces=FACES)
        vertices.append(mesh.vertices[:, ::-1].astype(np.float64))
        # Turned with the axes, so that normals stay outward.
        faces.append(mesh.faces[:, ::-1].astype(np.int64) + offset)
        owners.append(np.full(len(mesh.faces), feature_id))
        steps.append(np.full(len(mesh.faces), mesh.step, np.int32))
        offset += len(mesh.vertices)
    owned = {"feature_id": np.concatenate(owners), "voxels_drawn_as_one": np.concatenate(steps)}
    return polydata(np.concatenate(vertices), {"Polys": np.concatenate(faces)}, {}, owned)


def _tensors(features: pa.Table, voxel_size: tuple[float, float, float]) -> NDArray[np.float64]:
    """(n, 9) tensors with the full axes as eigenvalues; without voxels, those of the sphere of the same volume."""
    covariance = np.stack([np.stack([_values(features[c]) for c in row], axis=-1) for row in COVARIANCE], axis=-2)
    diameter = features["equivalent_diameter"].to_numpy()[:, None, None]
    known = ~np.isnan(covariance).any(axis=(1, 2))
    spread = np.where(known[:, None, None], covariance, 0) + np.diag(np.square(voxel_size[::-1]) / 12)
    w, v = np.linalg.eigh(spread)
    axes = np.einsum("nik,nk,njk->nij", v, 2 * np.sqrt(5 * np.maximum(w, 0)), v)
    tensors: NDArray[np.float64] = np.where(known[:, None, None], axes, diameter * np.eye(3))
    return tensors.reshape(-1, 9)


def _values(column: pa.ChunkedArray) -> NDArray[np.generic]:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8() if not column.null_count else pa.float64())
    return np.ascontiguousarray(column.cast(pa.float64()).to_numpy() if column.null_count else column.to_numpy())


def _array(name: str, values: NDArray[np.generic]) -> str:
    data = np.ascontiguousarray(values)
    components = data.shape[1] if data.ndim == 2 else 1
    encoded = base64.b64encode(np.uint64(data.nbytes).tobytes() + data.tobytes()).decode()
    kind = TYPES[data.dtype.name]
    return (
        f'<DataArray type="{kind}" Name={quoteattr(name)} NumberOfComponents="{components}" format="binary">{encoded}</DataArray>'
    )


def _words(name: str, words: Sequence[str]) -> str:
    codes = " ".join(str(byte) for word in words for byte in (*word.encode(), 0))
    return f'<Array type="String" Name={quoteattr(name)} NumberOfTuples="{len(words)}" format="ascii">{escape(codes)}</Array>'
