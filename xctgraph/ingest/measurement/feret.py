"""Largest and smallest Feret diameter."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.parallel import in_parts
from xctgraph.store.jit import njit
from xctgraph.store.labels import Labels

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
Spacing = tuple[float, float, float]


def _directions() -> F64:
    """Unit vectors (z, y, x) to the points of a 5 x 5 x 5 lattice, opposite ones once, (49, 3), at most 18 degrees off."""
    steps = [s for s in product(range(-2, 3), repeat=3) if any(s) and np.gcd.reduce(np.abs(s)) == 1]
    half = np.array([s for s in steps if next(c for c in s if c) > 0], np.float64)
    return np.asarray(half / np.linalg.norm(half, axis=1, keepdims=True))


DIRECTIONS = _directions()


def feret_diameters(labels: Labels, origin: I32, principal: F64, spacing: Spacing, workers: int = 1) -> F64:
    """Largest and smallest extent of every feature, (n, 2), in the unit of `spacing`.

    The extent along a unit vector u is the range of the voxel centres along u, plus the extent of one voxel, taken as the
    octahedron of its face centres: max_i |u_i| spacing_i. That is the surface that marching cubes puts at level 0.5, and less
    biased than the voxel centres alone (too short) or the closed cubes (too long). The extent is taken along 49 directions and
    the feature's three principal axes: the largest one is at most 5 % below that of all directions, and at most
    scikit-image's `feret_diameter_max`, which takes the surface of the convex hull, filled with voxels, instead.

    Parameters
    ----------
    labels
        The features.
    origin
        A voxel (z, y, x) of every feature, (n, 3), about which its voxels are measured.
    principal
        Unit vectors (z, y, x) of its principal axes, (n, 3, 3).
    spacing
        Voxel size (dz, dy, dx).
    workers
        Threads.
    """
    size = np.asarray(spacing, np.float64)
    diameters = np.empty((labels.n, 2))
    order, offsets = labels.by_label
    arrays = (order, offsets, labels.z, labels.y, labels.x_start, labels.x_stop)

    def part(first: int, last: int) -> None:
        _extents(first, last, *arrays, origin, principal, DIRECTIONS, size, diameters)

    in_parts(part, offsets[1:], workers)
    return diameters


@njit
def _extents(
    first: int,
    last: int,
    order: I64,
    offsets: I64,
    z: I32,
    y: I32,
    x_start: I32,
    x_stop: I32,
    origin: I32,
    principal: F64,
    directions: F64,
    size: F64,
    diameters: F64,
) -> None:
    """Extents of the features of rows `first` to `last` - 1."""
    n = len(directions)
    # One row per component, so that the loop over directions becomes vector instructions.
    along = np.empty((3, n + 3))
    along[:, :n] = directions.T
    low = np.empty(n + 3)
    high = np.empty(n + 3)
    for row in range(first, last):
        along[:, n:] = principal[row].T
        low[:] = np.inf
        high[:] = -np.inf
        for i in order[offsets[row + 1] : offsets[row + 2]]:
            dz = (z[i] - origin[row, 0]) * size[0]
            dy = (y[i] - origin[row, 1]) * size[1]
            left = (x_start[i] - origin[row, 2]) * size[2]
            right = (x_stop[i] - 1 - origin[row, 2]) * size[2]
            for k in range(n + 3):
                across = dz * along[0, k] + dy * along[1, k]
                a = across + left * along[2, k]
                b = across + right * along[2, k]
                low[k] = min(low[k], a, b)
                high[k] = max(high[k], a, b)
        largest = 0.0
        smallest = np.inf
        for k in range(n + 3):
            voxel = max(abs(along[0, k]) * size[0], abs(along[1, k]) * size[1], abs(along[2, k]) * size[2])
            extent = high[k] - low[k] + voxel
            largest = max(largest, extent)
            smallest = min(smallest, extent)
        diameters[row, 0] = largest
        diameters[row, 1] = smallest
