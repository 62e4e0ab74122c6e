"""One HTML file that answers the headline questions about a sample and needs nothing else to be read."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import pyarrow as pa

from xctgraph import __version__
from xctgraph.analysis import html
from xctgraph.analysis.answers import Answer, Context, headline
from xctgraph.store import Store
from xctgraph.store.errors import InputError, nearest

LIMITS = (
    "Every number rests on the segmentation; nothing here corrects for objects it missed or invented.",
    "Volumes count voxels: an object a few voxels across can be wrong by half, and its shape by more.",
    "No statement comes with an interval or a null model. They are descriptions of this sample, in a first form.",
)


def write(
    store: Store,
    path: str | Path,
    *,
    sample: str | None = None,
    answers: Sequence[Answer] | None = None,
    checks: pa.Table | None = None,
    checked: str = "",
) -> Path:
    """Write the report of one sample.

    Parameters
    ----------
    store
        Open store.
    path
        The HTML file to write.
    sample
        Name of the sample; may be left out where the store holds one.
    answers
        Answers already made with `answers.headline`; asked here otherwise.
    checks, checked
        A table that compares the result with a known truth, and a sentence about it.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the sample is unknown or not named, or has no scan.
    """
    about = context(store, sample)
    found = list(answers) if answers is not None else headline(about)
    parts = [(answer.question, _section(answer, n)) for n, answer in enumerate(found, 1)]
    if checks is not None:
        parts.append(
            ("How close is this to the truth?", html.paragraph(checked, "answer") + html.table(checks, "Found against true."))
        )
    parts += [("How far to trust this", _list(LIMITS)), ("What to try next", _next(store, about.sample))]
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(html.page(f"xctgraph: sample {about.sample}", _header(about) + html.sections(parts)), encoding="utf-8")
    partial.replace(path)
    return path


def context(store: Store, sample: str | None = None) -> Context:
    """Collect what the questions are asked about.

    Raises
    ------
    InputError
        If the sample is unknown or not named, or has no scan.
    """
    rows = {row["sample"]: row for row in store.read("samples").to_pylist()}
    if sample is None and len(rows) == 1:
        sample = next(iter(rows))
    if sample is None:
        held = f"samples {', '.join(sorted(rows))}: name one" if rows else "no sample: run `xctgraph ingest` first"
        raise InputError(f"the store holds {held}")
    if sample not in rows:
        raise InputError(f"the store has no sample {sample!r}: {nearest(sample, rows)}")
    scans: list[dict[str, Any]] = store.read("scans", sample=sample).sort_by("t").to_pylist()
    if not scans:
        raise InputError(f"sample {sample!r} has no scan: run `xctgraph ingest` first")
    z, y, x = (rows[sample][f"voxel_{axis}"] for axis in "zyx")
    return Context(store, sample, scans, (z, y, x))


def _header(about: Context) -> str:
    store, last = about.store, about.last
    sample = store.read("samples", sample=about.sample).to_pylist()[0]
    n_features = sum(store.read("features", sample=about.sample, t=s["t"], columns=["label"]).num_rows for s in about.scans)
    shapes = dict.fromkeys(f"{s['n_z']} × {s['n_y']} × {s['n_x']}" for s in about.scans)
    items = {
        "Scans": f"{len(about.scans)} (t = {about.scans[0]['t']} to {last['t']})",
        "Volume (z × y × x)": " and ".join(shapes) + " voxels",
        "Voxel size (z, y, x)": ", ".join(html.number(v) for v in about.spacing) + " µm",
        "Features in all scans": html.number(n_features),
        "Material": sample["material"] or "not given",
        "Neighbours of a voxel": str(last["connectivity"]),
        "NEAR up to a gap of": f"{html.number(last['near_gap'])} µm",
        "Density within": f"{html.number(last['density_radius'])} µm",
        "Revision of the store": str(store.manifest().revision),
        "Made with": ", ".join(
            [f"xctgraph {__version__}", *(f"{n} {importlib.metadata.version(n)}" for n in ("duckdb", "ladybug", "plotly"))]
        ),
    }
    return (
        f"<header><h1>Sample {escape(about.sample)}</h1>"
        + html.paragraph("Five questions to a graph of the features in a time series of X-ray CT volumes.")
        + html.definitions(items)
        + html.details("How each scan was made", _jobs(about))
        + "</header>"
    )


def _jobs(about: Context) -> str:
    jobs = {row["job_id"]: row for row in about.store.read("jobs").to_pylist()}
    parts = []
    for scan in about.scans:
        job = jobs.get(scan["job_id"])
        if job is not None:
            settings = json.dumps(json.loads(job["parameters"]), indent=2, ensure_ascii=False)
            made = f"xctgraph {job['version']}, {job['started_at']}, {html.number(job['seconds'])} s"
            line = f"Scan {scan['t']} from {scan['path']}: {made}."
            parts.append(html.paragraph(line) + html.code(settings, f"Parameters of scan {scan['t']}"))
    return "".join(parts) or html.paragraph("The store holds no record of it.")


def _section(answer: Answer, n: int) -> str:
    pictures = "".join(html.figure(p.plot, p.alt, p.caption, f"figure-{n}-{i}") for i, p in enumerate(answer.pictures, 1))
    given = ", ".join(f"{name} = {value!r}" for name, value in answer.parameters.items())
    query = html.details(
        f"Cypher: {answer.query}",
        html.paragraph(f"Parameters: {given}.") + html.code(answer.cypher, f"Cypher of {answer.query}"),
    )
    return (
        html.paragraph(answer.sentence, "answer")
        + html.table(answer.table, f"Rows of the query {answer.query}.", answer.units)
        + pictures
        + (html.paragraph(answer.caveat, "caveat") if answer.caveat else "")
        + query
    )


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _next(store: Store, sample: str) -> str:
    place, name = shlex.quote(str(store.path)), shlex.quote(f"sample={sample}")
    cypher = "MATCH (f:Feature)-[r:NEAR]-(g:Feature) RETURN f.kind AS kind, g.kind AS other, count(*) AS n ORDER BY kind, other"
    lines = (
        f"xctgraph query --store {place} --list",
        f"xctgraph query --store {place} largest-features --param {name} --param t=0",
        f'xctgraph cypher --store {place} "{cypher}"',
        f'xctgraph sql --store {place} "SELECT t, kind, avg(sphericity) FROM features GROUP BY ALL ORDER BY ALL"',
        f"xctgraph export pyg --store {place} snapshots",
    )
    words = html.paragraph("Ask the store more, in Cypher or SQL, or take it to PyTorch Geometric:")
    return words + html.code("\n".join(lines), "Commands to try")
