"""Volume of a ball clipped to a box, in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def clipped_ball(centre: Array, low: Array, high: Array, radius: float) -> Array:
    """Volume that balls share with an axis-parallel box.

    The box is the signed sum of eight boxes with one corner at the ball's centre; for each of them the section of the octant of
    the ball is integrated along the third axis in closed form.

    Parameters
    ----------
    centre : (n, 3)
    low, high : (3,)
        Corners of the box. Centres may lie outside.
    radius : float

    Returns
    -------
    (n,) float64
    """
    total = np.zeros(len(centre))
    ends = [(low - centre, -1.0), (high - centre, 1.0)]
    for a, sign_a in ends:
        for b, sign_b in ends:
            for c, sign_c in ends:
                total += sign_a * sign_b * sign_c * _corner(a[:, 0], b[:, 1], c[:, 2], radius)
    return total


def _corner(a: Array, b: Array, c: Array, radius: float) -> Array:
    """Signed volume of the ball between the planes 0 and a, 0 and b, 0 and c; odd in each."""
    sign = np.sign(a) * np.sign(b) * np.sign(c)
    a, b, c = (np.minimum(np.abs(v), radius) / radius for v in (a, b, c))
    corner = np.sqrt(np.maximum(0.0, 1.0 - a * a - b * b))
    start = np.minimum(corner, c)
    rounded = _strip(a, c) - _strip(a, start) + _strip(b, c) - _strip(b, start) - np.pi / 4 * (_disc(c) - _disc(start))
    return sign * radius**3 * (a * b * start + rounded)


def _disc(z: Array) -> Array:
    """Integral of the squared section radius 1 - z^2 of the unit ball from 0."""
    return z - z**3 / 3


def _strip(a: Array, z: Array) -> Array:
    """Integral from 0 to z of the area of the quarter section below a, by parts; all of it from where it fits below a."""
    top = np.sqrt(np.maximum(0.0, 1.0 - a * a))
    inside = np.minimum(z, top)
    side = np.sqrt(np.maximum(0.0, top * top - inside * inside))
    angle = np.arcsin(np.clip(np.divide(inside, top, out=np.zeros_like(z), where=top > 0), 0.0, 1.0))
    section = np.sqrt(np.maximum(0.0, 1.0 - inside * inside))
    slope = np.arcsin(np.clip(np.divide(a, section, out=np.ones_like(z), where=section > 0), 0.0, 1.0))
    square = top * top * angle
    value = (
        a * (inside * side + square) / 2
        + _disc(inside) * slope
        - a * ((square - inside * side) / 6 - 2 * angle / 3)
        - 2 / 3 * np.arctan2(inside * a, side)
    ) / 2
    return np.asarray(value + np.pi / 4 * (_disc(np.maximum(z, top)) - _disc(top)))
