"""Links of fractures, by overlap in the displaced frame, and of what they swallow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.correspondence.field import Field
from xctgraph.ingest.correspondence.overlaps import Overlaps
from xctgraph.ingest.correspondence.side import ScanSide
from xctgraph.ingest.proximity.gaps import gaps
from xctgraph.ingest.proximity.spheres import within

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Links = tuple[Ints, Ints]

_LEAST_VOXELS = 2
_LEAST_SHARE = 0.1
_BECAME = 0.2
_COVERED = 0.5
_TOUCH = 1.8


def fracture_links(a: ScanSide, b: ScanSide, overlaps: Overlaps) -> Links:
    """Fractures of `a` and of `b` that share at least two voxels and a tenth of the smaller one."""
    share = overlaps.voxels / np.minimum(a.voxels[overlaps.a], b.voxels[overlaps.b])
    both = a.is_fracture[overlaps.a] & b.is_fracture[overlaps.b]
    good = both & (overlaps.voxels >= _LEAST_VOXELS) & (share >= _LEAST_SHARE)
    return overlaps.a[good], overlaps.b[good]


def changed_kind(a: ScanSide, b: ScanSide, overlaps: Overlaps, free_a: Bools, free_b: Bools) -> Links:
    """Pores that became a fracture, and fractures that are called pores in the later scan.

    Both must be without another link, and be the largest overlap of each other. Half of the pore must lie in the fracture; a
    pore of less than a fifth of the fracture's voxels became it only if it alone was covered: otherwise it was swallowed.
    """
    i, j = overlaps.a, overlaps.b
    to_fracture = a.is_pore[i] & b.is_fracture[j]
    to_pore = a.is_fracture[i] & b.is_pore[j]
    pore = np.where(to_fracture, a.voxels[i], b.voxels[j])
    fracture = np.where(to_fracture, b.voxels[j], a.voxels[i])
    covered = (to_fracture | to_pore) & (overlaps.voxels >= _COVERED * pore) & free_a[i] & free_b[j]
    i, j, voxels, pore, fracture = (v[covered] for v in (i, j, overlaps.voxels, pore, fracture))
    most_a, most_b = np.zeros(a.n, np.int64), np.zeros(b.n, np.int64)
    np.maximum.at(most_a, i, voxels)
    np.maximum.at(most_b, j, voxels)
    sole = (np.bincount(i, minlength=a.n)[i] == 1) & (np.bincount(j, minlength=b.n)[j] == 1)
    best = (voxels == most_a[i]) & (voxels == most_b[j]) & (sole | (pore >= _BECAME * fracture))
    best &= _first(i) & _first(j)
    return i[best], j[best]


def swallowed(a: ScanSide, b: ScanSide, overlaps: Overlaps, free_a: Bools, field: Field) -> Links:
    """Features without a link that a fracture of the later scan covers or touches: each with the fracture it overlaps most.

    Touching is a distance of at most 1.8 mean voxel edges between voxel centres in the displaced frame.
    """
    into = b.is_fracture[overlaps.b] & free_a[overlaps.a] & ~a.is_fracture[overlaps.a]
    i, j, voxels = overlaps.a[into], overlaps.b[into], overlaps.voxels[into]
    order = np.lexsort([j, -voxels, i])
    i, j = i[order], j[order]
    first = _first(i)
    i, j = i[first], j[first]
    rest = free_a & ~a.is_fracture
    rest[i] = False
    more_i, more_j = touching(a, b, rest, b.is_fracture, field)
    return np.r_[i, more_i], np.r_[j, more_j]


def touching(a: ScanSide, b: ScanSide, of_a: Bools, of_b: Bools, field: Field) -> Links:
    """For each chosen feature of `a`, moved by the field, the chosen feature of `b` nearest to it within 1.8 mean voxel edges."""
    rows_a, rows_b = np.flatnonzero(of_a), np.flatnonzero(of_b)
    if not len(rows_a) or not len(rows_b):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    if a.labels is None or b.labels is None:
        moved = a.position[rows_a] + field.at(a.position[rows_a])
        i, j, gap = within(moved, a.radius[rows_a], b.position[rows_b], b.radius[rows_b], _TOUCH * a.voxel)
        return _nearest(rows_a, rows_b, i, j, gap)
    surface_a, surface_b = a.labels.boundary(rows_a + 1), b.labels.boundary(rows_b + 1)
    points = surface_a.coords * a.steps
    moved = np.rint((points + field.at(points)) / a.steps).astype(np.int32)
    voxels = np.concatenate([moved, surface_b.coords])
    voxels -= voxels.min(axis=0)
    owner = np.r_[np.searchsorted(rows_a, surface_a.label - 1), len(rows_a) + np.searchsorted(rows_b, surface_b.label - 1)]
    n = len(rows_a) + len(rows_b)
    i, j, gap = gaps(voxels, owner.astype(np.int32), n, a.spacing, _TOUCH * a.voxel, split=len(rows_a))
    return _nearest(rows_a, rows_b, i, j - len(rows_a), gap)


def _nearest(rows_a: Ints, rows_b: Ints, i: Ints, j: Ints, gap: NDArray[np.float64]) -> Links:
    order = np.lexsort([j, gap, i])
    i, j = i[order], j[order]
    first = _first(i)
    return rows_a[i[first]], rows_b[j[first]]


def _first(values: Ints) -> Bools:
    """Which are the first of their value."""
    chosen = np.zeros(len(values), np.bool_)
    chosen[np.unique(values, return_index=True)[1]] = True
    return chosen
