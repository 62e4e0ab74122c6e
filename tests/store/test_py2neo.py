"""py2neo on our labels, against the real server: the page as written, and what it says does not work."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import factories
from tests.conftest import wipe_neo4j
from xctgraph import open_store
from xctgraph.store.errors import InputError

PAGE = Path(__file__).parents[2] / "docs" / "py2neo.md"


def run(text: str, folder: Path) -> str:
    """Output of a script; py2neo leaves sockets open, so it gets a process of its own."""
    done = subprocess.run([sys.executable, "-c", text], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_runs_as_written_and_agrees_with_sql(neo4j_uri: str, tmp_path: Path, rng: np.random.Generator) -> None:
    wipe_neo4j(neo4j_uri)
    with open_store(tmp_path / "almg.store", create=True) as store:
        factories.fill(store, factories.graph(rng, n_scans=3, n_features=40))
        sql = """SELECT t, count(*) AS n, avg(volume) AS volume FROM features WHERE kind = 'inclusion' GROUP BY t ORDER BY t"""
        expected = store.sql(sql).to_pandas()
        (pores,) = store.sql("SELECT count(*) AS n FROM features WHERE kind = 'pore' AND volume > 20")["n"].to_pylist()
        first = store.sql("SELECT kind, volume FROM features WHERE uid = 'S1/0/1'").to_pylist()[0]
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert "bolt://localhost:7687" in block
    output = run(block.replace("bolt://localhost:7687", neo4j_uri), tmp_path)
    assert output.startswith(f"{first['kind']} {first['volume']}\n{pores} pores above 20 um^3\n")
    shown = [line.split()[1:] for line in output.splitlines()[-len(expected) :]]
    assert np.array(shown, float) == pytest.approx(expected.to_numpy(float), rel=1e-5)


def test_what_the_page_says_is_gone_is_gone(neo4j_uri: str, tmp_path: Path) -> None:
    wipe_neo4j(neo4j_uri)
    with open_store(tmp_path / "x.store", create=True):
        pass
    text = f"""
from xctgraph import open_store
with open_store("x.store", graph={neo4j_uri!r}) as store:
    graph = store.py2neo()
    for call in (
        lambda: graph.schema.create_uniqueness_constraint("Other", "id"),
        lambda: graph.schema.create_index("Other", "id"),
        lambda: graph.schema.get_indexes("Feature"),
    ):
        try:
            call()
        except Exception as error:
            print("refused")
    print(len(graph.run("SHOW INDEXES").data()) > 0)
"""
    assert run(text, tmp_path).split() == ["refused"] * 3 + ["True"]


def test_without_a_server_the_remedy_is_named(tmp_path: Path) -> None:
    with (
        open_store(tmp_path / "x.store", create=True) as store,
        pytest.raises(InputError, match=r"this store is open on ladybug: give open_store\(…, graph='neo4j://…'\) its URI"),
    ):
        store.py2neo()
