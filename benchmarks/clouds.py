"""Two scans of a cloud of features with known links: strain, drift, a jump across a crack, births, deaths, splits, merges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from xctgraph.ingest.correspondence.side import ScanSide

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SPACING = (1.0, 1.0, 1.0)
_APART = 9.0
_EVENTS = 0.01
NOISE = (0.15, 0.05)
"""Standard deviations of a measured position, voxels along each axis, and of the logarithm of a measured volume."""


@dataclass(frozen=True)
class Motion:
    """Displacement from the first scan to the second, in voxels where not said otherwise.

    `smooth` is the amplitude of a smooth field with strain, `jump` the opening of a crack at half height that ends at 0.6 of
    the width; `rotation` in degrees about z, `strain` along z with a Poisson ratio of 0.35.
    """

    smooth: float = 0.0
    jump: float = 0.0
    rotation: float = 0.0
    strain: float = 0.0
    drift: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Cloud:
    """Centres (n, 3) and volumes (n,) of both scans, true links (k, 2) as rows, and which of these are of a split or merge."""

    extent: float
    first: Floats
    first_volume: Floats
    second: Floats
    second_volume: Floats
    links: Ints
    of_event: NDArray[np.bool_]
    displacement: float
    spacing: float

    def side(self, *, second: bool) -> ScanSide:
        """One scan as the linking takes it: features without voxels."""
        centre, volume = (self.second, self.second_volume) if second else (self.first, self.first_volume)
        n = len(centre)
        columns = {
            "label": pa.array(np.arange(1, n + 1)),
            "kind": pa.array(["inclusion"] * n),
            **{axis: pa.array(centre[:, k]) for k, axis in enumerate("zyx")},
            "volume": pa.array(volume),
            "axis_major_length": pa.nulls(n, pa.float64()),
            "border_touching": pa.array(np.zeros(n, np.bool_)),
        }
        return ScanSide(pa.table(columns), None, SPACING, (round(self.extent),) * 3)


def cloud(
    n: int, extent: float, motion: Motion, seed: int, *, turnover: float = 0.05, noise: tuple[float, float] = NOISE
) -> Cloud:
    """Draw about `n` features in a cube; `turnover` is the share that vanishes, and the share that appears."""
    rng = np.random.default_rng(seed)
    centre = _apart(rng, n, extent)
    radius = np.clip(rng.lognormal(np.log(2.2), 0.28, n), 1.4, 6)
    volume = 4 / 3 * np.pi * radius**3
    moved = centre + _displacement(rng, centre, extent, motion)
    events = rng.choice(n, 2 * int(_EVENTS * n), replace=False)
    splits, merges = np.split(events, 2)
    plain = np.ones(n, np.bool_)
    plain[events] = False
    fate = rng.random(n)
    direction = rng.normal(size=(n, 3))
    apart = direction / np.linalg.norm(direction, axis=1, keepdims=True) * (1.25 * radius + 1)[:, None]
    stay = np.flatnonzero(plain & (fate >= turnover))
    before, after = (np.flatnonzero(plain & one) for one in (fate < turnover, fate > 1 - turnover))
    stay = np.setdiff1d(stay, after)
    first = _scan(rng, extent, noise, [
        (np.r_[stay, before], centre, volume), (splits, centre, 2 * volume),
        (merges, centre - apart, volume), (merges, centre + apart, volume),
    ])  # fmt: skip
    second = _scan(rng, extent, noise, [
        (np.r_[stay, after], moved, volume), (merges, moved, 2 * volume),
        (splits, moved - apart, volume), (splits, moved + apart, volume),
    ])  # fmt: skip
    links = _links(first[0], second[0])
    nearest = np.asarray(cKDTree(first[1]).query(first[1], k=2)[0])[:, 1]
    return Cloud(
        extent, first[1], first[2], second[1], second[2], links, np.isin(first[0][links[:, 0]], events),
        float(np.median(np.linalg.norm(moved - centre, axis=1))), float(np.median(nearest)),
    )  # fmt: skip


def score(found: Ints, truth: Cloud) -> tuple[float, float]:
    """F1 of the links found (k, 2), and the share found of those of splits and merges."""
    n = len(truth.second)
    found_keys, true_keys = np.unique(found[:, 0] * n + found[:, 1]), truth.links[:, 0] * n + truth.links[:, 1]
    right = np.isin(found_keys, true_keys).sum()
    f1 = 2 * right / max(1, len(found_keys) + len(true_keys))
    return float(f1), float(np.isin(true_keys[truth.of_event], found_keys).mean()) if truth.of_event.any() else float("nan")


def _apart(rng: np.random.Generator, n: int, extent: float) -> Floats:
    centre: Floats = rng.uniform(0, extent, (n, 3))
    for _ in range(8):
        close = cKDTree(centre).query_pairs(_APART, output_type="ndarray")
        if not len(close):
            break
        again = np.unique(close[:, 1])
        centre[again] = rng.uniform(0, extent, (len(again), 3))
    return centre


def _displacement(rng: np.random.Generator, centre: Floats, extent: float, motion: Motion) -> Floats:
    q = 2 * np.pi * centre / extent
    phase, waves = rng.uniform(0, 2 * np.pi, (3, 2)), rng.uniform(0.7, 1.4, (3, 2))
    u = np.zeros_like(centre)
    for k, linear in enumerate((0.7, -0.2, -0.2)):
        a, b = q[:, (k + 1) % 3], q[:, (k + 2) % 3]
        wavy = np.sin(waves[k, 0] * a + phase[k, 0]) * np.cos(waves[k, 1] * b + phase[k, 1])
        u[:, k] = motion.smooth * (linear * (2 * centre[:, k] / extent - 1) + 0.3 * wavy)
    about = centre - extent / 2
    angle = np.deg2rad(motion.rotation)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    stretch = np.diag([1 + motion.strain, 1 - 0.35 * motion.strain, 1 - 0.35 * motion.strain])
    u += about @ (turn @ stretch).T - about + np.asarray(motion.drift)
    above = np.where(centre[:, 0] > extent / 2 + 8 * np.sin(centre[:, 1] / 37), 0.5, -0.5)
    u[:, 0] += motion.jump * above * (centre[:, 2] < 0.6 * extent)
    return u


def _scan(
    rng: np.random.Generator,
    extent: float,
    noise: tuple[float, float],
    parts: list[tuple[Ints, Floats, Floats]],
) -> tuple[Ints, Floats, Floats]:
    """Identity, measured centre and volume of what lies in the cube, in random order."""
    identity = np.concatenate([which for which, _, _ in parts])
    centre = np.concatenate([place[which] for which, place, _ in parts])
    volume = np.concatenate([size[which] for which, _, size in parts])
    centre = centre + rng.normal(0, noise[0], centre.shape)
    volume = volume * np.exp(rng.normal(0, noise[1], len(volume)))
    seen = rng.permutation(np.flatnonzero(((centre >= 0) & (centre <= extent - 1)).all(axis=1)))
    return identity[seen], centre[seen], volume[seen]


def _links(first: Ints, second: Ints) -> Ints:
    """Rows of both scans with the same identity."""
    order = np.argsort(second, kind="stable")
    low, high = (np.searchsorted(second[order], first, side=side) for side in ("left", "right"))
    count = high - low
    rest = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.stack([np.repeat(np.arange(len(first)), count), order[np.repeat(low, count) + rest]], axis=1)
