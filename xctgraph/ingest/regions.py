"""Regions: cells of a grid in the frame of the first scan, and what lies in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.ingest import correspondence
from xctgraph.ingest.volumes.protocol import Box
from xctgraph.store.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_LEAST_SEEN = 0.05
_MOST_POINTS = 200_000
_FEWEST, _MOST = 3, 8
MOST_CELLS = 2_000_000


def check_cells(cell: float, shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> None:
    """Refuse cells of which a scan of `shape` would have more than two million.

    Raises
    ------
    InputError
        With a size that would do.
    """
    edges = np.array(shape) * np.array(spacing)
    n = float(np.prod(np.maximum(1, np.rint(edges / cell))))
    if n > MOST_CELLS:
        least = float(np.cbrt(np.prod(edges) / MOST_CELLS))
        raise InputError(
            f"cells of {cell:g} um would divide a scan into {n:.3g} regions: at most {MOST_CELLS:,} are kept. Give cell_um under "
            f"[regions] as {np.ceil(least * 110) / 100:g} or more (if not given, it is 6 times gap_um)"
        )


@dataclass(frozen=True, eq=False)
class Grid:
    """Equal cells that fill a box: corner `low` and `edges` of a cell, (3,), um, and the number of cells along z, y, x."""

    low: Floats
    edges: Floats
    shape: tuple[int, int, int]

    @classmethod
    def of(cls, box: Box, spacing: tuple[float, float, float], cell: float) -> Grid:
        """Cells with edges of about `cell`, um, that fill a box of voxels with their full extent."""
        steps = np.asarray(spacing)
        low, high = ((np.array([end[k] for end in box]) - 0.5) * steps for k in (0, 1))
        z, y, x = np.maximum(1, np.rint((high - low) / cell)).astype(int).tolist()
        return cls(low, (high - low) / (z, y, x), (z, y, x))

    @property
    def n(self) -> int:
        """Number of cells."""
        return int(np.prod(self.shape))

    @property
    def places(self) -> Ints:
        """Place of each cell along z, y, x, (n, 3)."""
        return np.stack(np.unravel_index(np.arange(self.n), self.shape), axis=1)

    def cell_of(self, points: Floats) -> Ints:
        """Number of the cell of points (k, 3), um, from 0; -1 outside and where a coordinate is NaN."""
        with np.errstate(invalid="ignore"):
            place = np.floor((points - self.low) / self.edges)
            inside = ((place >= 0) & (place < self.shape)).all(axis=1)
        found = np.full(len(points), -1, np.int64)
        found[inside] = np.ravel_multi_index(tuple(place[inside].astype(np.int64).T), self.shape)
        return found

    def lattice(self) -> Floats:
        """Points evenly spread in each cell, (n, k^3, 3), um, in C order."""
        k = int(np.clip(np.cbrt(_MOST_POINTS / self.n), _FEWEST, _MOST))
        inner = (np.stack(np.meshgrid(*[np.arange(k)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) + 0.5) / k
        return np.asarray(self.low + (self.places[:, None] + inner) * self.edges)


def from_reference(points: Floats, fields: Sequence[pa.Table]) -> Floats:
    """Where points (n, 3), um, of the first scan lie in the last one; NaN where a field has no rows.

    `fields` lead from the first scan to the second, from that to the third and so on.
    """
    for field in fields:
        points = points + correspondence.displacement_at(field, points)
    return points


def strain(lattice: Floats, moved: Floats, axis: int) -> Floats:
    """Strain of each cell along an axis, (n,): slope of the displacement, fitted to the points (n, k, 3) of the lattice."""
    before, after = (points[..., axis] - points[..., axis].mean(axis=1, keepdims=True) for points in (lattice, moved))
    return np.asarray((before * after).sum(axis=1) / (before**2).sum(axis=1) - 1)


def table(grid: Grid, seen: Bools, strains: Floats, features: pa.Table, cell: Ints, area: Floats) -> pa.Table:
    """One row per cell of which the scan shows some material.

    Parameters
    ----------
    grid : Grid
    seen : (n, k) bool
        Which points of the lattice lie in material that the scan shows.
    strains, area : (n,) float64
        Strain, and area of fractures (um^2), of each cell.
    features : pyarrow.Table
        Columns kind, volume (um^3), equivalent_diameter (um), sphericity (may be null).
    cell : (m,) int64
        Cell of each feature; -1 for none.

    Returns
    -------
    pyarrow.Table
        `cell`, the number from 0, and the columns of the schema but ids.
    """
    share = seen.mean(axis=1)
    shown = np.flatnonzero(share >= _LEAST_SEEN)
    material = (share * grid.edges.prod())[shown]
    kind = {name: _is(features, name) & (cell >= 0) for name in ("inclusion", "pore")}

    def total(which: Bools, values: Floats | None = None) -> Floats:
        return np.bincount(cell[which], None if values is None else values[which], grid.n)[shown].astype(np.float64)

    def mean(name: str) -> pa.Array:
        values = features[name].cast(pa.float64()).to_numpy()
        which = (kind["inclusion"] | kind["pore"]) & np.isfinite(values)
        count = total(which)
        average = np.divide(total(which, values), count, out=np.full(len(shown), np.nan), where=count > 0)
        return pa.array(average, from_pandas=True)

    volume = features["volume"].to_numpy()
    centres = grid.low + (grid.places[shown] + 0.5) * grid.edges
    place = {f"cell_{axis}": grid.places[shown, k].astype(np.int32) for k, axis in enumerate("zyx")}
    place |= {f"ref_{axis}": centres[:, k] for k, axis in enumerate("zyx")}
    found = {
        "cell": shown,
        "material_volume": material,
        "n_inclusions": total(kind["inclusion"]),
        "n_pores": total(kind["pore"]),
        "inclusion_fraction": total(kind["inclusion"], volume) / material,
        "pore_fraction": total(kind["pore"], volume) / material,
        "mean_equivalent_diameter": mean("equivalent_diameter"),
        "mean_sphericity": mean("sphericity"),
        "strain": strains[shown],
        "fracture_area": area[shown],
    }
    return pa.table({**found, **place})


def neighbours(grid: Grid, cells: Ints) -> pa.Table:
    """Pairs of the given cells that share a face, `source` with the smaller number."""
    place = np.stack(np.unravel_index(cells, grid.shape), axis=1)
    source, target = [], []
    for axis in range(3):
        inside = place[:, axis] + 1 < grid.shape[axis]
        following = cells[inside] + int(np.prod(grid.shape[axis + 1 :]))
        there = np.isin(following, cells)
        source.append(cells[inside][there])
        target.append(following[there])
    return pa.table({"source": np.concatenate(source), "target": np.concatenate(target)})


def _is(features: pa.Table, kind: str) -> Bools:
    return np.asarray(pc.equal(features["kind"], kind).to_numpy(), dtype=np.bool_)
