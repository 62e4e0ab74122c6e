"""Fractures of one scan as objects: patches, geometry, map of the opening, front sites and what lies ahead of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.ingest.fractures import patch as _patch
from xctgraph.ingest.fractures.ahead import ahead, count_ahead, roles
from xctgraph.ingest.fractures.columns import Floats
from xctgraph.ingest.fractures.contour import Line, outline
from xctgraph.ingest.fractures.patch import Patch
from xctgraph.ingest.fractures.sheets import sheets
from xctgraph.ingest.fractures.surroundings import Surroundings

GEOMETRY = (
    "n_patches", "fracture_area", "projected_area", "tortuosity", "opening_mean", "opening_max", "normal_z", "normal_y",
    "normal_x", "load_angle", "front_length", "fracture_length",
)  # fmt: skip
"""Columns of `features` that only fractures have."""

KIND = "fracture"

_OPEN = 0.3


@dataclass(frozen=True)
class Asked:
    """What is asked of fractures.

    `spacing` of sites and `radius` ahead of them in um, area of the smallest patch in um^2, and the axis of the load, 0 to 2
    for z, y, x.
    """

    spacing: float
    radius: float
    patch_area: float
    load_axis: int = 0


@dataclass(frozen=True, eq=False)
class Objects:
    """Tables of the fractures of a scan, which name features by `label`.

    `geometry` has the columns `GEOMETRY`, a row per fracture; `patches`, `openings`, `sites` and `faces` have those of the
    schema but ids; `faces` names sites by their number, from 1.
    """

    geometry: pa.Table
    patches: pa.Table
    openings: pa.Table
    sites: pa.Table
    faces: pa.Table


def find(features: pa.Table, around: Surroundings, asked: Asked) -> Objects | None:
    """Describe the fractures of a scan; None where it has none.

    Parameters
    ----------
    features : pyarrow.Table
        Columns label, kind, z, y, x (um).
    around : Surroundings
    asked : Asked
    """
    chosen = np.asarray(pc.equal(features["kind"], KIND).to_numpy(zero_copy_only=False), dtype=np.bool_)
    if not chosen.any():
        return None
    label = features["label"].to_numpy()
    geometry, patches, openings, sites = [], [], [], []
    for one in np.sort(label[chosen]).tolist():
        found = patches_of(one, around, asked)
        outlines = [outline(patch, one, around, asked.spacing) for patch in found]
        geometry.append({"label": one, **_geometry(found, outlines, asked.load_axis)})
        patches += [{"label": one, "patch": k, **_of_patch(patch)} for k, patch in enumerate(found)]
        openings.append(_openings(one, found, asked.spacing))
        sites.append(_sites(one, found, outlines, asked.spacing))
    role = roles(label, chosen, around.labels.n)
    where = np.column_stack([features[axis].to_numpy() for axis in "zyx"])[~chosen]
    front, faces = _seen(pa.concat_tables(sites), where, around, role, asked.radius)
    return Objects(pa.Table.from_pylist(geometry), pa.Table.from_pylist(patches), pa.concat_tables(openings), front, faces)


def patches_of(label: int, around: Surroundings, asked: Asked) -> list[Patch]:
    """Patches of the fracture with this label, the largest first."""
    voxels = around.labels.voxels(label)
    found = [_patch.of_sheet(sheet, around.spacing) for sheet in sheets(voxels, around.spacing, asked.patch_area)]
    return sorted(found, key=lambda patch: -patch.area)


def _geometry(patches: Sequence[Patch], outlines: Sequence[list[Line]], load_axis: int) -> dict[str, object]:
    area, projected = sum(p.area for p in patches), sum(p.projected_area for p in patches)
    openings = [(opening, p.area) for p in patches if (opening := p.mean_opening) is not None]
    every = np.concatenate([p.known_opening for p in patches])
    normal = patches[0].normal
    return {
        "n_patches": len(patches),
        "fracture_area": area,
        "projected_area": projected,
        "tortuosity": area / projected,
        "opening_mean": sum(o * a for o, a in openings) / sum(a for _, a in openings) if openings else None,
        "opening_max": float(np.percentile(every, 99)) if len(every) else None,
        **_vector("normal_", normal),
        "load_angle": float(np.degrees(np.arccos(min(1.0, abs(normal[load_axis]))))),
        "front_length": float(sum(line.length for one in outlines for line in one)),
        "fracture_length": _length(patches[0], outlines[0]),
    }


def _length(patch: Patch, front: list[Line]) -> float:
    """Extent of the patch along the mean direction of its front, um; its largest extent where the front closes on itself."""
    direction = np.sum([line.direction.sum(axis=0) * line.step for line in front] or [np.zeros(3)], axis=0)
    angles = np.linspace(0, np.pi, 180, endpoint=False)
    ways = np.stack([np.cos(angles), np.sin(angles)])
    if np.linalg.norm(direction) > _OPEN * max(sum(line.length for line in front), 1e-9):
        flat = patch.along @ direction
        ways = (flat / np.linalg.norm(flat))[:, None]
    u, v = np.nonzero(patch.mask)
    return float(np.ptp(patch.flat(patch.points(u.astype(np.float64), v.astype(np.float64))) @ ways, axis=0).max())


def _of_patch(patch: Patch) -> dict[str, object]:
    return {
        **_vector("", patch.centre),
        **_vector("normal_", patch.normal),
        "area": patch.area,
        "projected_area": patch.projected_area,
        "opening_mean": patch.mean_opening,
        "opening_max": patch.largest_opening,
    }


def _openings(label: int, patches: Sequence[Patch], spacing: float) -> pa.Table:
    """Tiles of about the spacing, with the mean of the opening over each."""
    tables = []
    count = 0
    for number, patch in enumerate(patches):
        u, v = np.nonzero(patch.mask)
        first, second = patch.across
        tile = np.stack([u // max(1, round(spacing / patch.spacing[first])), v // max(1, round(spacing / patch.spacing[second]))])
        _, member = np.unique(tile[0] * patch.mask.shape[1] + tile[1], return_inverse=True)
        n = int(member.max()) + 1
        cells = np.bincount(member, minlength=n)
        points = patch.points(u.astype(np.float64), v.astype(np.float64))
        steep, opening = patch.steepness[u, v], patch.opening[u, v]
        known = np.isfinite(opening)
        weight = np.bincount(member[known], minlength=n)
        total = np.bincount(member[known], opening[known], minlength=n)
        mean = np.full(n, np.nan)
        mean[weight > 0] = total[weight > 0] / weight[weight > 0]
        middle = np.stack([np.bincount(member, points[:, k], minlength=n) / cells for k in range(3)], axis=1)
        tables.append(
            pa.table({
                "label": np.full(n, label), "patch": np.full(n, number, np.int32),
                "tile": np.arange(count, count + n, dtype=np.int32), **_columns("", middle),
                "opening": pa.array(mean, from_pandas=True), "area": np.bincount(member, steep, minlength=n) * patch.cell_area,
            })
        )  # fmt: skip
        count += n
    return pa.concat_tables(tables)


def _sites(label: int, patches: Sequence[Patch], outlines: Sequence[list[Line]], spacing: float) -> pa.Table:
    """Sites in the middle of equal pieces of the front, about the spacing long."""
    columns: dict[str, list[NDArray[np.generic]]] = {name: [] for name in ("patch", "front", "arc", "front_length", "curvature")}
    points, direction, opening = [np.zeros((0, 3))], [np.zeros((0, 3))], [np.zeros(0)]
    front = 0
    for number, (patch, one) in enumerate(zip(patches, outlines, strict=True)):
        for line in one:
            n = max(1, round(line.length / spacing))
            arc = (np.arange(n) + 0.5) * line.length / n
            at = np.minimum(np.rint(arc / line.step).astype(np.int64), len(line.points) - 1)
            points.append(line.points[at])
            direction.append(line.direction[at])
            opening.append(patch.opening_at(line.points[at] - spacing * line.direction[at]))
            values = (np.full(n, number), np.full(n, front), arc, np.full(n, line.length / n), line.curvature[at])
            for name, value in zip(columns, values, strict=True):
                columns[name].append(value)
            front += 1
    joined = {name: np.concatenate([np.zeros(0), *parts]) for name, parts in columns.items()}
    position = np.concatenate(points)
    return pa.table({
        "label": np.full(len(position), label), "patch": joined["patch"].astype(np.int32),
        "front": joined["front"].astype(np.int32), "arc": joined["arc"], "front_length": joined["front_length"],
        **_columns("", position), **_columns("direction_", np.concatenate(direction)), "curvature": joined["curvature"],
        "opening": np.concatenate(opening),
    })  # fmt: skip


def _seen(
    sites: pa.Table, defects: Floats, around: Surroundings, role: NDArray[np.int8], radius: float
) -> tuple[pa.Table, pa.Table]:
    """Sites with what lies ahead of each, and the edges to it."""
    points = np.column_stack([sites[axis].to_numpy() for axis in "zyx"])
    direction = np.column_stack([sites[f"direction_{axis}"].to_numpy() for axis in "zyx"])
    seen = ahead(points, direction, radius, around, role)
    nearest = np.full(len(points), np.inf)
    np.minimum.at(nearest, seen.site, seen.gap)
    added = {
        "surface_distance": around.surface_distance(points),
        "ahead_volume": seen.volume,
        "n_ahead": count_ahead(points, direction, radius, defects),
        "local_density": pa.array(seen.density, from_pandas=True),
        "nearest_gap": pa.array(np.where(np.isfinite(nearest), nearest, np.nan), from_pandas=True),
    }
    for name, values in added.items():
        sites = sites.append_column(name, pa.array(values))
    faces = pa.table({"source": seen.site + 1, "target": seen.label, "gap": seen.gap, **_columns("direction_", seen.direction)})
    return sites, faces


def _vector(prefix: str, values: Floats) -> dict[str, object]:
    return {f"{prefix}{axis}": float(values[k]) for k, axis in enumerate("zyx")}


def _columns(prefix: str, values: Floats) -> dict[str, Floats]:
    return {f"{prefix}{axis}": np.ascontiguousarray(values[:, k]) for k, axis in enumerate("zyx")}
