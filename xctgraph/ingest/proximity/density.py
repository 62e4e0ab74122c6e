"""Volume fraction of defects around each feature."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.ingest.proximity.ball import clipped_ball
from xctgraph.store.errors import InputError
from xctgraph.store.jit import njit


def local_density(
    features: pa.Table,
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    radius: float,
    *,
    origin: tuple[int, int, int] = (0, 0, 0),
) -> NDArray[np.float64]:
    """Volume fraction of other defects within `radius` of the centroid of each feature.

    Counted are all features except fractures (kind `fracture`) and the feature itself, each as the sphere of its volume about its
    centroid, with what of that sphere lies in the ball (E. W. Weisstein, Sphere-Sphere Intersection, MathWorld, eq. 16). The
    denominator is the volume of the ball inside the scan's box (voxels with their full extent), so that a feature at the border
    is not diluted by what was not scanned. Where defects are far from spheres their spheres can overlap; the result is at most 1.

    Parameters
    ----------
    features : pyarrow.Table
        Columns kind, volume (um^3), z, y, x (um, origin at the centre of voxel (0, 0, 0)).
    shape, origin : (z, y, x), voxels
        Size and first voxel of what was scanned.
    spacing : (dz, dy, dx), micrometres
    radius : float, micrometres

    Returns
    -------
    (n,) float64
        In the order of `features`.

    Raises
    ------
    InputError
        If `radius` is not positive.
    """
    if not radius > 0:
        raise InputError(f"density radius {radius} um must be positive")
    points = np.stack([features[axis].to_numpy() for axis in "zyx"], axis=1).astype(np.float64)
    if not len(points):
        return np.zeros(0)
    defect = pc.not_equal(features["kind"], "fracture").to_numpy(zero_copy_only=False)
    size = np.where(defect, np.cbrt(features["volume"].to_numpy() * 3 / (4 * np.pi)), 0.0)
    steps = np.asarray(spacing, dtype=np.float64)
    first = np.asarray(origin)
    ball = clipped_ball(points, (first - 0.5) * steps, (first + np.asarray(shape) - 0.5) * steps, radius)
    large = size > radius
    inside = _among_small(points, np.where(large, 0.0, size), radius)
    inside += _from_large(points, np.flatnonzero(large), size, float(radius))
    return np.minimum(inside / ball, 1.0)


def _among_small(points: NDArray[np.float64], size: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    reach = radius + size.max()
    low = points.min(axis=0)
    extent = points.max(axis=0) - low
    edge = np.maximum(reach, extent / (2 * np.cbrt(len(points)) + 1))
    cells = (extent // edge).astype(np.int64) + 1
    cell = np.minimum(((points - low) // edge).astype(np.int64), cells - 1)
    number = (cell[:, 0] * cells[1] + cell[:, 1]) * cells[2] + cell[:, 2]
    order = np.argsort(number, kind="stable")
    start = np.searchsorted(number[order], np.arange(cells.prod() + 1))
    total = np.empty(len(points))
    total[order] = _sum(np.ascontiguousarray(points[order]), size[order], cell[order], cells, start, float(radius))
    return total


@njit
def _sum(
    points: NDArray[np.float64],
    size: NDArray[np.float64],
    cell: NDArray[np.int64],
    cells: NDArray[np.int64],
    start: NDArray[np.int64],
    radius: float,
) -> NDArray[np.float64]:
    total = np.zeros(len(points))
    for i in range(len(points)):
        x0 = max(cell[i, 2] - 1, 0)
        x1 = min(cell[i, 2] + 1, cells[2] - 1)
        for z in range(max(cell[i, 0] - 1, 0), min(cell[i, 0] + 1, cells[0] - 1) + 1):
            for y in range(max(cell[i, 1] - 1, 0), min(cell[i, 1] + 1, cells[1] - 1) + 1):
                row = (z * cells[1] + y) * cells[2]
                for j in range(start[row + x0], start[row + x1 + 1]):
                    if j != i and size[j] > 0.0:
                        total[i] += lens(points[i], points[j], radius, size[j])
    return total


@njit
def _from_large(
    points: NDArray[np.float64], large: NDArray[np.int64], size: NDArray[np.float64], radius: float
) -> NDArray[np.float64]:
    total = np.zeros(len(points))
    for j in large:
        for i in range(len(points)):
            if i != j:
                total[i] += lens(points[i], points[j], radius, size[j])
    return total


@njit
def lens(a: NDArray[np.float64], b: NDArray[np.float64], radius_a: float, radius_b: float) -> float:
    """Volume that two balls share."""
    distance = np.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2)
    if distance >= radius_a + radius_b:
        return 0.0
    if distance <= abs(radius_a - radius_b):
        return 4.0 / 3.0 * np.pi * min(radius_a, radius_b) ** 3
    height = radius_a + radius_b - distance
    square = distance**2 + 2.0 * distance * (radius_a + radius_b) - 3.0 * (radius_a - radius_b) ** 2
    return float(np.pi * height**2 * square / (12.0 * distance))
