"""How much there is: counts, number density, volume fraction, the largest."""

from __future__ import annotations

from typing import Any

import numpy as np

from xctgraph.analysis.characterise.interval import FEWEST
from xctgraph.analysis.characterise.scan import Scan
from xctgraph.store import ids

UM3_PER_MM3 = 1e9


def abundance(scan: Scan, kind: str, seed: int, n_draws: int) -> dict[str, Any]:
    """Count, number density and volume fraction of a kind, each with its 95 % interval.

    Volume fraction is the volume of the features over scans.material_volume, number density their number over it. Intervals
    are of `Blocks.ratio_interval`, features whole in the block of their centroid; below 10 features there are none.
    """
    chosen = scan.of(kind)
    n, volume, material = int(chosen.sum()), float(scan.values["volume"][chosen].sum()), float(scan.row["material_volume"])
    below = scan.blocks.material.reshape(-1)
    rng = np.random.default_rng([seed, scan.t])
    number = fraction = (np.nan, np.nan)
    if n >= FEWEST:
        index = scan.block[chosen]
        number = scan.blocks.ratio_interval(scan.blocks.sums(index), below, rng, n_draws)
        fraction = scan.blocks.ratio_interval(scan.blocks.sums(index, scan.values["volume"][chosen]), below, rng, n_draws)
    return {
        "t": scan.t,
        "time_s": scan.row["time_s"],
        "kind": kind,
        "n": n,
        "n_border": int((chosen & scan.border).sum()),
        "material_mm3": material / UM3_PER_MM3,
        "density_per_mm3": UM3_PER_MM3 * n / material,
        "density_low": UM3_PER_MM3 * max(0.0, number[0]) if n >= FEWEST else np.nan,
        "density_high": UM3_PER_MM3 * number[1],
        "volume_um3": volume,
        "volume_fraction": volume / material,
        "fraction_low": max(0.0, fraction[0]) if n >= FEWEST else np.nan,
        "fraction_high": fraction[1],
    }


def largest(scan: Scan, kind: str, sample: str, voxel: float) -> dict[str, Any] | None:
    """The feature of largest volume, of equal ones the one of the smallest label; None where there is none."""
    rows = np.flatnonzero(scan.of(kind))
    if not len(rows):
        return None
    row = rows[np.lexsort((scan.label[rows], -scan.values["volume"][rows]))[0]]
    edge = float(np.cbrt(voxel))
    lengths = {name: float(scan.values[f"{name}_length"][row]) for name in ("axis_major", "axis_minor")}
    return {
        "t": scan.t,
        "kind": kind,
        "uid": ids.uid(sample, scan.t, int(scan.label[row])),
        "volume_um3": float(scan.values["volume"][row]),
        "volume_voxels": float(scan.values["volume"][row]) / voxel,
        "equivalent_diameter_um": float(scan.values["equivalent_diameter"][row]),
        "equivalent_diameter_px": float(scan.values["equivalent_diameter"][row]) / edge,
        **{f"{name}_um": value for name, value in lengths.items()},
        **{f"{name}_px": value / edge for name, value in lengths.items()},
        "border_touching": bool(scan.border[row]),
    }
