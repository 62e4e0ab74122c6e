"""Features taken as spheres of their volumes about their centroids: what is near or overlaps where there are no voxels."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xctgraph.ingest.proximity.density import lens
from xctgraph.ingest.proximity.pairs import pairs
from xctgraph.store.errors import InputError
from xctgraph.store.jit import njit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def near_spheres(features: pa.Table, spacing: tuple[float, float, float], gap: float) -> pa.Table:
    """All pairs of features of one scan whose spheres come within `gap`.

    The gap of two spheres is the distance of their centres less both radii, and at least the smallest voxel edge, which is the
    gap of face neighbours: features are disjoint, so spheres that overlap only say that one of them is no sphere.

    Parameters
    ----------
    features : pyarrow.Table
        Columns label, volume (um^3) and z, y, x (um); rows in any order.
    spacing : (dz, dy, dx), micrometres
    gap : float, micrometres

    Returns
    -------
    pyarrow.Table
        source < target (labels, int64), gap and distance (float64, um), sorted by source and target.

    Raises
    ------
    InputError
        If `gap` is not positive.
    """
    if not gap > 0:
        raise InputError(f"near gap {gap} um must be positive")
    label = features["label"].to_numpy().astype(np.int64)
    centre = np.stack([features[axis].to_numpy() for axis in "zyx"], axis=1)
    radius = np.cbrt(3 * features["volume"].to_numpy() / (4 * np.pi))
    smallest = min(spacing)
    i, j, between = within(centre, radius, centre, radius, gap)
    once = label[i] < label[j]
    i, j, between = i[once], j[once], np.maximum(between[once], smallest)
    order = np.lexsort([label[j], label[i]])
    order = order[between[order] <= gap]
    i, j = i[order], j[order]
    return pa.table(
        {
            "source": label[i],
            "target": label[j],
            "gap": between[order],
            "distance": np.linalg.norm(centre[j] - centre[i], axis=1),
        }
    )


def within(a: Floats, radius_a: Floats, b: Floats, radius_b: Floats, gap: float) -> tuple[Ints, Ints, Floats]:
    """Pairs of a sphere of `a` and one of `b` with at most `gap` between them.

    They are searched in classes of like size, so that one large sphere does not widen the search for all others.

    Parameters
    ----------
    a, b : (n, 3) and (m, 3), um
        Centres.
    radius_a, radius_b : (n,) and (m,), um
    gap : float, um

    Returns
    -------
    i, j : (p,) int64
        Sorted by i, then j.
    gap : (p,) float64, um
        Distance of the centres less both radii; negative where spheres overlap.
    """
    found_i, found_j = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for some_a, some_b in itertools.product(_like_sized(radius_a), _like_sized(radius_b)):
        reach = float(radius_a[some_a].max() + radius_b[some_b].max() + gap)
        if reach >= 0:
            i, j, _ = pairs(a[some_a], b[some_b], reach * (1 + 1e-12))
            found_i.append(some_a[i])
            found_j.append(some_b[j])
    i, j = np.concatenate(found_i), np.concatenate(found_j)
    between = np.linalg.norm(b[j] - a[i], axis=1) - radius_a[i] - radius_b[j]
    order = np.lexsort([j, i])
    order = order[between[order] <= gap]
    return i[order], j[order], between[order]


def _like_sized(radius: Floats) -> list[Ints]:
    """Indices in classes within which radii differ by less than a factor of two."""
    size = np.floor(np.log2(np.maximum(radius, 1e-9)))
    return [np.flatnonzero(size == value) for value in np.unique(size)]


def overlapping(a: Floats, radius_a: Floats, b: Floats, radius_b: Floats) -> tuple[Ints, Ints, Floats]:
    """Pairs of spheres that overlap, sorted by i, then j, and the volumes they share, um^3."""
    i, j, _ = within(a, radius_a, b, radius_b, 0.0)
    return i, j, _lenses(np.ascontiguousarray(a[i]), radius_a[i], np.ascontiguousarray(b[j]), radius_b[j])


@njit
def _lenses(a: Floats, radius_a: Floats, b: Floats, radius_b: Floats) -> Floats:
    shared = np.empty(len(a))
    for k in range(len(a)):
        shared[k] = lens(a[k], b[k], radius_a[k], radius_b[k])
    return shared
