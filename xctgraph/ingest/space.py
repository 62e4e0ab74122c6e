"""The volume of a scan, and the distances that count in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Space:
    """The volume of a scan and the distances that count in it.

    `shape` is (z, y, x) in voxels, `spacing` (dz, dy, dx) in um, all others um.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    gap: float
    cluster_gap: float
    density_radius: float
