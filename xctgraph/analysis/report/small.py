"""What small objects are worth: features by size, with the error that blur, noise and the grid give a volume of that size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.analysis import html, plots
from xctgraph.analysis.answers import Context
from xctgraph.analysis.html import number
from xctgraph.ingest import reliability

EDGES_PX = (0.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, np.inf)
Floats = NDArray[np.float64]
SHAPES = (
    "Shapes err before volumes do: of ideal balls on the grid, without blur or noise, the "
    "sphericity of 20 voxels is measured 6 % too "
    "high and the minor axis 12 % too short, of 200 voxels 1.3 % and 1.9 % (docs/accuracy.md)."
)


def section(about: Context) -> str:
    """Words, table and figure."""
    table = by_size(about)
    picture = plots.reliability(table)
    alt = "Share of the features and of their volume in each class of size, and the expected error of a volume by diameter."
    caption = "Features of all scans by equivalent diameter; a volume is called reliable where it errs by 10 % or less (dotted)."
    units = {"from_um": "um", "to_um": "um"}
    return (
        html.paragraph(sentence(about, table), "answer")
        + html.table(table, "Features of all scans, fractures left out, by equivalent diameter.", units)
        + (html.figure(picture, alt, caption, "figure-small") if table.num_rows else "")
        + html.paragraph(_model(about), "caveat")
        + html.paragraph(SHAPES, "caveat")
    )


def by_size(about: Context) -> pa.Table:
    """Number and volume of features in classes of equivalent diameter, and the expected error of a volume.

    Returns
    -------
    pyarrow.Table
        `from_px`, `to_px`, `from_um`, `to_um` of the class (the last is open), `n`, `share_percent` of all features,
        `volume_percent` of their volume, `diameter_px` (median), `error_percent`: root mean square of the relative error of a
        volume of that diameter, `reliability.volume_error`, in the scan where it is largest. Without measured blur and noise it
        is that of the grid alone: the least there can be. Classes without features are left out.
    """
    edge = _edge(about)
    diameter, volume = _defects(about)
    place = np.digitize(diameter / edge, EDGES_PX) - 1
    blur, noise = blur_and_noise(about) or (0.0, 0.0)
    rows = []
    for i in np.unique(place).tolist():
        of = place == i
        median = float(np.median(diameter[of])) / edge
        low, high = EDGES_PX[i], EDGES_PX[i + 1]
        rows.append({
            "from_px": low, "to_px": high if np.isfinite(high) else None,
            "from_um": low * edge, "to_um": high * edge if np.isfinite(high) else None,
            "n": int(of.sum()), "share_percent": 100 * float(of.mean()),
            "volume_percent": 100 * float(volume[of].sum() / volume.sum()),
            "diameter_px": median, "error_percent": 100 * reliability.volume_error(median, blur, noise),
        })  # fmt: skip
    return pa.Table.from_pylist(rows, SCHEMA)


SCHEMA = pa.schema([
    ("from_px", pa.float64()), ("to_px", pa.float64()), ("from_um", pa.float64()), ("to_um", pa.float64()), ("n", pa.int64()),
    ("share_percent", pa.float64()), ("volume_percent", pa.float64()),
    ("diameter_px", pa.float64()), ("error_percent", pa.float64()),
])  # fmt: skip


def worst(about: Context) -> dict[str, Any] | None:
    """The scan with the largest reliable diameter; None where none was measured."""
    measured = [scan for scan in about.scans if scan["reliable_diameter"] is not None and scan["contrast"]]
    return max(measured, key=lambda scan: float(scan["reliable_diameter"]), default=None)


def blur_and_noise(about: Context) -> tuple[float, float] | None:
    """Blur (voxels) and noise (over the contrast) of the worst scan; None where they were not measured."""
    scan = worst(about)
    if scan is None:
        return None
    noise = 1 / float(scan["contrast"])
    return reliability.blur_of_reliable(float(scan["reliable_diameter"]) / _edge(about), noise), noise


def sentence(about: Context, table: pa.Table) -> str:
    """From which size on volumes are right, and how much lies below."""
    scan = worst(about)
    if not table.num_rows:
        return "There is no feature but fractures: nothing to say about small ones."
    if scan is None:
        return (
            "From which size on volumes can be trusted was not measured: that needs grey values with a "
            "contrast of 5 times the noise, "
            "or more, in the ingest. The errors below are those of the grid alone, the least there can be."
        )
    limit = float(scan["reliable_diameter"])
    diameter, volume = _defects(about)
    small = diameter < limit
    return (
        f"Volumes are right to 10 % from a diameter of {number(limit / _edge(about))} px = "
        f"{number(limit)} µm on (scan {scan['t']}, the worst). "
        f"{number(int(small.sum()))} of {number(len(small))} features are smaller; they hold "
        f"{100 * volume[small].sum() / volume.sum():.2g} % of the volume."
    )


def _defects(about: Context) -> tuple[Floats, Floats]:
    """Equivalent diameter and volume, um and um^3, of all features but fractures, in all scans."""
    columns = ["kind", "equivalent_diameter", "volume"]
    table = pa.concat_tables(about.store.read("features", sample=about.sample, t=s["t"], columns=columns) for s in about.scans)
    table = table.filter(pc.not_equal(table["kind"], "fracture"))
    return np.asarray(table["equivalent_diameter"].to_numpy(), np.float64), np.asarray(table["volume"].to_numpy(), np.float64)


def _edge(about: Context) -> float:
    return float(np.cbrt(np.prod(about.spacing)))


def _model(about: Context) -> str:
    found = blur_and_noise(about)
    known = "" if found is None else f" Here: blur {number(found[0])} voxels, noise {number(found[1])} of the contrast."
    doubts = "; ".join(f"scan {scan['t']}: {scan['suspect_reason']}" for scan in about.scans if scan["suspect"])
    return (
        "The error is that of a ball at a random place on the grid, from blur, noise and the grid, root mean square of the three "
        f"(xctgraph/ingest/reliability.py, docs/quality.md).{known}" + (f" In doubt: {doubts}." if doubts else "")
    )
