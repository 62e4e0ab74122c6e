"""One pair of scans: how far links lie from the displacement, and which features have no link."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.correspondence import fit, registration
from xctgraph.ingest.correspondence.field import Field
from xctgraph.ingest.correspondence.link import LEAST_LINKED, MOST_ERROR

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

STAGES = ("none", "translation", "affine", "field", "field, links left out")
EDGES = (10, 30, 100, 300, 1000)
"""Limits of the size classes, in voxels."""
LEAST_CONFIDENCE = 0.9


@dataclass(frozen=True, eq=False)
class Side:
    """Features of one scan, and the box that was read of it.

    Attributes
    ----------
    t : int
    position : (n, 3) float64, (z, y, x), um
    volume : (n,) float64, um^3
    fracture, border : (n,) bool
        Which are fractures, and which touch the border.
    low, high : (3,) float64, um
        Centres of the first and the last voxel of the box.
    voxel : float
        Volume of a voxel, um^3.
    """

    t: int
    position: Floats
    volume: Floats
    fracture: Bools
    border: Bools
    low: Floats
    high: Floats
    voxel: float

    def holds(self, points: Floats, reach: Floats) -> Bools:
        """Which balls about points (k, 3) with radii `reach` (k,), um, lie in the box."""
        inside = (points >= self.low + reach[:, None]) & (points <= self.high - reach[:, None])
        return np.asarray(inside.all(axis=1), np.bool_)

    @property
    def radius(self) -> Floats:
        """Radii of the spheres of the same volume, (n,), um."""
        return np.asarray(np.cbrt(3 * self.volume / (4 * np.pi)))


@dataclass(frozen=True, eq=False)
class Links:
    """Links of a pair: rows of both ends, confidence (NaN where not known), and which are one to one (`continue`); all (k,)."""

    a: Ints
    b: Ints
    confidence: Floats
    single: Bools


@dataclass(frozen=True)
class Residual:
    """Distances of linked features from where a stage of the displacement puts them, um: median, and what 95 % stay below."""

    stage: str
    n: int
    median: float
    most: float


@dataclass(frozen=True)
class SizeClass:
    """Features with `least` to `most` (excluded) voxels that lie whole in both scans, and how many of them have no link.

    `lost` are those of the earlier scan without a link to the later one, `new` those of the later one without one to the earlier.
    """

    least: int
    most: int | None
    n_earlier: int
    lost: int
    n_later: int
    new: int


@dataclass(frozen=True)
class Pair:
    """What is known of a pair of scans; lengths in um, `spacing` is the median distance to the nearest neighbour."""

    t: int
    dt: int
    n_links: int
    spacing: float
    confidence: float
    residuals: tuple[Residual, ...]
    sizes: tuple[SizeClass, ...]
    registered: bool

    @property
    def error(self) -> float:
        """Median distance of links from a field that did not know them, over the spacing; NaN where not known."""
        found = next((one.median for one in self.residuals if one.stage == STAGES[-1]), np.nan)
        return found / self.spacing if np.isfinite(self.spacing) and self.spacing else np.nan

    @property
    def linked(self) -> float:
        """Share of the features that lie whole in both scans which have a link to the later one; NaN without any."""
        n = sum(one.n_earlier for one in self.sizes)
        return 1 - sum(one.lost for one in self.sizes) / n if n else np.nan

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the pair is doubtful; empty where it is not.

        A pair is doubtful if no displacement is stored; if fewer than half of the features that lie whole in both scans are
        linked; if links that were left out lie farther from the field than 0.28 of the distance between neighbours (median); or
        if the mean confidence of the links is below 0.9, so that more than one in ten is expected to be wrong.
        """
        found = []
        if not self.registered:
            found.append("no displacement is known")
        if self.linked < LEAST_LINKED:
            found.append(f"only {100 * self.linked:.0f} % of the features that lie whole in both scans are linked")
        if self.error > MOST_ERROR:
            found.append(
                f"features lie {self.error * self.spacing:.3g} µm (median) from where their neighbours' links put them, "
                f"{self.spacing:.3g} µm lie between neighbours: links may be exchanged"
            )
        if self.confidence < LEAST_CONFIDENCE:
            found.append(f"{100 * (1 - self.confidence):.0f} % of the links are expected to be wrong")
        return tuple(found)


def examine(a: Side, b: Side, links: Links, field: Field | None) -> Pair:
    """Compare the links of a pair with its displacement, and count what has none.

    Residuals are those of one-to-one links of features other than fractures: without any displacement, with the best translation
    (median by component), with a robust affine displacement, with the stored field, and, of every other link, with a field that
    is fitted to the rest alone. Only the last is free of what a link itself did to the field.

    Parameters
    ----------
    a, b : Side
    links : Links
    field : Field or None
        Displacement from `a` to `b`; None where none is stored.
    """
    good = links.single & ~a.fracture[links.a] & ~b.fracture[links.b]
    points, moved = a.position[links.a[good]], b.position[links.b[good]]
    known = links.confidence[np.isfinite(links.confidence)]
    return Pair(
        t=a.t,
        dt=b.t - a.t,
        n_links=len(links.a),
        spacing=registration.spacing_of(a.position[~a.fracture]),
        confidence=float(known.mean()) if len(known) else np.nan,
        residuals=_residuals(points, moved - points, field, float(np.cbrt(a.voxel))),
        sizes=_sizes(a, b, links, field),
        registered=field is not None,
    )


def _residuals(points: Floats, displacement: Floats, field: Field | None, voxel: float) -> tuple[Residual, ...]:
    if not len(points):
        return ()
    low = points.min(axis=0)
    extent = points.max(axis=0) - low
    affine = fit.polynomial(points - low, displacement, np.ones(len(points)), extent, 1, voxel / 2)
    distances = [
        np.linalg.norm(displacement, axis=1),
        np.linalg.norm(displacement - np.median(displacement, axis=0), axis=1),
        np.linalg.norm(displacement - affine.at(points - low), axis=1),
    ]
    if field is not None:
        distances.append(np.linalg.norm(displacement - field.at(points), axis=1))
        distances.append(registration.left_out(points, displacement, voxel))
    return tuple(
        Residual(stage, len(found), float(np.median(found)), float(np.quantile(found, 0.95)))
        for stage, found in zip(STAGES, distances, strict=False)
        if len(found)
    )


def _sizes(a: Side, b: Side, links: Links, field: Field | None) -> tuple[SizeClass, ...]:
    there = a.position if field is None else a.position + field.at(a.position)
    back = b.position if field is None else field.back(b.position)
    whole_a = ~a.border & ~a.fracture & b.holds(there, a.radius)
    whole_b = ~b.border & ~b.fracture & a.holds(back, b.radius)
    linked_a, linked_b = np.zeros(len(a.volume), np.bool_), np.zeros(len(b.volume), np.bool_)
    linked_a[links.a], linked_b[links.b] = True, True
    class_a, class_b = (np.searchsorted(EDGES, np.rint(side.volume / side.voxel), side="right") for side in (a, b))

    def count(which: Bools, of: Ints) -> Ints:
        return np.bincount(of[which], minlength=len(EDGES) + 1)

    counts = (
        count(whole_a, class_a),
        count(whole_a & ~linked_a, class_a),
        count(whole_b, class_b),
        count(whole_b & ~linked_b, class_b),
    )
    limits = [(1, EDGES[0]), *pairwise(EDGES), (EDGES[-1], None)]
    return tuple(SizeClass(*limit, *(int(n[k]) for n in counts)) for k, limit in enumerate(limits))
