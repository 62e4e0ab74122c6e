"""Sheets of known geometry as voxels: a disc with half-discs that leave it along chords, turned at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Branch:
    """A plane that rises from the disc beyond the chord at `start` in the direction `bearing` (rad), at `tilt` (rad) to it."""

    start: float
    bearing: float
    tilt: float
    length: float


def voxels(
    radius: float, thickness: float, branches: list[Branch], turn: Rotation, spacing: tuple[float, float, float], size: int
) -> NDArray[np.bool_]:
    """Voxels of a volume of `size` voxels along each axis whose centres lie in the sheets; lengths in um."""
    steps = np.asarray(spacing)
    grid = np.stack(np.meshgrid(*[np.arange(size)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) * steps
    local = turn.inv().apply(grid - (size - 1) / 2 * steps)
    z, y, x = local.T
    solid = (np.abs(z) <= thickness / 2) & (np.hypot(y, x) <= radius)
    for one in branches:
        forward = y * np.sin(one.bearing) + x * np.cos(one.bearing) - one.start
        sideways = -y * np.cos(one.bearing) + x * np.sin(one.bearing)
        along = forward * np.cos(one.tilt) + z * np.sin(one.tilt)
        above = -forward * np.sin(one.tilt) + z * np.cos(one.tilt)
        width = np.sqrt(max(0.0, radius**2 - one.start**2))
        solid |= (np.abs(above) <= thickness / 2) & (along >= 0) & (along <= one.length) & (np.abs(sideways) <= 0.7 * width)
    return np.asarray(solid.reshape(size, size, size))
