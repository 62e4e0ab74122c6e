"""Fronts that move through clustered defects with a known attraction, site by site and without voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates
from scipy.special import ndtr

from xctgraph.analysis.density.window import Window
from xctgraph.analysis.growth.ahead import Defects, defect_volume, material_volume
from xctgraph.analysis.growth.sites import Sites

Floats = NDArray[np.float64]

APART = 200.0
"""Distance between the planes of two fractures, micrometres."""
DEPTH = 400.0
"""Length of the sample along the growth, micrometres."""


@dataclass(frozen=True)
class Design:
    """A simulated sample; lengths in micrometres.

    Attributes
    ----------
    hazard_ratio : float
        Ratio of the hazard to advance per standard deviation of the density ahead; 1 without attraction.
    fractures, steps : int
        Fractures, and pairs of scans.
    width : float
        Length of each front, from surface to surface.
    spacing, radius : float
        Between sites; of the half-ball ahead.
    intensity : float
        Defects per cubic micrometre.
    clustering, cluster_size, cluster_radius : float
        Share of defects in clusters; mean number and standard deviation of the distance from the centre of a cluster.
    trend : float
        Strength of the trend that speed and density share: along the growth, along the front and toward the surface.
    toughness, toughness_length : float
        Standard deviation (of the log hazard) and correlation length of a field that has nothing to do with defects and
        stays where it is from scan to scan.
    together : float
        Length over which neighbouring sites advance together.
    share, jump : float
        Share of sites that advance per scan at the mean density, and how far.
    """

    hazard_ratio: float = 1.0
    fractures: int = 1
    steps: int = 4
    width: float = 417.0
    spacing: float = 6.0
    radius: float = 25.0
    intensity: float = 2e-5
    clustering: float = 0.7
    cluster_size: float = 10.0
    cluster_radius: float = 26.0
    trend: float = 0.6
    toughness: float = 0.4
    toughness_length: float = 25.0
    together: float = 15.0
    share: float = 0.45
    jump: float = 20.0


@dataclass(frozen=True)
class Simulated:
    """What was simulated: sites of all fronts, defects, the box of the material, and the density whose ratio the design states.

    `deviation` is the standard deviation of the density over the planes of the fractures; that over the sites is another.
    """

    sites: Sites
    defects: Defects
    window: Window
    deviation: float


def simulate(design: Design, rng: np.random.Generator) -> Simulated:
    """Let fronts move through clustered defects.

    Each fracture lies in a plane of constant z; its front spans the sample along y and moves along x. A site advances with
    probability 1 - exp(-h), log h = a + log(hazard ratio) * standardised density + trend + toughness (grouped proportional
    hazards); neighbours advance together through a Gaussian copula, which leaves that probability as it is. Density ahead is
    that of the defects in the half-ball as they are drawn, so fronts that stay see the same density again.
    """
    moves = rng.normal(size=3)
    heights = APART * np.arange(design.fractures, dtype=np.float64)
    low, high = np.array([-APART / 2, 0.0, 0.0]), np.array([heights[-1] + APART / 2, design.width, DEPTH])
    trend = _Trend(design, moves)
    points = _defects(design, trend, low, high, rng)
    defects = Defects(points, np.exp(rng.normal(np.log(350.0), 0.5, len(points))))
    window = Window.box(low, high)
    base = _reference(design, defects, window, heights, rng)
    pieces = [_fracture(design, defects, window, trend, base, f, z, rng) for f, z in enumerate(heights)]
    return Simulated(_join(pieces), defects, window, base[1])


class _Trend:
    """Function of the place along the growth, along the front and of the distance to the surface."""

    def __init__(self, design: Design, strength: Floats) -> None:
        self._design = design
        self._strength = strength * design.trend

    def __call__(self, points: Floats) -> Floats:
        y, x = points[:, 1] / self._design.width, points[:, 2] / DEPTH
        surface = np.exp(-8 * np.minimum(y, 1 - y))
        value: Floats = self._strength[0] * 4 * (x - 0.3) + self._strength[1] * 2 * (y - 0.5) + self._strength[2] * surface
        return value


def _defects(design: Design, trend: _Trend, low: Floats, high: Floats, rng: np.random.Generator) -> Floats:
    """Thomas clusters and single defects, thinned by the trend."""
    reach = 4 * design.cluster_radius
    start, size = low - reach, high - low + 2 * reach
    top = 3.0
    n = rng.poisson(top * design.intensity * design.clustering / design.cluster_size * size.prod())
    members = rng.poisson(design.cluster_size, n)
    centres = start + rng.random((n, 3)) * size
    clustered = np.repeat(centres, members, axis=0) + rng.normal(0, design.cluster_radius, (members.sum(), 3))
    single = start + rng.random((rng.poisson(top * design.intensity * (1 - design.clustering) * size.prod()), 3)) * size
    points = np.concatenate([clustered, single])
    points = points[((points >= low) & (points < high)).all(axis=1)]
    kept: Floats = points[rng.random(len(points)) < np.exp(trend(points)) / top]
    return kept


def _reference(
    design: Design, defects: Defects, window: Window, heights: Floats, rng: np.random.Generator
) -> tuple[float, float]:
    """Mean and standard deviation of the density ahead, over the planes of the fractures."""
    place = np.stack([rng.choice(heights, 500), rng.uniform(0, design.width, 500), rng.uniform(0, DEPTH / 2, 500)], axis=1)
    ahead = np.broadcast_to([0.0, 0.0, 1.0], place.shape)
    density = defect_volume(place, ahead, defects, design.radius) / material_volume(place, ahead, design.radius, window)
    return float(density.mean()), float(density.std()) or 1.0


def _fracture(
    design: Design,
    defects: Defects,
    window: Window,
    trend: _Trend,
    base: tuple[float, float],
    number: int,
    z: float,
    rng: np.random.Generator,
) -> list[dict[str, Floats]]:
    y = np.arange(design.spacing / 2, design.width, design.spacing)
    n = len(y)
    x = np.maximum(40.0 + 15.0 * _smooth(rng.normal(size=n), 60 / design.spacing), 1.0)
    grid = design.spacing
    tough = gaussian_filter(rng.normal(size=(n, int(DEPTH / grid) + 1)), design.toughness_length / grid, mode="reflect")
    tough *= design.toughness / tough.std()
    level = np.log(-np.log(1 - design.share))
    scans = []
    for t in range(design.steps):
        slope = np.gradient(x, design.spacing)
        place = np.stack([np.full(n, z), y, x], axis=1)
        ahead = np.stack([np.zeros(n), -slope, np.ones(n)], axis=1) / np.hypot(1, slope)[:, None]
        density = defect_volume(place, ahead, defects, design.radius) / material_volume(place, ahead, design.radius, window)
        hazard = np.exp(
            level
            + np.log(design.hazard_ratio) * (density - base[0]) / base[1]
            + trend(place)
            + map_coordinates(tough, [np.arange(n), x / grid], order=1, mode="nearest")
        )
        advanced = ndtr(_smooth(rng.normal(size=n), design.together / design.spacing)) < -np.expm1(-hazard)
        advance = np.where(advanced, design.jump * np.exp(0.3 * rng.normal(size=n)), 0.0)
        scans.append(
            {
                "fracture": np.full(n, number),
                "t": np.full(n, t),
                "position": place,
                "direction": ahead,
                "arc": np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))]),
                "length": design.spacing * np.hypot(1, slope),
                "density": density,
                "surface_distance": np.minimum(y, design.width - y),
                "opening": 5.0 + 0.05 * (x - x.min()),
                "curvature": np.gradient(slope, design.spacing) / np.hypot(1, slope) ** 3,
                "advance": advance,
                "advanced": advanced,
            }
        )
        x = np.minimum(gaussian_filter1d(x + advance, 1.0, mode="nearest"), DEPTH - 1)
    return scans


def _smooth(noise: Floats, sigma: float) -> Floats:
    """Noise smoothed to unit variance."""
    n = len(noise)
    padded = gaussian_filter1d(noise, sigma, mode="wrap")
    kernel = gaussian_filter1d(np.eye(1, n).ravel(), sigma, mode="wrap")
    smooth: Floats = padded / np.sqrt((kernel**2).sum())
    return smooth


def _join(fractures: list[list[dict[str, Floats]]]) -> Sites:
    scans = [scan for pieces in fractures for scan in pieces]
    columns = {name: np.concatenate([scan[name] for scan in scans]) for name in scans[0]}
    front = np.repeat(np.arange(len(scans)), [len(scan["arc"]) for scan in scans])
    return Sites(front=front, **columns)
