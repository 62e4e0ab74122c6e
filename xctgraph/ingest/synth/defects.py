"""Inclusions and pores: where they lie, what they look like, and what happens to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from xctgraph.ingest.synth.spec import SMALLEST_DEFECT, SynthSpec
from xctgraph.store.errors import InputError

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

INCLUSION, PORE = 1, 2
SMALLEST_GAP = 3.0
"""Voxels between the spheres about two defects: a gap below two voxels closes in the blur, and nothing could tell them apart."""
NEVER = 1 << 30


@dataclass(frozen=True)
class Defects:
    """Ellipsoids; row i is the defect with id i + 1.

    Attributes
    ----------
    centre : (n, 3) array
        Position in the first scan without the lobe offset, voxels.
    axes : (n, 3, 3) array
        Rows are the unit vectors of the semi-axes.
    semi : (n, 3) array
        Semi-axes in the first scan, voxels.
    kind : (n,) array
        1 inclusion, 2 pore.
    born, dies : (n,) array
        First scan of the defect, and first without it.
    growth : (n,) array
        Relative growth of the semi-axes per scan.
    lobe : (n, 3) array
        Unit vector from the middle of a splitting or merging pair to this lobe; 0 for others.
    apart : (n, steps) array
        Distance of the lobe from that middle in each scan, voxels.
    """

    centre: Array
    axes: Array
    semi: Array
    kind: Ints
    born: Ints
    dies: Ints
    growth: Array
    lobe: Array
    apart: Array

    def __len__(self) -> int:
        return len(self.centre)

    def position(self, t: int) -> Array:
        """Centres (n, 3) of scan `t` in the frame of the first scan, voxels."""
        return self.centre + self.lobe * self.apart[:, t, None]

    def size(self, t: int) -> Array:
        """Semi-axes (n, 3) in scan `t`, voxels."""
        size: Array = self.semi * self.growth[:, None] ** t
        return size

    def volume(self, t: int) -> Array:
        """Volumes (n,) in scan `t`, voxels."""
        volume: Array = 4 / 3 * np.pi * self.size(t).prod(axis=1)
        return volume

    def alive(self, t: int) -> NDArray[np.bool_]:
        """Which exist in scan `t`."""
        return (self.born <= t) & (t < self.dies)

    def samples(self, chosen: Ints, t: int) -> Array:
        """Points (k, 64, 3) on and in the chosen ellipsoids in scan `t`, in the frame of the first scan."""
        directions = _fibonacci_sphere(48)
        unit = np.concatenate([directions, 0.6 * directions[::3]])
        local = unit[None] * self.size(t)[chosen][:, None]
        points: Array = self.position(t)[chosen][:, None] + np.einsum("npk,nkd->npd", local, self.axes[chosen])
        return points


def draw(spec: SynthSpec, margin: float, blocked: Callable[[Array, Array], NDArray[np.bool_]]) -> tuple[Defects, Array]:
    """Draw the ellipsoids of a sample, and the radii (n,) of the spheres about them.

    Positions follow a Thomas process (Gaussian clusters about Poisson parents, with gamma-distributed numbers of members, on
    a uniform background), thinned so that bounding spheres keep a gap, in the volume and `margin` voxels around it.

    Parameters
    ----------
    margin : float
        Voxels around the volume that also hold defects, which drift may bring in.
    blocked : callable
        Given centres (n, 3) and radii (n,), which must not be used.

    Raises
    ------
    InputError
        If the features do not fit into the volume.
    """
    rng = spec.rng(_STAGE)
    shape = np.asarray(spec.shape, float)
    volume_ratio = float(np.prod(shape + 2 * margin) / np.prod(shape))
    parents = _Parents.draw(rng, spec, shape, margin, volume_ratio)
    placed = _empty(spec)
    bound = np.empty(0)
    wanted = spec.features
    misses = 0
    while True:
        within = inside(placed.centre, spec.shape)
        missing = wanted - int(within.sum())
        if missing <= 0:
            break
        count = int(missing * volume_ratio * 1.2) + 16
        fresh = _ellipsoids(rng, spec, parents.place(rng, count))
        radius = _bound(fresh, spec)
        free = ~blocked(fresh.centre, radius)
        if len(placed):
            free &= ~_crowded(placed.centre, bound, fresh.centre, radius)
        free &= ~crowded_by_earlier(fresh.centre, radius)
        # Not more than wanted inside; the last draw is cut there, in the order drawn.
        taken = np.flatnonzero(free)
        taken = taken[np.cumsum(inside(fresh.centre[taken], spec.shape)) <= missing]
        misses = 0 if len(taken) > 0.02 * count else misses + 1
        if misses > 5:
            raise InputError(
                f"features = {wanted}: only {int(within.sum())} of them fit into shape {spec.shape} with a gap of "
                f"{SMALLEST_GAP:g} voxels; give fewer features, a larger shape or a smaller median_voxels, "
                f"or spread them with a smaller clustering"
            )
        placed, bound = join(placed, take(fresh, taken)), np.concatenate([bound, radius[taken]])
    return placed, bound


@dataclass(frozen=True)
class _Parents:
    centre: Array
    weight: Array
    low: Array
    high: Array
    radius: float
    clustering: float

    @classmethod
    def draw(cls, rng: np.random.Generator, spec: SynthSpec, shape: Array, margin: float, ratio: float) -> _Parents:
        number = max(1, round(spec.clustering * spec.features * ratio / spec.cluster_size))
        low, high = np.full(3, -margin), shape - 1 + margin
        weight = rng.gamma(2.0, size=number)
        return cls(rng.uniform(low, high, (number, 3)), weight / weight.sum(), low, high, spec.cluster_radius, spec.clustering)

    def place(self, rng: np.random.Generator, count: int) -> Array:
        parent = rng.choice(len(self.centre), count, p=self.weight)
        clustered = self.centre[parent] + rng.normal(0, self.radius, (count, 3))
        uniform = rng.uniform(self.low, self.high, (count, 3))
        points = np.where(rng.random((count, 1)) < self.clustering, clustered, uniform)
        return points[((points >= self.low) & (points <= self.high)).all(axis=1)]


def _empty(spec: SynthSpec) -> Defects:
    return plain(np.empty((0, 3)), np.empty((0, 3, 3)), np.empty((0, 3)), np.empty(0, np.int64), np.empty(0), spec.steps)


def plain(centre: Array, axes: Array, semi: Array, kind: Ints, growth: Array, steps: int) -> Defects:
    """Defects that exist in all scans and stay whole."""
    n = len(centre)
    return Defects(
        centre, axes, semi, kind, np.zeros(n, np.int64), np.full(n, NEVER), growth, np.zeros((n, 3)), np.zeros((n, steps))
    )


def _ellipsoids(rng: np.random.Generator, spec: SynthSpec, centre: Array) -> Defects:
    n = len(centre)
    volume = np.clip(spec.median_voxels * np.exp(spec.size_spread * rng.normal(size=n)), SMALLEST_DEFECT, 12 * spec.median_voxels)
    kind = np.where(rng.random(n) < spec.pore_share, PORE, INCLUSION).astype(np.int64)
    # Pores are rounder: a flat dark feature is what tells a fracture.
    long = np.where(kind == PORE, rng.uniform(1.0, 1.3, n), rng.uniform(1.0, 1.8, n))
    flat = np.where(kind == PORE, rng.uniform(0.8, 1.0, n), rng.uniform(0.65, 1.0, n))
    aspect = np.stack([long, np.ones(n), flat], axis=1)
    semi = (3 * volume / (4 * np.pi * aspect.prod(axis=1)))[:, None] ** (1 / 3) * aspect
    growth = np.where(kind == PORE, np.exp(spec.pore_growth * rng.uniform(0, 2, n) / 3), 1.0)
    return plain(centre, _rotations(rng.normal(size=(n, 4))), semi, kind, growth, spec.steps)


def _bound(defects: Defects, spec: SynthSpec) -> Array:
    bound: Array = defects.size(spec.steps - 1).max(axis=1)
    return bound


def inside(points: Array, shape: tuple[int, int, int], margin: float | Array = -0.5) -> NDArray[np.bool_]:
    """Which points (..., 3) lie in the volume, at least `margin` voxels inside the centres of its outermost voxels."""
    last = np.asarray(shape) - 1
    return np.asarray(np.all((points >= margin) & (points <= last - margin), axis=-1), np.bool_)


def _crowded(centre: Array, radius: Array, other: Array, other_radius: Array) -> NDArray[np.bool_]:
    reach = radius.max(initial=0.0) + other_radius.max(initial=0.0) + SMALLEST_GAP
    near = cKDTree(other).sparse_distance_matrix(cKDTree(centre), reach, output_type="ndarray")
    close = near["v"] < other_radius[near["i"]] + radius[near["j"]] + SMALLEST_GAP
    crowded = np.zeros(len(other), np.bool_)
    crowded[near["i"][close]] = True
    return crowded


def crowded_by_earlier(centre: Array, radius: Array) -> NDArray[np.bool_]:
    """Which spheres come closer than the gap to one that stands before them."""
    pairs = cKDTree(centre).query_pairs(2 * radius.max(initial=0.0) + SMALLEST_GAP, output_type="ndarray")
    distance = np.linalg.norm(centre[pairs[:, 0]] - centre[pairs[:, 1]], axis=1)
    close = pairs[distance < radius[pairs].sum(axis=1) + SMALLEST_GAP]
    crowded = np.zeros(len(centre), np.bool_)
    crowded[close.max(axis=1)] = True
    return crowded


def take(defects: Defects, rows: Ints) -> Defects:
    """The chosen rows."""
    return Defects(**{name: getattr(defects, name)[rows] for name in Defects.__dataclass_fields__})


def join(first: Defects, second: Defects) -> Defects:
    """The rows of both."""
    return Defects(
        **{name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in Defects.__dataclass_fields__}
    )


def _rotations(q: Array) -> Array:
    w, x, y, z = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _fibonacci_sphere(n: int) -> Array:
    k = np.arange(n) + 0.5
    polar, azimuth = np.arccos(1 - 2 * k / n), np.pi * (1 + 5**0.5) * k
    return np.stack([np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)], axis=1)


_STAGE = 3
