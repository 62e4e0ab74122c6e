"""The whole way, small: files, answers and the comparison with the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.analysis.page import parse
from xctgraph.analysis.demo import demo
from xctgraph.store import open_store
from xctgraph.store.errors import InputError

SMALL = {"shape": (64, 96, 112), "steps": 3, "features": 60}


def test_demo_from_nothing_to_report(tmp_path: Path, seed: int) -> None:
    said: list[str] = []
    result = demo(tmp_path / "demo", seed=seed, progress=lambda message, done, total: said.append(message), **SMALL)
    assert result.store == (tmp_path / "demo" / "xct.store").resolve()
    assert sorted(p.name for p in (tmp_path / "demo").iterdir()) == ["data", "report.html", "xct.store"]
    assert len(result.answers) == 5
    assert all(a.sentence and a.table.num_columns for a in result.answers)
    headings = [h.text for h in parse(result.report.read_text(encoding="utf-8")).all("h2")]
    assert headings[0] == "In short"
    assert headings[1:6] == [a.question for a in result.answers]
    assert "How close is this to the truth?" in headings
    assert "asking five questions" in said
    true = pq.read_table(tmp_path / "demo" / "data" / "truth" / "components.parquet").to_pandas()
    with open_store(result.store) as store:
        found = store.read("features").to_pandas()
    assert np.abs(found.groupby("t").size() / true[true.visible].groupby("t").size() - 1).max() < 0.1
    rates = {row["what"]: row for row in result.checks.to_pylist()}
    assert rates["features"]["f1"] >= 0.97
    assert rates["links"]["f1"] >= 0.97
    assert f"F1 of {rates['links']['f1']:.3f}" in result.checked
    again = demo(tmp_path / "demo", seed=seed, **SMALL)
    assert [a.sentence for a in again.answers] == [a.sentence for a in result.answers]
    with pytest.raises(InputError, match="holds another sample: name a new folder"):
        demo(tmp_path / "demo", seed=seed + 1, **SMALL)


def test_demo_wants_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file: name a new folder"):
        demo(tmp_path / "file")
