"""How far the sample moved: from tracks, from the fitted fields, and since the first scan."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from xctgraph.analysis.characterise.change import matched
from xctgraph.analysis.characterise.scan import Scan


def displacement(earlier: Scan, later: Scan, field: pa.Table, spacing: tuple[float, float, float]) -> list[dict[str, Any]]:
    """Displacement along z, y and x between two scans.

    `median_um`, `q25_um`, `q75_um`: of the centroids of the tracks in both, fractures left out. `field_um`: mean over the nodes
    of the displacement field that linking fitted. `since_first_um`: median of the centroids of the later scan against the same
    points in the frame of the first. `_px`: over the edge of a voxel along that axis.

    Parameters
    ----------
    field : pyarrow.Table
        `fields` from the earlier scan to the later.
    spacing
        Edges of a voxel, z, y, x, micrometres.
    """
    a, b = matched(earlier, later)
    solid = (earlier.kind[a] != "fracture") & (later.kind[b] != "fracture")
    moved = later.position[b[solid]] - earlier.position[a[solid]]
    shift = later.position - later.reference
    shift = shift[~np.isnan(shift).any(axis=1)]
    rows = []
    for i, axis in enumerate("zyx"):
        row: dict[str, Any] = {
            "t": earlier.t,
            "t_later": later.t,
            "time_s": later.row["time_s"],
            "axis": axis,
            "n_tracks": len(moved),
        }
        quarters = np.quantile(moved[:, i], [0.5, 0.25, 0.75]) if len(moved) else np.full(3, np.nan)
        row |= dict(zip(("median_um", "q25_um", "q75_um"), quarters.tolist(), strict=True))
        row["field_um"] = float(np.mean(field[f"u{axis}"].to_numpy())) if field.num_rows else np.nan
        row["since_first_um"] = float(np.median(shift[:, i])) if len(shift) else np.nan
        rows.append(row | {f"{name}_px": row[f"{name}_um"] / spacing[i] for name in ("median", "since_first")})
    return rows
