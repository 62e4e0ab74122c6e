"""The volume of a scan, and the distances that count in it."""

from __future__ import annotations

from dataclasses import dataclass

from xctgraph.ingest.volumes.protocol import Box


@dataclass(frozen=True)
class Space:
    """The volume of a scan and the distances that count in it.

    `shape` is (z, y, x) in voxels, `spacing` (dz, dy, dx) in um, the distances um; `box` is the part of the volume that was
    read, ((z0, z1), (y0, y1), (x0, x1)), None for all of it.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    gap: float
    cluster_gap: float
    density_radius: float
    box: Box | None = None

    @property
    def origin(self) -> tuple[int, int, int]:
        """First voxel (z, y, x) that was read."""
        return (0, 0, 0) if self.box is None else (self.box[0][0], self.box[1][0], self.box[2][0])

    @property
    def read_shape(self) -> tuple[int, int, int]:
        """Voxels (z, y, x) that were read."""
        if self.box is None:
            return self.shape
        z, y, x = (stop - start for start, stop in self.box)
        return z, y, x
