"""The summary graph of a scan into a revision: regions, which of them adjoin, and the same cells in the next scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xctgraph.ingest import correspondence, fractures, fronts, regions, rows
from xctgraph.ingest.volumes import region
from xctgraph.store import Transaction
from xctgraph.store.labels import Labels

Floats = NDArray[np.float64]

_NOTHING = np.zeros(0, np.int32)


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a sample: those of its first scan, with points spread in each (n, k, 3), um."""

    grid: regions.Grid
    lattice: Floats
    spacing: tuple[float, float, float]
    load_axis: int


def cells(tx: Transaction, sample: str, first: int) -> Cells | None:
    """The cells that the first scan of a sample asks for; None where it was stored before that could be asked."""
    (scan,) = tx.read("scans", sample=sample, t=first).to_pylist()
    (held,) = tx.read("samples", sample=sample).to_pylist()
    if scan["region_cell"] is None:
        return None
    spacing = held["voxel_z"], held["voxel_y"], held["voxel_x"]
    grid = regions.Grid.of(region.stored(scan), spacing, scan["region_cell"])
    return Cells(grid, grid.lattice(), spacing, "zyx".index(held["load_axis"] or "z"))


def stage(tx: Transaction, origin: rows.Origin, features: pa.Table, asked: Cells | None, chain: Sequence[pa.Table]) -> pa.Table:
    """Stage the regions of a scan; returns its features with their regions.

    Parameters
    ----------
    features
        Rows of `features` with their reference positions.
    asked
        The cells; None for no regions.
    chain
        Fields from the first scan to this one.
    """
    sample, t = origin.sample, origin.t
    if asked is None or any(not field.num_rows for field in chain):
        for name in ("regions", "adjacent"):
            tx.drop(name, sample=sample, t=t)
        return rows.with_column(features, "region_id", pa.nulls(features.num_rows, pa.int64()))
    grid = asked.grid
    moved = regions.from_reference(asked.lattice.reshape(-1, 3), chain)
    seen = _around(tx, origin, asked.spacing).is_material(moved).reshape(asked.lattice.shape[:2])
    cell = grid.cell_of(np.column_stack([features[f"ref_{axis}"].to_numpy() for axis in "zyx"]))
    strain = regions.strain(asked.lattice, moved.reshape(asked.lattice.shape), asked.load_axis)
    found = regions.table(grid, seen, strain, features, cell, _fracture_area(tx, origin, grid, chain))
    base = origin.scan_id + 1
    shown = found["cell"].to_numpy()
    tx.put("regions", found.drop_columns(["cell"]).append_column("region_id", pa.array(base + shown)), sample=sample, t=t)
    tx.put("adjacent", rows.edges(regions.neighbours(grid, shown), base, base), sample=sample, t=t)
    return rows.with_column(features, "region_id", pa.array(base + cell, pa.int64(), mask=~np.isin(cell, shown)))


def link(tx: Transaction, origin: rows.Origin, later: rows.Origin) -> None:
    """Stage which regions of a scan are the same cells as those of the next one."""
    a, b = (
        tx.read("regions", sample=one.sample, t=one.t, columns=["region_id"])["region_id"].to_numpy() - one.scan_id
        for one in (origin, later)
    )
    same = np.intersect1d(a, b)
    edges = pa.table({"source": same + origin.scan_id, "target": same + later.scan_id})
    tx.put("next_region", edges, sample=origin.sample, t=origin.t)


def _around(tx: Transaction, origin: rows.Origin, spacing: tuple[float, float, float]) -> fractures.Surroundings:
    (scan,) = tx.read("scans", sample=origin.sample, t=origin.t).to_pylist()
    shape = scan["n_z"], scan["n_y"], scan["n_x"]
    empty = Labels(shape, *[_NOTHING] * 5)
    material = fronts.material(tx, origin.sample, origin.t, shape)
    return fractures.Surroundings(empty, material, region.stored(scan), spacing)


def _fracture_area(tx: Transaction, origin: rows.Origin, grid: regions.Grid, chain: Sequence[pa.Table]) -> Floats:
    """Area of fractures in each cell, um^2."""
    openings = tx.read("fracture_openings", sample=origin.sample, t=origin.t, columns=["z", "y", "x", "area"])
    cell = grid.cell_of(correspondence.to_reference(_points(openings), chain))
    return np.bincount(cell[cell >= 0], openings["area"].to_numpy()[cell >= 0], grid.n).astype(np.float64)


def _points(table: pa.Table) -> Floats:
    return np.column_stack([table[axis].to_numpy() for axis in "zyx"])
