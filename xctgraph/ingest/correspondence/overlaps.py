"""Voxels that features of two scans share once the displacement is removed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.correspondence.field import Field
from xctgraph.ingest.correspondence.side import ScanSide
from xctgraph.ingest.proximity.spheres import overlapping
from xctgraph.store.labels import Labels

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK = 12


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Pairs of features that share voxels: indices (label - 1), sorted by `a`, then `b`, and the number of voxels."""

    n_b: int
    a: Ints
    b: Ints
    voxels: Ints

    def of(self, a: Ints, b: Ints) -> Ints:
        """Voxels shared by the pairs (a[k], b[k]); 0 where there are none."""
        key = self.a * self.n_b + self.b
        wanted = np.asarray(a) * self.n_b + np.asarray(b)
        place = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
        if not len(key):
            return np.zeros(len(wanted), np.int64)
        return np.where(key[place] == wanted, self.voxels[place], 0)


def displaced(a: ScanSide, b: ScanSide, field: Field) -> Overlaps:
    """Count the voxels of each feature of `a` that fall on features of `b`.

    A feature is moved by the displacement at its centroid, rounded to whole voxels; one longer than two blocks of 12 voxels
    is cut into such blocks, each moved by the displacement at its centre. Where one of the scans has no voxels, the spheres of
    the features' volumes overlap instead, counted in whole voxels.
    """
    if a.labels is None or b.labels is None:
        i, j, shared = overlapping(a.position + field.at(a.position), a.radius, b.position, b.radius)
        voxels = np.minimum(np.rint(shared / a.steps.prod()).astype(np.int64), np.minimum(a.voxels[i], b.voxels[j]))
        return Overlaps(b.n, i[voxels > 0], j[voxels > 0], voxels[voxels > 0])
    large = np.r_[False, a.reach > BLOCK * a.steps.min()]
    pieces, owner, centre = _cut(a.labels, large)
    shift = np.zeros((pieces.n, 3))
    points = np.concatenate([a.position, centre * a.steps])[: pieces.n]
    shift[: len(points)] = field.at(points) / a.steps
    found = pieces.overlap(b.labels, shift)
    key = owner[found.label_a - 1] * b.n + found.label_b - 1
    pair, member = np.unique(key, return_inverse=True)
    voxels = np.bincount(member, weights=found.voxels, minlength=len(pair)).astype(np.int64)
    return Overlaps(b.n, pair // max(b.n, 1), pair % max(b.n, 1), voxels)


def _cut(labels: Labels, large: NDArray[np.bool_]) -> tuple[Labels, Ints, Floats]:
    """Labels with the large ones cut into blocks numbered from n + 1, whose each is, and the centres of the blocks."""
    n = labels.n
    cut = large[labels.label]
    if not cut.any():
        return labels, np.arange(n), np.zeros((0, 3))
    first, last = labels.x_start // BLOCK, (labels.x_stop - 1) // BLOCK
    parts = np.where(cut, last - first + 1, 1)
    run = np.repeat(np.arange(len(parts)), parts)
    block = first[run] + np.arange(len(run)) - np.repeat(np.cumsum(parts) - parts, parts)
    z, y, label, cut = labels.z[run], labels.y[run], labels.label[run], cut[run]
    start = np.where(cut, np.maximum(labels.x_start[run], block * BLOCK), labels.x_start[run])
    stop = np.where(cut, np.minimum(labels.x_stop[run], (block + 1) * BLOCK), labels.x_stop[run])
    grid = (n + 1, *(size // BLOCK + 1 for size in labels.shape))
    place = np.ravel_multi_index((label[cut], z[cut] // BLOCK, y[cut] // BLOCK, block[cut]), grid)
    pieces, member = np.unique(place, return_inverse=True)
    new = label.copy()
    new[cut] = n + 1 + member
    of, *corner = np.unravel_index(pieces, grid)
    owner: Ints = np.r_[np.arange(n), of - 1].astype(np.int64)
    centre: Floats = ((np.stack(corner, axis=1) + 0.5) * BLOCK - 0.5).astype(np.float64)
    return Labels(labels.shape, z, y, start, stop, new), owner, centre
