"""How far a front has come by the next scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from xctgraph.ingest.fractures.columns import Floats, Ints
from xctgraph.store.jit import njit

Bools = NDArray[np.bool_]

_JOINED = 2.0
_BEHIND = 3.0
_OFF_SHEET = 3.0
_TILT = 0.5
_ASTRAY = 0.5
_CLOSED = 1.6


@dataclass(frozen=True, eq=False)
class Front:
    """Sites of one scan.

    Attributes
    ----------
    points, direction : (n, 3), um and unit vectors
    line : (n,) int64
        Number of the piece of front; the sites of one follow each other in order.
    length : (n,) float64
        Length of front that each stands for, um.
    fracture : (n,) int64
        feature_id.
    """

    points: Floats
    direction: Floats
    line: Ints
    length: Floats
    fracture: Ints

    @classmethod
    def of(cls, sites: pa.Table) -> Front:
        """The front of rows of `front_sites`, sorted by feature_id, front and arc."""
        points, direction = (np.column_stack([sites[f"{p}{axis}"].to_numpy() for axis in "zyx"]) for p in ("", "direction_"))
        fracture, front = sites["feature_id"].to_numpy(), sites["front"].to_numpy()
        line = np.cumsum(np.r_[0, (np.diff(fracture) != 0) | (np.diff(front) != 0)])[: len(points)]
        return cls(points, direction, line.astype(np.int64), sites["front_length"].to_numpy(), fracture)


def advances(old: Front, normal: Floats, new: Front, successor: Ints, there: Floats, voxel: float) -> Floats:
    """Distance from each site to the front of the next scan along its direction.

    The later front is drawn as straight lines from site to site, without the sites at voxels of features that were there
    already: a pore that joins a fracture is no advance, and the line goes across it. Of the places where the ray from a site
    crosses the line from within, the nearest counts that lies on the sheet (at most 3 voxels off, more with the distance) and
    whose distance to the old front, as a distance transform gives it, is not below half the way: else the ray has missed its
    own front and met another.

    Parameters
    ----------
    old : Front
        (n sites)
    normal : (n, 3)
        Unit normals of the patches the sites lie on.
    new : Front
        In the frame of the earlier scan.
    successor : (k, 2) int64
        Fractures of the earlier scan and what they became.
    there : (m, 3), um
        Voxels of other features that were there and did not go on by themselves, in the earlier scan.
    voxel : float
        Mean edge of a voxel, um.

    Returns
    -------
    (n,) float64, um
        At least 0; NaN where the front is not met.
    """
    found = np.full(len(old.points), np.nan)
    own = np.ones(len(new.points), np.bool_)
    if len(there) and len(own):
        own = np.asarray(cKDTree(there).query(new.points)[0]) > _JOINED * voxel
    if not own.any() or not len(old.points):
        return found
    start, stop, outward, fracture = _segments(new, own)
    across = np.cross(normal, old.direction)
    reach = np.asarray(cKDTree(old.points).query((start + stop) / 2)[0])
    for parent in np.unique(old.fracture):
        here = np.flatnonzero(old.fracture == parent)
        there_ = np.flatnonzero(np.isin(fracture, successor[successor[:, 0] == parent, 1]))
        found[here] = _rays(
            old.points[here], old.direction[here], across[here], normal[here],
            start[there_], stop[there_], outward[there_], reach[there_], voxel,
        )  # fmt: skip
    return found


def _segments(front: Front, own: Bools) -> tuple[Floats, Floats, Floats, Ints]:
    """Lines between the sites that are `own` and half a step beyond open ends: start, stop, outward direction, fracture."""
    parts: list[tuple[Floats, Floats, Floats, Ints]] = []
    for line in np.unique(front.line[own]):
        rows = np.flatnonzero(front.line == line)
        gap = np.linalg.norm(front.points[rows[-1]] - front.points[rows[0]])
        closed = len(rows) > 2 and gap < _CLOSED * front.length[rows].max()
        rows = rows[own[rows]]
        points, direction = front.points[rows], front.direction[rows]
        if closed:
            points, direction = np.concatenate([points, points[:1]]), np.concatenate([direction, direction[:1]])
        elif len(rows) > 1:
            first, last = points[0] + (points[0] - points[1]) / 2, points[-1] + (points[-1] - points[-2]) / 2
            points = np.concatenate([first[None], points, last[None]])
            direction = np.concatenate([direction[:1], direction, direction[-1:]])
        fracture = np.full(len(points) - 1, front.fracture[rows[0]])
        parts.append((points[:-1], points[1:], (direction[:-1] + direction[1:]) / 2, fracture))
    start, stop, outward, fractures = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return start, stop, outward, fractures


@njit
def _rays(
    points: Floats,
    direction: Floats,
    across: Floats,
    normal: Floats,
    start: Floats,
    stop: Floats,
    outward: Floats,
    reach: Floats,
    voxel: float,
) -> Floats:
    found = np.full(len(points), np.nan)
    for i in range(len(points)):
        best = np.inf
        for j in range(len(start)):
            facing = a = b = 0.0
            for k in range(3):
                facing += outward[j, k] * direction[i, k]
                a += (start[j, k] - points[i, k]) * across[i, k]
                b += (stop[j, k] - points[i, k]) * across[i, k]
            if facing <= 0.0 or (a > 0.0) == (b > 0.0):
                continue
            part = a / (a - b)
            forward = off = 0.0
            for k in range(3):
                away = start[j, k] + part * (stop[j, k] - start[j, k]) - points[i, k]
                forward += away * direction[i, k]
                off += away * normal[i, k]
            if forward < -_BEHIND * voxel or forward >= best:
                continue
            if abs(off) > _OFF_SHEET * voxel + _TILT * abs(forward) or reach[j] < _ASTRAY * forward - 2.0 * voxel:
                continue
            best = forward
        if best < np.inf:
            found[i] = max(best, 0.0)
    return found
