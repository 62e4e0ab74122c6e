"""How a sample came to be: scans, jobs, parameters, versions, what the words mean."""

from __future__ import annotations

import importlib.metadata
import json
from typing import Any

import pyarrow as pa

from xctgraph import __version__
from xctgraph.analysis import html
from xctgraph.analysis.answers import Context
from xctgraph.analysis.html import number

LIBRARIES = ("numpy", "scipy", "scikit-image", "pyarrow", "duckdb", "ladybug", "matplotlib", "plotly")


def section(about: Context) -> str:
    """Definitions, a table of scans with what made them, and the parameters, equal ones once."""
    jobs = {row["job_id"]: row for row in about.store.read("jobs").to_pylist()}
    made = [(scan, jobs.get(scan["job_id"])) for scan in about.scans]
    return (
        html.paragraph(_words(about))
        + html.table(_scans(made), "Scans and the jobs that made them; times are UTC.", {"seconds": "s"}, shown=len(made))
        + _parameters(made)
        + html.paragraph(versions())
    )


def versions() -> str:
    """Versions of this program and of the libraries that measure, store and draw."""
    held = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    return f"This report was written by xctgraph {__version__} with {held}."


def _words(about: Context) -> str:
    last, corrections = about.last, about.store.read("corrections", sample=about.sample).num_rows
    joined = last["connectivity"]
    if not last["has_voxels"]:
        found = "The features of the last scan come from a table of another program, which measured them. "
    elif joined is None:
        found = "The features of the last scan come with a volume of labels. "
    else:
        found = f"Features are sets of voxels of one class joined over {joined} neighbours. "
    return (
        f"{found}NEAR joins features whose surfaces are at most {number(float(last['near_gap']))} µm "
        f"apart; clusters are what gaps "
        f"up to {number(float(last['cluster_gap']))} µm join; the local density of a feature is the "
        f"volume fraction of defects within "
        f"{number(float(last['density_radius']))} µm of it. NEXT says what became of a feature by the "
        f"next scan, and tracks follow "
        "it (docs/linking.md). Volumes are voxels times the volume of a voxel, lengths those of the "
        "ellipsoid of equal covariance. "
        + (f"{number(corrections)} corrections by a person are part of the sample (docs/corrections.md)." if corrections else "")
    )


def _scans(made: list[tuple[dict[str, Any], dict[str, Any] | None]]) -> pa.Table:
    rows = []
    for scan, held in made:
        job = held or dict.fromkeys(("command", "version", "started_at", "seconds", "job_id"))
        started = (job["started_at"] or "")[:19].replace("T", " ")
        rows.append({
            "t": scan["t"], "read from": scan["path"], "made by": job["command"], "xctgraph": job["version"],
            "at": started or None, "seconds": job["seconds"], "job": job["job_id"],
        })  # fmt: skip
    types = {"t": pa.int64(), "seconds": pa.float64()}
    return pa.table({name: pa.array([row[name] for row in rows], types.get(name, pa.string())) for name in rows[0]})


def _parameters(made: list[tuple[dict[str, Any], dict[str, Any] | None]]) -> str:
    scans: dict[str, list[int]] = {}
    for scan, job in made:
        if job is not None:
            scans.setdefault(json.dumps(json.loads(job["parameters"]), indent=2, ensure_ascii=False), []).append(scan["t"])
    parts = []
    for text, times in scans.items():
        name = f"Parameters of scan {', '.join(map(str, times))}"
        parts.append(html.details(name, html.code(text, name), css="data"))
    return "".join(parts) or html.paragraph("The store holds no record of the parameters.")
