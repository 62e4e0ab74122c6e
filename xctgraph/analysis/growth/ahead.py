"""Density of defects ahead of a front: in the half-ball on the outward side of each site."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from xctgraph.analysis.density.window import Window
from xctgraph.ingest.proximity.ball import clipped_ball
from xctgraph.ingest.proximity.pairs import pairs

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Defects:
    """Inclusions and pores: centroids (n, 3) z, y, x in micrometres and volumes (n,) in cubic micrometres."""

    points: Floats
    volume: Floats

    @property
    def radius(self) -> Floats:
        """Radii (n,) of spheres of these volumes, micrometres."""
        return np.asarray(np.cbrt(self.volume * 3 / (4 * np.pi)))


def defect_volume(place: Floats, ahead: Floats, defects: Defects, radius: float) -> Floats:
    """Volume (n,) of defects in the half-ball, cubic micrometres, each defect a sphere of its volume about its centroid.

    Of each sphere the part in the ball counts (two spheres' lens: E. W. Weisstein, MathWorld, Sphere-Sphere Intersection,
    eq. 16) times the share of the sphere ahead of the plane (its cap): exact but for spheres that both ball and plane cut.

    Parameters
    ----------
    place, ahead : (n, 3) float
        Sites, micrometres, and outward unit vectors.
    defects : Defects
    radius : float, micrometres
    """
    sphere = defects.radius
    total = np.zeros(len(place))
    # By size, so that one large defect does not have all others searched as far as it reaches.
    size = np.ceil(np.log2(np.maximum(sphere, radius / 8) / radius))
    for octave in np.unique(size):
        chosen = np.flatnonzero(size == octave)
        i, j, distance = pairs(place, defects.points[chosen], radius + float(sphere[chosen].max()))
        j = chosen[j]
        height = np.einsum("ij,ij->i", defects.points[j] - place[i], ahead[i])
        total += np.bincount(i, _lens(distance, radius, sphere[j]) * _cap(height / sphere[j]), minlength=len(place))
    return total


def _lens(distance: Floats, radius: float, other: Floats) -> Floats:
    """Volume that a ball shares with others of radius `other` at a distance."""
    smaller = np.minimum(radius, other)
    apart = np.maximum(distance, np.abs(radius - other))
    rest = np.maximum(radius + other - apart, 0.0)
    cut = np.pi * rest**2 * (apart**2 + 2 * apart * (radius + other) - 3 * (radius - other) ** 2)
    return np.where(distance <= np.abs(radius - other), 4 / 3 * np.pi * smaller**3, cut / np.maximum(12 * apart, 1e-300))


def _cap(height: Floats) -> Floats:
    """Share of a unit ball above a plane, its centre `height` above it."""
    inside = np.clip(height, -1.0, 1.0)
    share: Floats = (inside + 1) ** 2 * (2 - inside) / 4
    return share


def material_volume(place: Floats, ahead: Floats, radius: float, window: Window) -> Floats:
    """Volume (n,) of material in the half-balls, cubic micrometres.

    In a box it is taken as half of the ball's, exact where the front stands upright on the surface; in a mask, by 400 points
    spread evenly through each half-ball.
    """
    if window.inside.all():
        return clipped_ball(place, window.origin, window.high, radius) / 2
    points = _ball()
    found = np.empty(len(place))
    for i, (centre, direction) in enumerate(zip(place, ahead, strict=True)):
        forward = np.where((points @ direction < 0)[:, None], -points, points)
        found[i] = window.contains(centre + radius * forward).mean()
    return found * (2 * np.pi / 3 * radius**3)


def _ball() -> Floats:
    """Points (400, 3) spread evenly through the unit ball (a Sobol sequence in radius and direction)."""
    u = qmc.Sobol(3, scramble=False).random(512)[1:401]
    z, angle = 2 * u[:, 0] - 1, 2 * np.pi * u[:, 1]
    ring = np.sqrt(1 - z**2)
    return np.asarray(np.cbrt(u[:, 2])[:, None] * np.stack([z, ring * np.cos(angle), ring * np.sin(angle)], axis=1))
