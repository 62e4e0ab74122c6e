"""The report of one stored study."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import Any

from xctgraph.analysis import html
from xctgraph.analysis.characterise import Characterisation
from xctgraph.analysis.html import number
from xctgraph.analysis.report import characterised, methods
from xctgraph.analysis.report.again import AGAIN, Again
from xctgraph.analysis.report.context import save
from xctgraph.analysis.report.studies import command, facts, sentence, studies
from xctgraph.store import Store
from xctgraph.store.errors import InputError


def write_study(store: Store, study_id: str, path: str | Path) -> Path:
    """Write the report of one study: what is stored of it, and its figure, made anew with the stored parameters and seed.

    Parameters
    ----------
    store
        Open store; nothing is written into it.
    study_id
        As in `studies`, or as many of its first letters as tell it from the others.
    path
        The HTML file to write.

    Raises
    ------
    InputError
        If no study or more than one begins with `study_id`.
    """
    row = find(store, study_id)
    about = f"Sample {row['parameters']['sample']}. A stored study, from the time-resolved X-ray CT of a material as a graph."
    parts = [("What was found", _found(row)), ("The same study made anew", _again(store, row)), ("How it was made", facts(row))]
    header = f"<header><h1>{escape(row['question'])}</h1>{html.paragraph(about)}</header>"
    body = header + html.sections(parts) + f"<footer>{html.paragraph(methods.versions())}</footer>"
    return save(f"xctgraph: study {row['study_id']}", body, path)


def find(store: Store, study_id: str) -> dict[str, Any]:
    """The study whose identifier begins with `study_id`, as from `studies`."""
    rows = [row for sample in store.manifest().samples() for row in studies(store, sample)]
    found = [row for row in rows if row["study_id"].startswith(study_id)] if study_id else []
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(
            f"{len(found)} studies begin with {study_id!r}: {', '.join(r['study_id'] for r in found)}: name one in full"
        )
    held = ", ".join(f"{row['study_id']} ({command(row)})" for row in rows)
    raise InputError(f"the store has no study {study_id!r}: it holds {held or 'none; `xctgraph analyze` makes and stores one'}")


def _found(row: dict[str, Any]) -> str:
    given = row["parameters"]
    text = "".join(html.paragraph(line) for line in str(given.get("text", "")).splitlines())
    notes = "".join(html.paragraph(str(note), "caveat") for note in given.get("notes", ()))
    null = html.paragraph(f"Null model: {given['null']}", "caveat") if "null" in given else ""
    return html.paragraph(sentence(row), "answer") + text + notes + null


def _again(store: Store, row: dict[str, Any]) -> str:
    make = AGAIN.get(command(row))
    if make is None:
        return html.paragraph(
            f"This version cannot repeat {command(row) or 'a study without a job'}: what is stored stands above."
        )
    try:
        made = make(store, row["parameters"], row["seed"] or 0)
    except InputError as error:
        return html.paragraph(f"The store has changed so that it cannot be repeated: {error}")
    drawn = (
        characterised.section(made.figure)
        if isinstance(made.figure, Characterisation)
        else html.figure(made.figure, made.caption, made.caption, "figure-study")
    )
    return html.paragraph(_agrees(row, made), "answer") + drawn + "".join(html.paragraph(line) for line in made.text.splitlines())


def _agrees(row: dict[str, Any], made: Again) -> str:
    before, now = row["effect"], made.effect
    if now is not None and not math.isfinite(now):
        now = None
    if before is None and now is None:
        return "With the same parameters and seed there is no effect to give either."
    if before is not None and now is not None and math.isclose(before, now, rel_tol=1e-6):
        return f"With the same parameters and seed the effect is the same, {number(float(now))}; the figure below is of this run."
    was, is_ = ("unknown" if value is None else number(float(value)) for value in (before, now))
    return (
        f"The effect is now {is_} and was {was}: the store, the program or what this page chose for "
        f"parameters that are not stored has "
        "changed since. The figure below is of this run, the answer above is the stored one."
    )
