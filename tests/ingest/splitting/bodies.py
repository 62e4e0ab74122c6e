"""Volumes of bodies whose number and sizes are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Spacing = tuple[float, float, float]


def balls(shape: tuple[int, int, int], centres: Array, radii: Array, spacing: Spacing = (1, 1, 1)) -> NDArray[np.int64]:
    """Which ball (from 1) each voxel belongs to, 0 for none: of balls that overlap, that of the smaller power distance."""
    grid = np.stack(np.meshgrid(*[np.arange(n) * s for n, s in zip(shape, spacing, strict=True)], indexing="ij"), axis=-1)
    power = np.stack([((grid - c) ** 2).sum(axis=-1) - r**2 for c, r in zip(centres, radii, strict=True)])
    return np.where(power.min(axis=0) <= 0, power.argmin(axis=0) + 1, 0)


def pairs(rng: np.random.Generator, cells: int, radius: float, spacing: Spacing = (1, 1, 1)) -> tuple[NDArray[np.int64], int]:
    """`cells`³ pairs of overlapping balls of about `radius`, in random directions, which touch no other pair."""
    size = 5 * radius
    centres, radii = [], []
    for cell in np.ndindex(cells, cells, cells):
        first, second = radius * rng.uniform(0.85, 1, 2)
        direction = rng.normal(size=3)
        # The circle in which they meet has at most 0.6 of the radius of the smaller one.
        half = direction / np.linalg.norm(direction) * rng.uniform(1.65, 1.85) * min(first, second) / 2
        middle = (np.array(cell) + 0.5) * size + rng.uniform(-0.3, 0.3, 3)
        centres += [middle - half, middle + half]
        radii += [first, second]
    shape = tuple(int(cells * size / s) for s in spacing)
    return balls(shape, np.array(centres), np.array(radii), spacing), 2 * cells**3
