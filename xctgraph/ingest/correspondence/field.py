"""Displacement fields: vectors on the nodes of a regular grid, linear between them and beyond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xctgraph.store.jit import njit

Floats = NDArray[np.float64]
_ITERATIONS = 60
_CLOSE = 1e-9


@dataclass(frozen=True, eq=False)
class Field:
    """Displacement on a regular grid.

    Attributes
    ----------
    axes : (z, y, x), each (k,) float64 with k >= 2, ascending, um
    u : (nz, ny, nx, 3) float64, displacement (z, y, x) of the nodes, um
    """

    axes: tuple[Floats, Floats, Floats]
    u: Floats

    @classmethod
    def constant(cls, extent: Floats, shift: Floats) -> Field:
        """The same displacement everywhere in the box 0 .. extent."""
        z, y, x = (np.array([0.0, max(float(end), 1.0)]) for end in extent)
        return cls((z, y, x), np.broadcast_to(np.asarray(shift, np.float64), (2, 2, 2, 3)).copy())

    @property
    def nodes(self) -> Floats:
        """Positions of the nodes in C order, (nz * ny * nx, 3)."""
        return np.stack(np.meshgrid(*self.axes, indexing="ij"), axis=-1).reshape(-1, 3)

    def at(self, points: Floats) -> Floats:
        """Displacement at points (n, 3): trilinear, continued linearly beyond the grid."""
        low = np.array([axis[0] for axis in self.axes])
        step = np.array([axis[1] - axis[0] for axis in self.axes])
        return _trilinear(np.ascontiguousarray(points, dtype=np.float64), low, step, np.ascontiguousarray(self.u))

    def back(self, points: Floats) -> Floats:
        """Where points (n, 3) of the displaced frame come from: x with x + u(x) = point, by fixed-point iteration.

        Converges where strains stay below 1.
        """
        source = points - self.at(points)
        for _ in range(_ITERATIONS):
            moved = points - self.at(source)
            change = float(np.abs(moved - source).max(initial=0.0))
            source = moved
            if change < _CLOSE:
                break
        return source

    def to_table(self) -> pa.Table:
        """Columns z, y, x, uz, uy, ux (um), one row per node in C order."""
        nodes, u = self.nodes, self.u.reshape(-1, 3)
        columns = {axis: nodes[:, k] for k, axis in enumerate("zyx")}
        return pa.table(columns | {f"u{axis}": u[:, k] for k, axis in enumerate("zyx")})

    @classmethod
    def from_table(cls, table: pa.Table) -> Field:
        """The field of a table with the columns z, y, x, uz, uy, ux and all nodes of a regular grid, in any order."""
        z, y, x = (np.unique(table[axis].to_numpy()) for axis in "zyx")
        order = np.lexsort([table[axis].to_numpy() for axis in "xyz"])
        u = np.stack([table[f"u{axis}"].to_numpy()[order] for axis in "zyx"], axis=1)
        return cls((z, y, x), u.reshape(len(z), len(y), len(x), 3))


def displacement_at(field: pa.Table, points: Floats) -> Floats:
    """Displacement of points by a stored field.

    Parameters
    ----------
    field : pyarrow.Table
        Columns z, y, x, uz, uy, ux (um): all nodes of a regular grid, in any order. Without rows: unregistered.
    points : (n, 3) float64, (z, y, x), um, in the frame of the earlier scan

    Returns
    -------
    (n, 3) float64, um
        Trilinear, continued linearly beyond the grid; NaN where unregistered.
    """
    if not field.num_rows:
        return np.full((len(points), 3), np.nan)
    return Field.from_table(field).at(points)


def to_reference(points: Floats, fields: Sequence[pa.Table]) -> Floats:
    """Map points of a scan to the frame of the first scan.

    Parameters
    ----------
    points : (n, 3) float64, (z, y, x), um, in the frame of the last scan
    fields
        Fields from the first scan to the second, from that to the third and so on up to the last.

    Returns
    -------
    (n, 3) float64, um
        Each field is inverted by fixed-point iteration, the last one first; NaN if one of them has no rows.
    """
    points = np.asarray(points, dtype=np.float64)
    for field in reversed(fields):
        if not field.num_rows:
            return np.full((len(points), 3), np.nan)
        points = Field.from_table(field).back(points)
    return points


@njit
def _trilinear(points: Floats, low: Floats, step: Floats, u: Floats) -> Floats:
    result = np.zeros((len(points), 3))
    cell = np.zeros(3, np.int64)
    part = np.zeros(3)
    for i in range(len(points)):
        for k in range(3):
            place = (points[i, k] - low[k]) / step[k]
            cell[k] = min(max(int(np.floor(place)), 0), u.shape[k] - 2)
            part[k] = place - cell[k]
        for dz in range(2):
            wz = part[0] if dz else 1.0 - part[0]
            for dy in range(2):
                wy = part[1] if dy else 1.0 - part[1]
                for dx in range(2):
                    weight = wz * wy * (part[2] if dx else 1.0 - part[2])
                    for k in range(3):
                        result[i, k] += weight * u[cell[0] + dz, cell[1] + dy, cell[2] + dx, k]
    return result
