"""The notebook of docs/forecast.md: runs as written on small stores, and its sentences say what its studies found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import xctgraph as xg
from benchmarks.notebook import executed
from xctgraph.analysis.forecast import Answer, forecast

pytest.importorskip("torch_geometric")

BOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "forecast.ipynb"
SMALL = {"SAMPLES": 5, "SHAPE": (48, 112, 112), "DEFECTS": 150, "SCANS": 4, "REPEATS": 1, "DRAWS": 99, "EPOCHS": 2}
SENTENCE = re.compile(r"\*\*(?P<target>\w+), attraction (?P<attraction>\d)\*\*: of (?P<n>\d+) candidates (?P<events>\d+) events")


def printed(book: Any) -> str:
    outputs = [one for cell in book.cells for one in cell.get("outputs", ())]
    return "\n".join(one.get("text") or one.get("data", {}).get("text/markdown", "") for one in outputs)


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+\.\d{2,}", text))


def expected(one: Answer) -> set[str]:
    values = [one.primary.value, *one.primary.interval, one.tested_share]
    values += [one.scores[name].average_precision.value for name in ("place", "distance", one.best)]
    values += [] if one.structure is None else [one.structure.value, *one.structure.interval]
    return {f"{abs(value):.3f}" for value in values}


@pytest.mark.slow
def test_it_runs_and_says_what_the_studies_found(tmp_path: Path) -> None:
    book = executed(BOOK, tmp_path, SMALL, seconds=800)
    sentences = [line for line in printed(book).splitlines() if SENTENCE.search(line)]
    said = {(m["attraction"], m["target"]): line for line in sentences if (m := SENTENCE.search(line))}
    for attraction in (2, 0):
        with xg.open_store(tmp_path / "forecast" / f"attraction-{attraction}.store") as store:
            found = forecast(store, repeats=1, n_draws=99, seed=0)
            events = store.sql("SELECT count(*) AS n FROM next WHERE event = 'swallowed'")["n"][0].as_py()
        assert {target for a, target in said if a == str(attraction)} == {one.target for one in found.answers}
        for one in found.answers:
            line = said[str(attraction), one.target]
            assert expected(one) <= numbers(line), line
            match = SENTENCE.search(line)
            assert match is not None
            assert one.target == "advanced" or int(match["events"]) <= events
