"""The studies of a sample as they are stored: what was asked, what was found, with which parameters."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from xctgraph.analysis import html
from xctgraph.analysis.html import number
from xctgraph.store import Store

EFFECTS = {
    "analyze growth": "hazard ratio of advance per standard deviation of the density ahead",
    "analyze density": "neighbours within the widest distance over those at random",
    "analyze correspondence": "largest median distance of links from the displacement, over the distance between neighbours",
    "analyze characterise": "volume fraction",
    "analyze forecast": "average precision of the best model less that of what place and kind of a defect say alone",
}
"""What the effect of a study is, by the command that made it."""


def studies(store: Store, sample: str) -> list[dict[str, Any]]:
    """Rows of `studies` of a sample, each with its job (`job`, may be None), oldest first; parameters as a dictionary."""
    jobs = {row["job_id"]: row for row in store.read("jobs").to_pylist()}
    rows = [
        {**row, "parameters": json.loads(row["parameters"]), "job": jobs.get(row["job_id"])}
        for row in store.read("studies", sample=sample).to_pylist()
    ]
    return sorted(rows, key=lambda row: (row["job"] or {}).get("started_at") or "")


def section(store: Store, sample: str) -> str:
    """A table of all, and the parameters of each."""
    rows = studies(store, sample)
    if not rows:
        return html.paragraph("None. `xctgraph analyze` makes and stores them: growth, density, correspondence, characterise.")
    columns = {
        "made": [((row["job"] or {}).get("started_at") or "")[:16].replace("T", " ") for row in rows],
        "question": [row["question"] for row in rows],
        "effect": [row["effect"] for row in rows],
        "low": [row["interval_low"] for row in rows],
        "high": [row["interval_high"] for row in rows],
        "p": [row["p"] for row in rows],
        "study": [row["study_id"][:8] for row in rows],
    }
    numeric = ("effect", "low", "high", "p")
    table = pa.table({k: pa.array(v, pa.float64() if k in numeric else pa.string()) for k, v in columns.items()})
    folded = "".join(html.details(f"Study {row['study_id'][:8]}: {row['question']}", facts(row)) for row in rows)
    return (
        html.table(table, "Stored studies, with the 95 % interval of the effect; times are UTC.", shown=len(rows))
        + folded
        + html.paragraph("One of them in full, with its figure: `xctgraph report --study ID`.", "caveat")
    )


def sentence(row: dict[str, Any]) -> str:
    """What was found, in words."""
    effect = EFFECTS.get(command(row), "effect")
    if row["effect"] is None:
        return f"No number for the {effect} could be given."
    low, high = (None if row[name] is None else number(float(row[name])) for name in ("interval_low", "interval_high"))
    interval = f" (95 % interval {low or '-∞'} to {high or '∞'})" if low or high else ""
    p = "" if row["p"] is None else f", p = {number(float(row['p']))}"
    return f"{effect[0].upper()}{effect[1:]}: {number(float(row['effect']))}{interval}{p}."


def facts(row: dict[str, Any]) -> str:
    """Sentence, identity, job and parameters."""
    job = row["job"] or {}
    revision = json.loads(job["inputs"]).get("revision") if job else None
    items = {
        "Study": row["study_id"],
        "Command": command(row) or "not recorded",
        "Made": (job.get("started_at") or "not recorded")[:19].replace("T", " "),
        "With": f"xctgraph {job.get('version', 'unknown')}",
        "From revision": "not recorded" if revision is None else str(revision),
        "Seed": "none" if row["seed"] is None else str(row["seed"]),
    }
    text = json.dumps(row["parameters"], indent=2, ensure_ascii=False)
    return html.paragraph(sentence(row)) + html.definitions(items) + html.code(text, f"Parameters of study {row['study_id']}")


def command(row: dict[str, Any]) -> str:
    """What was run, as on the command line; empty where no job is kept."""
    return str((row["job"] or {}).get("command") or "")
