"""The displacement field between two scans, from their features alone, coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from xctgraph.ingest.correspondence import fit
from xctgraph.ingest.correspondence.drift import drift
from xctgraph.ingest.correspondence.field import Field
from xctgraph.ingest.correspondence.overlaps import displaced
from xctgraph.ingest.correspondence.side import ScanSide
from xctgraph.ingest.correspondence.windows import vote
from xctgraph.ingest.proximity.pairs import best_mutual, pairs

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FEWEST = 4
_LARGEST = 20_000
_PER_WINDOW = 40
_MOST_WINDOWS = 4
_DISTORTION = 0.08
_ROUNDS = (1.0, 0.8, 0.65, 0.5, 0.5)
_SETTLED_SHARE = 0.999
_CLEAR = 3.0
_NEIGHBOURS = 16
# Where single features move about the common motion by more than this share of the spacing, more of them are averaged.
_NOISY, _MANY_NEIGHBOURS = 0.12, 64
_WINDOW_NEIGHBOURS = 12
_PRECISION = 0.3


@dataclass(frozen=True, eq=False)
class Registration:
    """A displacement field and how well it is known.

    Attributes
    ----------
    field : Field
        Where centroids go, those of features that the border cuts among them.
    material : Field
        Where the material goes: fitted to features that the border leaves whole, where these are enough.
    residual : float
        Median distance of linked features from where the field puts them, um.
    held_out : float
        The same for linked features that were left out of the fit, um: the error to expect.
    spacing : float
        Median distance of a feature to its nearest neighbour in the earlier scan, um; inf for fewer than two.
    support : int
        Features of the earlier scan that the field rests on; 0 where no displacement is assumed.
    """

    field: Field
    material: Field
    residual: float
    held_out: float
    spacing: float
    support: int


def register(a: ScanSide, b: ScanSide, max_drift: float | None) -> Registration:
    """Find the displacement from scan `a` to scan `b`.

    1. Global drift by cross-correlation of densities.
    2. Votes in windows, fitted by an affine, then by local affine displacements.
    3. Rounds of mutual nearest neighbours in position and volume within a shrinking radius, until the field has settled,
       fitted by what their number supports: a translation, an affine, or local affine displacements on a grid. Where links
       that are left out of the fit lie far off, a smoother field is tried, and kept if they lie closer to it.

    Fractures don't vote: they grow, and their centroids wander. Fewer than four other features that overlap as they are stand
    still: one that splits would else be taken for one that moves.
    """
    use_a, use_b = ~a.is_fracture, ~b.is_fracture
    pa, pb = a.position[use_a], b.position[use_b]
    va, vb = a.log_volume[use_a], b.log_volume[use_b]
    still = Field.constant(a.extent, np.zeros(3))
    if not len(pa) or not len(pb):
        return Registration(still, still, 0.0, 0.0, np.inf, 0)
    spacing = spacing_of(pa)
    if min(len(pa), len(pb)) < FEWEST and _stands(a, b):
        return Registration(still, still, 0.0, 0.0, spacing, 0)
    typical = spacing if np.isfinite(spacing) else float(a.extent.max()) / 2
    field = _coarse(pa, pb, va, vb, a, typical, max_drift)
    scene = _Scene(pa, pb, va, vb, a.extent, typical, _PRECISION * a.voxel)
    neighbours = _NEIGHBOURS
    found, held_out = scene.settled(field, neighbours)
    if held_out > _NOISY * typical and len(found.i) >= 2 * _NEIGHBOURS:
        smoother, error = scene.settled(field, _MANY_NEIGHBOURS)
        if error < held_out:
            found, held_out, neighbours = smoother, error, _MANY_NEIGHBOURS
    if not len(found.i):
        return Registration(found.field, found.field, 0.0, 0.0, spacing, 0)
    whole = ~a.border[use_a][found.i] & ~b.border[use_b][found.j]
    material = _of_whole(pa[found.i], pb[found.j] - pa[found.i], whole, found.field, a.extent, scene.precision, neighbours)
    return Registration(found.field, material, found.residual, held_out, spacing, len(found.i))


@dataclass(frozen=True, eq=False)
class _Linked:
    """Links found in rounds, the field fitted to them, and their median distance from it."""

    field: Field
    i: Ints
    j: Ints
    residual: float


@dataclass(frozen=True, eq=False)
class _Scene:
    """Positions and logarithms of volume of the features that vote, and what distances to expect."""

    pa: Floats
    pb: Floats
    va: Floats
    vb: Floats
    extent: Floats
    typical: float
    precision: float

    def settled(self, field: Field, neighbours: int) -> tuple[_Linked, float]:
        """Rounds of linking and fitting from a coarse field on; what they end with, and its median error at links left out."""
        found = _Linked(field, np.zeros(0, np.int64), np.zeros(0, np.int64), np.inf)
        for factor in _ROUNDS:
            predicted = self.pa + found.field.at(self.pa)
            i, j = _mutual(predicted, self.pb, self.va, self.vb, factor * self.typical)
            if not len(i):
                found = replace(found, i=i, j=j)
                continue
            displacement = self.pb[j] - self.pa[i]
            fitted = _fit(self.pa[i], displacement, found.field, self.extent, self.precision, neighbours)
            put = fitted.at(self.pa[i])
            found = _Linked(fitted, i, j, float(np.median(np.linalg.norm(displacement - put, axis=1))))
            change = np.linalg.norm(self.pa[i] + put - predicted[i], axis=1)
            if factor < 1 and np.quantile(change, _SETTLED_SHARE) < self.precision:
                break
        return found, self._held_out(found, neighbours) if len(found.i) >= 2 * FEWEST else found.residual

    def _held_out(self, found: _Linked, neighbours: int) -> float:
        """Median error at every other link of a field fitted to the rest."""
        points, displacement = self.pa[found.i], self.pb[found.j] - self.pa[found.i]
        fitted = _fit(points[::2], displacement[::2], found.field, self.extent, self.precision, neighbours)
        return float(np.median(np.linalg.norm(displacement[1::2] - fitted.at(points[1::2]), axis=1)))


def follow(a: ScanSide, b: ScanSide, i: Ints, j: Ints) -> Registration:
    """The displacement that given links rest on: fitted to those of features other than fractures with one link at each end."""
    sole = (np.bincount(i, minlength=a.n)[i] == 1) & (np.bincount(j, minlength=b.n)[j] == 1)
    sole &= ~a.is_fracture[i] & ~b.is_fracture[j]
    i, j = i[sole], j[sole]
    still = Field.constant(a.extent, np.zeros(3))
    spacing = spacing_of(a.position[~a.is_fracture])
    if not len(i):
        return Registration(still, still, 0.0, 0.0, spacing, 0)
    displacement = b.position[j] - a.position[i]
    first = Field.constant(a.extent, np.median(displacement, axis=0))
    field = _fit(a.position[i], displacement, first, a.extent, _PRECISION * a.voxel)
    residual = float(np.median(np.linalg.norm(displacement - field.at(a.position[i]), axis=1)))
    whole = ~a.border[i] & ~b.border[j]
    material = _of_whole(a.position[i], displacement, whole, field, a.extent, _PRECISION * a.voxel)
    return Registration(field, material, residual, residual, spacing, len(i))


def _of_whole(
    points: Floats,
    displacement: Floats,
    whole: Bools,
    field: Field,
    extent: Floats,
    precision: float,
    neighbours: int = _NEIGHBOURS,
) -> Field:
    """The field without features that the border cuts: their centroids move less than the material, and strains come out low."""
    if whole.sum() < max(2 * _NEIGHBOURS, len(whole) / 2):
        return field
    step = max(float(nodes[1] - nodes[0]) for nodes in field.axes) * (1 + 1e-9)
    return fit.local(points[whole], displacement[whole], field, extent, precision, step, min(neighbours, int(whole.sum())))


def left_out(points: Floats, displacement: Floats, voxel: float) -> Floats:
    """Distance of every other link from an affine, then local field that is fitted to the rest alone.

    Parameters
    ----------
    points, displacement : (n, 3), um
        Links with one feature at each end.
    voxel : float
        Edge of a voxel, um.

    Returns
    -------
    (n // 2,) float64, um
        Of the links 1, 3, 5, ...; without any for fewer than eight.
    """
    if len(points) < 2 * FEWEST:
        return np.zeros(0)
    low = points.min(axis=0)
    extent, precision = points.max(axis=0) - low, _PRECISION * voxel
    kept, moved = points[::2] - low, displacement[::2]
    affine = fit.polynomial(kept, moved, np.ones(len(kept)), extent, 1, precision)
    field = _fit(kept, moved, affine, extent, precision)
    return np.asarray(np.linalg.norm(displacement[1::2] - field.at(points[1::2] - low), axis=1), np.float64)


def _coarse(pa: Floats, pb: Floats, va: Floats, vb: Floats, a: ScanSide, typical: float, max_drift: float | None) -> Field:
    shift, cell = drift(pa, pb, va, vb, typical, max_drift)
    field = Field.constant(a.extent, shift)
    # The largest features stand for all: their ranks hold through births and deaths, and the votes stay few.
    keep = min(len(pa), len(pb), _LARGEST)
    la = np.sort(np.argsort(-va, kind="stable")[: round(keep * len(pa) / min(len(pa), len(pb)))])
    lb = np.sort(np.argsort(-vb, kind="stable")[: round(keep * len(pb) / min(len(pa), len(pb)))])
    windows = int(np.clip(np.cbrt(keep / _PER_WINDOW), 1, _MOST_WINDOWS))
    first = 2 * cell + _DISTORTION * float(a.extent.max()) / 2
    for k, radius in enumerate((first, first / 2, max(first / 3, typical))):
        votes = vote(pa[la], pa[la] + field.at(pa[la]), pb[lb], (va[la], vb[lb]), radius, windows)
        clear = votes.weight > max(_CLEAR, float(votes.weight.max(initial=0.0)) / 4)
        position, weight = votes.position[clear], votes.weight[clear]
        moved = field.at(position) + votes.residual[clear]
        if windows == 1 and len(position):
            field = Field(field.axes, field.u + votes.residual[clear][0])
        elif len(position) >= _WINDOW_NEIGHBOURS and k > 0:
            step = float(a.extent.max()) / (2 * windows)
            field = fit.local(position, moved, field, a.extent, radius / 16, step, _WINDOW_NEIGHBOURS)
        elif len(position) >= _WINDOW_NEIGHBOURS:
            field = fit.polynomial(position, moved, weight, a.extent, 1, radius / 16)
    return field


def _fit(
    points: Floats, displacement: Floats, previous: Field, extent: Floats, precision: float, neighbours: int = _NEIGHBOURS
) -> Field:
    if len(points) >= 2 * _NEIGHBOURS:
        step = 1.5 * float(np.cbrt(np.maximum(extent, 1.0).prod() / len(points)))
        return fit.local(points, displacement, previous, extent, precision, step, min(neighbours, len(points)))
    degree = 1 if len(points) >= 4 else 0
    return fit.polynomial(points, displacement, np.ones(len(points)), extent, degree, precision)


def _mutual(predicted: Floats, b: Floats, va: Floats, vb: Floats, radius: float) -> tuple[Ints, Ints]:
    i, j, distance = pairs(predicted, b, radius)
    cost = (distance / radius) ** 2 + 0.5 * np.minimum(np.abs(vb[j] - va[i]), 2.0)
    chosen = best_mutual(len(predicted), len(b), i, j, cost)
    return i[chosen], j[chosen]


def _stands(a: ScanSide, b: ScanSide) -> bool:
    """Whether most features that are no fractures overlap such features of the later scan as they are."""
    found = displaced(a, b, Field.constant(a.extent, np.zeros(3)))
    other = ~(a.is_fracture[found.a] | b.is_fracture[found.b])
    return 2 * len(np.unique(found.a[other])) > int((~a.is_fracture).sum())


def spacing_of(points: Floats) -> float:
    """Median distance of points (n, 3) to their nearest neighbour; inf for fewer than two."""
    if len(points) < 2:
        return float("inf")
    some = points[:: max(1, len(points) // _LARGEST)]
    distance = np.asarray(cKDTree(points).query(some, k=2)[0])
    return float(np.median(distance[:, 1]))
