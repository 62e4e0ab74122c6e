"""Offline loads: the database after one equals the parts row for row; foreign graphs and running servers are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import factories
from tests.cli.command import run
from tests.conftest import neo4j_driver, skip_unless_required
from tests.store import oracle
from xctgraph.store import neo4j_server, open_store
from xctgraph.store.errors import EngineError
from xctgraph.store.neo4j_server import offline


@pytest.mark.slow
def test_an_offline_load_equals_the_parts(tmp_path: Path, rng: np.random.Generator) -> None:
    lacking = neo4j_server.missing_tool()
    if lacking:
        skip_unless_required("REQUIRE_NEO4J", lacking)
    home, folder = tmp_path / "home (1)", tmp_path / "x.store"
    with open_store(folder, create=True) as store:
        factories.fill(store, factories.graph(rng, n_scans=3, n_features=30))
        factories.fill(store, factories.graph(rng, sample="S 2·b", sample_no=1, n_scans=2, n_features=9))
    done = run("graph", "load", "--offline", str(home), "--store", str(folder))
    assert done.code == 0, done.stderr
    assert not (home / offline.STAGING).exists()
    assert not offline.Home(home).unfinished.exists()
    with neo4j_server.running(home) as server:
        with open_store(folder, graph=server.uri) as store:
            assert store.status()[1].current, "the online path sees it as current"
            oracle.check_graph(store)
        with pytest.raises(EngineError, match=r"a Neo4j server runs on .*: stop it"):
            offline.Home(home).refuse_running()
        with neo4j_driver(server.uri) as driver:
            driver.execute_query("MATCH (m:XctGraph) SET m.store = 'another'")
    done = run("graph", "load", "--offline", str(home), "--store", str(folder))
    assert done.code == 1
    assert "is not this store's" in done.stderr
    assert "--overwrite" in done.stderr
