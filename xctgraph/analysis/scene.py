"""The 3D scene of one scan: fractures as meshes, the largest defects as ellipsoids to scale, the rest as points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.analysis.geometry import Mesh, ellipsoids, surface
from xctgraph.analysis.plots import need
from xctgraph.analysis.style import DENSITY_SCALE, axis, kind_colours, layout
from xctgraph.store import Store

HOVER = (("equivalent_diameter", "diameter", "µm"), ("sphericity", "sphericity", ""), ("local_density", "local density", ""))
COVARIANCE = (("cov_zz", "cov_zy", "cov_zx"), ("cov_zy", "cov_yy", "cov_yx"), ("cov_zx", "cov_yx", "cov_xx"))
COLUMNS = ("uid", "label", "kind", "z", "y", "x", *dict.fromkeys(c for row in COVARIANCE for c in row), *(c for c, _, _ in HOVER))
"""Columns of the features that `scene` reads."""

Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Picture:
    """A figure, what it shows in words (`alt`), and the caption under it."""

    plot: go.Figure
    alt: str
    caption: str


def scene_of(store: Store, sample: str, t: int, spacing: Spacing, *, colour_by: str = "kind") -> Picture:
    """Read one scan and draw it, fractures as the mesh of their voxels; voxel size z, y, x in µm."""
    features = store.read("features", sample=sample, t=t, columns=list(COLUMNS))
    fractures = features.filter(pc.equal(features["kind"], "fracture"))["label"].to_pylist()
    (has_voxels,) = store.read("scans", sample=sample, t=t, columns=["has_voxels"])["has_voxels"].to_pylist()
    mesh = surface(store.labels(sample, t), fractures, spacing) if fractures and has_voxels else None
    meshes = {"fracture": mesh} if mesh is not None and len(mesh.faces) else {}
    figure, caption = scene(features, spacing, meshes, colour_by=colour_by)
    alt = f"Fractures and defects of scan {t} in 3D, coloured by {colour_by.replace('_', ' ')}."
    return Picture(figure, alt, f"Scan {t}. {caption} Drag to turn, scroll to zoom, hover for attributes.")


def scene(
    features: pa.Table,
    spacing: Spacing,
    meshes: Mapping[str, Mesh] | None = None,
    *,
    colour_by: str = "kind",
    max_ellipsoids: int = 250,
    max_points: int = 3_000,
) -> tuple[go.Figure, str]:
    """Draw the features of one scan; returns the figure and the sentence that says what is drawn how and what is left out.

    Parameters
    ----------
    features
        Rows of one scan with `COLUMNS`.
    spacing
        Voxel size, z, y, x, µm.
    meshes
        By kind, a surface drawn instead of that kind's features, as from `geometry.surface`.
    colour_by
        `kind`, or `local_density` (volume fraction of defects near each).
    max_ellipsoids, max_points
        The largest `max_ellipsoids` defects are drawn to scale, the next `max_points` as points.
    """
    need(features, *COLUMNS)
    meshes = meshes or {}
    kinds = sorted(set(features["kind"].to_pylist()))
    colours = kind_colours([*kinds, *meshes])
    solid = features.filter(pc.invert(pc.is_in(features["kind"], pa.array(list(meshes), pa.string()))))
    solid = solid.sort_by([("equivalent_diameter", "descending"), ("uid", "ascending")])
    # Tables of other programs may not say how a feature's volume is spread: a point shows where it is.
    spread = solid.filter(pc.is_valid(pc.add(pc.add(solid["cov_zz"], solid["cov_yy"]), solid["cov_xx"])))
    large = spread.slice(0, max_ellipsoids)
    small = solid.filter(pc.invert(pc.is_in(solid["uid"], large["uid"].combine_chunks()))).slice(0, max_points)
    dense = colour_by == "local_density"
    figure = go.Figure()
    for kind, mesh in meshes.items():
        figure.add_trace(_mesh3d(mesh, name=kind, showlegend=True, opacity=0.55, color=colours[kind], hoverinfo="name"))
    for kind in kinds:
        for rows, trace in ((large, _ellipsoid_trace), (small, _point_trace)):
            of_kind = rows.filter(pc.equal(rows["kind"], kind))
            if of_kind.num_rows:
                figure.add_trace(trace(of_kind, kind, spacing, None if dense else colours[kind]))
    box = {"showbackground": False, "gridcolor": "rgba(128,128,128,0.2)", "mirror": True}
    bar = {"colorscale": DENSITY_SCALE, "colorbar": {"title": {"text": "local density"}, "thickness": 12, "len": 0.7}}
    camera = {"eye": {"x": 1.3, "y": 1.3, "z": 0.7}, "center": {"x": 0, "y": 0, "z": -0.15}}
    figure.update_layout(
        layout(height=600, margin={"l": 0, "r": 0, "t": 32, "b": 0}, coloraxis=bar),
        scene={f"{name}axis": axis(f"{name} / µm", **box) for name in "xyz"} | {"aspectmode": "data", "camera": camera},
    )
    return figure, _caption(features, large, small, meshes)


def _ellipsoid_trace(rows: pa.Table, kind: str, spacing: Spacing, colour: str | None) -> go.Mesh3d:
    covariance = np.stack([np.stack([rows[c].to_numpy() for c in line], axis=-1) for line in COVARIANCE], axis=-2)
    mesh = ellipsoids(_positions(rows), covariance, spacing)
    each = len(mesh.vertices) // rows.num_rows
    coloured = {"color": colour} if colour else {"intensity": np.repeat(_density(rows), each), "coloraxis": "coloraxis"}
    attributes = np.repeat(_attributes(rows), each, axis=0)
    return _mesh3d(
        mesh, name=kind, showlegend=colour is not None, customdata=attributes, hovertemplate=_hover(rows, kind), **coloured
    )


def _point_trace(rows: pa.Table, kind: str, _: Spacing, colour: str | None) -> go.Scatter3d:
    z, y, x = _positions(rows).astype(np.float32).T
    marker = {"color": colour} if colour else {"color": _density(rows), "coloraxis": "coloraxis"}
    trace = go.Scatter3d(x=x, y=y, z=z, mode="markers", name=f"{kind}, small", marker={"size": 2.5} | marker)
    return trace.update(showlegend=colour is not None, customdata=_attributes(rows), hovertemplate=_hover(rows, kind))


def _mesh3d(mesh: Mesh, **more: object) -> go.Mesh3d:
    (z, y, x), (i, j, k) = mesh.vertices.T, mesh.faces.T
    lighting = {"ambient": 0.75, "diffuse": 0.5, "specular": 0.1}
    return go.Mesh3d(x=x, y=y, z=z, i=i, j=j, k=k, flatshading=False, showscale=False, lighting=lighting, **more)


def _positions(rows: pa.Table) -> NDArray[np.float64]:
    return np.stack([rows[c].to_numpy() for c in "zyx"], axis=1)


def _density(rows: pa.Table) -> NDArray[np.float32]:
    return np.asarray(rows["local_density"].to_numpy(), np.float32)


def _attributes(rows: pa.Table) -> NDArray[np.floating]:
    # Single precision halves the page, but holds labels only up to 2^24.
    exact = np.float32 if pc.max(rows["label"]).as_py() < 2**24 else np.float64
    return np.stack([np.asarray(rows[c].to_numpy(), exact) for c in ("label", *(c for c, _, _ in HOVER))], axis=1)


def _hover(rows: pa.Table, kind: str) -> str:
    """A template over the attributes: a text per vertex would make the page ten times larger."""
    scan = rows["uid"][0].as_py().rpartition("/")[0]
    name = f"{kind} {scan}/".replace("<", "&lt;").replace("%{", "% {")
    lines = [f"{text} %{{customdata[{i}]:.3g}} {unit}".rstrip() for i, (_, text, unit) in enumerate(HOVER, 1)]
    return "<br>".join([f"{name}%{{customdata[0]:d}}", *lines]) + "<extra></extra>"


def _caption(features: pa.Table, large: pa.Table, small: pa.Table, meshes: Mapping[str, Mesh]) -> str:
    drawn = sum(pc.sum(pc.equal(features["kind"], kind)).as_py() or 0 for kind in meshes)
    parts = []
    if large.num_rows:
        parts.append(f"The {large.num_rows:,} largest defects are ellipsoids to scale with the covariance of their voxels")
    if small.num_rows:
        parts.append(
            f"the next {small.num_rows:,} are points" if parts else f"{small.num_rows:,} defects are points, not to scale"
        )
    left = features.num_rows - drawn - large.num_rows - small.num_rows
    if left:
        parts.append(f"{left:,} smaller ones are not drawn")
    coarse = [f"every {mesh.step}³ voxels of the {kind} are drawn as one" for kind, mesh in meshes.items() if mesh.step > 1]
    return ("; ".join(parts + coarse) or "There is no defect") + "."
