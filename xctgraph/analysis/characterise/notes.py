"""What a characterisation cannot say about a sample, and why."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xctgraph.analysis.characterise.interval import FEWEST
from xctgraph.analysis.characterise.measures import BY_NAME
from xctgraph.analysis.characterise.orientation import LEAST_VOXELS


def notes(
    tables: Mapping[str, pa.Table], spacing: tuple[float, float, float], load_axis: str | None, scans: pa.Table
) -> tuple[str, ...]:  # fmt: skip
    """Sentences about what is unknown, thin or to be read with care in these tables.

    Parameters
    ----------
    tables
        As of `Series.tables`.
    load_axis
        Of the sample; None where it is not given.
    scans : pyarrow.Table
        Rows of `scans` of the sample.
    """
    found = [
        *_about_scans(scans, spacing, load_axis),
        *_about_kinds(tables["abundance"]),
        *_about_measures(tables["distributions"]),
    ]
    if scans.num_rows == 1:
        found.append("There is one scan: nothing can be said about change, turnover or displacement.")
    elif not pc.sum(tables["change"]["n_matched"]).as_py():
        found.append("No feature was followed from one scan to another: nothing can be said about change.")
    if scans.num_rows > 1 and not tables["displacement"]["since_first_um"].null_count < tables["displacement"].num_rows:
        found.append("No scan is registered to the first: the displacement since the first scan is unknown.")
    thin = {row["kind"] for row in tables["orientation"].to_pylist() if row["n"] < FEWEST}
    if thin:
        found.append(
            f"Directions are given for kinds with {FEWEST} features or more of {LEAST_VOXELS} voxels that are clearly longer "
            f"than wide: in some scan there are fewer of {', '.join(sorted(thin))}."
        )
    return tuple(found)


def _about_scans(scans: pa.Table, spacing: tuple[float, float, float], load_axis: str | None) -> list[str]:
    found = []
    if load_axis is None:
        found.append("The sample has no load_axis: z was taken for directions and profiles.")
    if np.ptp(spacing) > 1e-9 * max(spacing):
        found.append("Voxels are no cubes: lengths in px are over the cube root of the volume of a voxel.")
    without = sorted(row["t"] for row in scans.to_pylist() if not row["has_voxels"])
    if without:
        found.append(
            f"The features of scan {_list(without)} come from tables of another program: gaps are between spheres, and what the "
            "tables lack is unknown."
        )
    suspect = sorted(row["t"] for row in scans.to_pylist() if row["suspect"])
    if suspect:
        found.append(f"The quality of scan {_list(suspect)} is in doubt (`xctgraph query scan-quality`).")
    sizes = [row["reliable_diameter"] for row in scans.to_pylist() if row["reliable_diameter"] is not None]
    if sizes:
        found.append(
            f"Volumes are right to 10 % from an equivalent diameter of {max(sizes):.3g} µm on; below, counts and sizes err more."
        )
    else:
        found.append("No scan says from which size on volumes can be trusted (scans.reliable_diameter): see docs/accuracy.md.")
    return found


def _about_kinds(abundance: pa.Table) -> list[str]:
    rows = abundance.to_pylist()
    most: dict[str, int] = {}
    for row in rows:
        most[row["kind"]] = max(most.get(row["kind"], 0), row["n"])
    found = []
    empty = sorted(kind for kind, n in most.items() if n == 0)
    few = sorted(kind for kind, n in most.items() if 0 < n < FEWEST)
    if empty:
        found.append(f"No scan holds any {' or '.join(empty)}.")
    if few:
        found.append(f"There are fewer than {FEWEST} features of {', '.join(few)} in every scan: no intervals and no tests.")
    lacking = {r["kind"] for r in rows if r["n"] >= FEWEST and r["fraction_low"] is None}
    if lacking:
        found.append(f"Too few blocks hold material for intervals of {', '.join(sorted(lacking))}: choose a smaller --block-um.")
    return found


def _about_measures(distributions: pa.Table) -> list[str]:
    rows = distributions.to_pylist()
    found = []
    for name, measure in BY_NAME.items():
        of = [row for row in rows if row["measure"] == name]
        total, unknown = sum(r["n"] + r["n_unknown"] for r in of), sum(r["n_unknown"] for r in of)
        if unknown and unknown == total:
            found.append(f"The {measure.title} is not known of any feature.")
        elif unknown:
            found.append(f"The {measure.title} is unknown of {unknown:,} of {total:,} features in all scans; they are left out.")
    beyond = sum(row["n_beyond"] for row in rows)
    if beyond:
        found.append(f"{beyond:,} features have no neighbour within scans.near_gap: their gap is larger, and no mean is given.")
    return found


def _list(values: list[int]) -> str:
    return ", ".join(map(str, values))
