"""How sizes, shapes and gaps are spread."""

from __future__ import annotations

from typing import Any

import numpy as np

from xctgraph.analysis.characterise.measures import Measure, bins
from xctgraph.analysis.characterise.scan import Scan

QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def distribution(scan: Scan, kind: str, measure: Measure, voxel: float) -> dict[str, Any]:
    """Mean, spread and quantiles of a measure, each beside its value in voxels.

    A gap beyond scans.near_gap is not known but for being larger (`n_beyond`): quantiles that fall there, and then the mean and
    the largest, are unknown. Standard deviations are of the sample (n - 1); quantiles linear between two values.
    """
    values = scan.values[measure.name][scan.of(kind)]
    known = values[~np.isnan(values)]
    beyond = int(np.isinf(known).sum())
    found = dict.fromkeys(("mean", "std", "min", *QUANTILES, "max"), float("nan"))
    if len(known):
        ordered = np.sort(known)
        found |= {name: _quantile(ordered, share) for name, share in QUANTILES.items()}
        found["min"] = float(ordered[0]) if np.isfinite(ordered[0]) else np.nan
        if not beyond:
            found |= {"mean": float(known.mean()), "max": float(ordered[-1])}
            found["std"] = float(known.std(ddof=1)) if len(known) > 1 else np.nan
    scale = measure.voxels(voxel)
    row: dict[str, Any] = {"t": scan.t, "kind": kind, "measure": measure.name, "n": len(known)}
    row |= {"n_unknown": len(values) - len(known), "n_beyond": beyond, "unit": measure.unit, "unit_px": measure.unit_px}
    for name, value in found.items():
        row |= {name: value, f"{name}_px": value * scale}
    return row


def histogram(scan: Scan, kind: str, measure: Measure) -> list[dict[str, Any]]:
    """Counts in bins that every scan and sample shares; empty ones are left out."""
    values = scan.values[measure.name][scan.of(kind)]
    edges = bins(values[np.isfinite(values)], logarithmic=measure.logarithmic)
    return [
        {"t": scan.t, "kind": kind, "measure": measure.name, "low": low, "high": high, "n": int(n)}
        for low, high, n in zip(*(edge.tolist() for edge in edges), strict=True)
    ]


def _quantile(ordered: np.ndarray, share: float) -> float:
    """As numpy's, but unknown where it lies between or among infinite values."""
    place = share * (len(ordered) - 1)
    low, high = ordered[int(np.floor(place))], ordered[int(np.ceil(place))]
    return float(low + (place - np.floor(place)) * (high - low)) if np.isfinite(high) else float("nan")
