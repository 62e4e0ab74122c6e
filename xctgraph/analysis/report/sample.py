"""The report of one sample: answers first, then figures, studies, what small objects are worth, methods."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from html import escape
from pathlib import Path

import pyarrow as pa

from xctgraph.analysis import characterise, html
from xctgraph.analysis.answers import Answer, Context, headline
from xctgraph.analysis.characterise import Characterisation
from xctgraph.analysis.report import characterised, methods, small, studies
from xctgraph.analysis.report.context import context, save
from xctgraph.store import Store
from xctgraph.store.progress import Progress, silent

LIMITS = (
    "Every number rests on the segmentation; nothing here corrects for objects it missed or invented.",
    "Volumes count voxels: an object a few voxels across can be wrong by half, and its shape by more.",
    "The five questions come without an interval or a null model: they describe this sample, in a first form. Intervals and "
    "corrected p-values stand under the characterisation and with the stored studies.",
)
HOLDS = "What does the sample hold, and how does it change?"
SMALL = "What are small objects worth?"


def write(
    store: Store,
    path: str | Path,
    *,
    sample: str | None = None,
    answers: Sequence[Answer] | None = None,
    checks: pa.Table | None = None,
    checked: str = "",
    seed: int = 0,
    n_draws: int = 999,
    progress: Progress = silent,
) -> Path:
    """Write the report of one sample.

    Parameters
    ----------
    store
        Open store; nothing is written into it.
    path
        The HTML file to write.
    sample
        Name of the sample; may be left out where the store holds one.
    answers
        Answers already made with `answers.headline`; asked here otherwise.
    checks, checked
        A table that compares the result with a known truth, and a sentence about it.
    seed, n_draws
        Of the intervals and tests of the characterisation.
    progress
        Called as work goes on.

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
    progress("asking five questions", 0, 0)
    found = list(answers) if answers is not None else headline(about)
    known = characterise.characterise(store, sample=about.sample, seed=seed, n_draws=n_draws, progress=progress)
    progress("writing the report", 0, 0)
    parts = [(answer.question, _section(answer, n)) for n, answer in enumerate(found, 1)]
    parts += [(HOLDS, characterised.section(known)), (SMALL, small.section(about))]
    parts.append(("Stored studies", studies.section(store, about.sample)))
    if checks is not None:
        closeness = html.paragraph(checked, "answer") + html.table(checks, "Found against true.")
        parts.append(("How close is this to the truth?", closeness))
    doubts = [*LIMITS, *known.notes]
    parts += [("How far to trust this", _list(doubts)), ("Methods", methods.section(about)), ("What to try next", _next(about))]
    body = _header(about) + _short(found, known) + html.sections(parts) + _footer()
    return save(f"xctgraph: sample {about.sample}", body, path)


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
        "Environment": sample["environment"] or "not given",
        "Axis of the load": sample["load_axis"] or "not given",
        "Revision of the store": str(store.manifest().revision),
    }
    words = "Features in a time series of X-ray CT volumes, asked as a graph."
    return f"<header><h1>Sample {escape(about.sample)}</h1>{html.paragraph(words)}{html.definitions(items)}</header>"


def _short(answers: Sequence[Answer], known: Characterisation) -> str:
    """All answers in short, each with the way to what it rests on: what the first page of a print shows."""
    items = [(HOLDS, known.text), *((answer.question, answer.sentence) for answer in answers)]
    places = [len(answers) + 1, *range(1, len(answers) + 1)]
    rows = "".join(
        f'<li><a href="#s{place}">{escape(question)}</a> {escape(text)}</li>'
        for place, (question, text) in zip(places, items, strict=True)
    )
    return f'<nav class="short" aria-label="In short"><h2>In short</h2><ul>{rows}</ul></nav>'


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


def _next(about: Context) -> str:
    place, name = shlex.quote(str(about.store.path)), shlex.quote(f"sample={about.sample}")
    cypher = "MATCH (f:Feature)-[r:NEAR]-(g:Feature) RETURN f.kind AS kind, g.kind AS other, count(*) AS n ORDER BY kind, other"
    lines = (
        f"xctgraph query --store {place} --list",
        f"xctgraph query --store {place} largest-features --param {name} --param t={about.scans[0]['t']}",
        f'xctgraph cypher --store {place} "{cypher}"',
        f'xctgraph sql --store {place} "SELECT t, kind, avg(sphericity) FROM features GROUP BY ALL ORDER BY ALL"',
        f"xctgraph export pyg --store {place} snapshots",
    )
    words = html.paragraph("Ask the store more, in Cypher or SQL, or take it to PyTorch Geometric:")
    return words + html.code("\n".join(lines), "Commands to try")


def _footer() -> str:
    size = html.megabytes_of_plotly()
    words = f"One file that asks the network for nothing. {size:.1f} MB of it is plotly.js, which turns the figures."
    return f"<footer>{html.paragraph(words, 'caveat')}</footer>"
