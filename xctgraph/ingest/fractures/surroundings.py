"""What is at points of a scan: features, material, and the distance to the surface of the sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from xctgraph.ingest.fractures.columns import Floats, Ints, Spacing
from xctgraph.ingest.fractures.patch import bilinear
from xctgraph.ingest.volumes.protocol import Box
from xctgraph.store.jit import njit
from xctgraph.store.labels import Labels

_MOST_CELLS = 20_000_000


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The scan about its fractures.

    Attributes
    ----------
    labels : Labels
        Voxels of all features.
    material : Labels or None
        Voxels of the sample, all with label 1; None where all that was read is material.
    box : ((z0, z1), (y0, y1), (x0, x1))
        Part of the volume that was read.
    spacing : (dz, dy, dx), um
    """

    labels: Labels
    material: Labels | None
    box: Box
    spacing: Spacing

    def label_at(self, points: Floats) -> Ints:
        """Label at points (n, 3), um; 0 for none."""
        return self.labels.at_voxels(self._voxels(points))

    def is_material(self, points: Floats) -> NDArray[np.bool_]:
        """Whether points (n, 3), um, lie in voxels that were read and are material."""
        voxels = self._voxels(points)
        low, high = (np.array([end[k] for end in self.box]) for k in (0, 1))
        inside = np.asarray(((voxels >= low) & (voxels < high)).all(axis=1))
        return inside if self.material is None else inside & (self.material.at_voxels(voxels) > 0)

    def surface_distance(self, points: Floats) -> Floats:
        """Distance from points (n, 3) to what is no material, um: to the faces of what was read, or to the edge of the mask.

        A mask of more than 2e7 voxels is coarsened to fewer cells first; the error is that of about one cell.
        """
        steps = np.asarray(self.spacing)
        low, high = ((np.array([end[k] for end in self.box]) - 0.5) * steps for k in (0, 1))
        faces = np.minimum(points - low, high - points).min(axis=1)
        if self.material is None:
            return np.asarray(np.maximum(faces, 0.0))
        distance, cell = self._depth(self.material)
        place = (points / steps - np.array([start for start, _ in self.box]) + 0.5) / cell - 0.5
        k = np.clip(place[:, 0], 0, distance.shape[0] - 1)
        below = np.minimum(k.astype(np.int64), max(distance.shape[0] - 2, 0))
        found = np.empty(len(points))
        for slice_ in np.unique(below):
            here = below == slice_
            part = np.minimum(k[here] - slice_, 1.0)
            at = [bilinear(distance[min(s, distance.shape[0] - 1)], *place[here, 1:].T) for s in (slice_, slice_ + 1)]
            found[here] = at[0] * (1 - part) + at[1] * part
        return np.asarray(np.maximum(np.minimum(found, faces), 0.0))

    def _depth(self, material: Labels) -> tuple[Floats, int]:
        """Distance of cells of the mask, `cell` voxels wide, to the nearest that is no material, um."""
        shape = np.array([high - low for low, high in self.box])
        cell = max(1, int(np.ceil(np.cbrt(shape.prod() / _MOST_CELLS))))
        count = np.zeros(tuple(-(-shape // cell)), np.int32)
        _fill(count, material.z, material.y, material.x_start, material.x_stop, *self._first, cell)
        padded = np.pad(2 * count > cell**3, 1)
        sampling = [cell * step for step in self.spacing]
        # Half a voxel from the last centre inside to the edge.
        depth = distance_transform_edt(padded, sampling=sampling)[1:-1, 1:-1, 1:-1] - min(sampling) / 2
        return np.asarray(depth, dtype=np.float64), cell

    @property
    def _first(self) -> tuple[int, int, int]:
        z, y, x = (low for low, _ in self.box)
        return z, y, x

    def _voxels(self, points: Floats) -> Ints:
        voxels: Ints = np.rint(points / np.asarray(self.spacing)).astype(np.int64)
        return voxels


@njit
def _fill(
    count: NDArray[np.int32],
    z: NDArray[np.int32],
    y: NDArray[np.int32],
    x_start: NDArray[np.int32],
    x_stop: NDArray[np.int32],
    z0: int,
    y0: int,
    x0: int,
    cell: int,
) -> None:
    for i in range(len(z)):
        a, b = (z[i] - z0) // cell, (y[i] - y0) // cell
        for x in range(x_start[i] - x0, x_stop[i] - x0):
            count[a, b, x // cell] += 1
