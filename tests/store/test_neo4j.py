"""What only a server can do wrong: foreign graphs, interrupted loads, databases that do not exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import neo4j
import numpy as np
import pytest

from tests import factories
from tests.conftest import neo4j_driver, wipe_neo4j
from tests.store import oracle
from xctgraph import Store, open_store
from xctgraph.store import neo4j_connection
from xctgraph.store.engine_neo4j import Neo4jEngine
from xctgraph.store.errors import EngineError


@pytest.fixture
def store(neo4j_uri: str, tmp_path: Path) -> Iterator[Store]:
    wipe_neo4j(neo4j_uri)
    with open_store(tmp_path / "x.store", create=True, graph=neo4j_uri) as opened:
        yield opened
    wipe_neo4j(neo4j_uri)


@pytest.fixture
def session(neo4j_uri: str) -> Iterator[neo4j.Session]:
    with neo4j_driver(neo4j_uri) as driver, driver.session() as opened:
        yield opened


def test_a_foreign_graph_is_refused_and_kept(store: Store, session: neo4j.Session, rng: np.random.Generator) -> None:
    factories.fill(store, factories.graph(rng, n_scans=1, n_features=3))
    session.run("CREATE (:Person {name: 'Ada'})").consume()
    for ask in (store.project, store.status, lambda: store.cypher("MATCH (n) RETURN count(n) AS n")):
        with pytest.raises(EngineError, match=r"holds 1 nodes that xctgraph did not load.*another database.*DETACH DELETE"):
            ask()
    assert session.run("MATCH (n) RETURN n.name").single(strict=True)[0] == "Ada"


def test_another_stores_graph_is_refused_and_kept(store: Store, neo4j_uri: str, rng: np.random.Generator, tmp_path: Path) -> None:
    factories.fill(store, factories.graph(rng, n_scans=1, n_features=3), project=True)
    with open_store(tmp_path / "other.store", create=True, graph=neo4j_uri) as other:
        for ask in (other.project, other.status, lambda: other.cypher("MATCH (n) RETURN count(n) AS n")):
            with pytest.raises(EngineError, match="holds the graph of another store"):
                ask()
    oracle.check_graph(store)


def test_nodes_added_by_others_are_kept(store: Store, session: neo4j.Session, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=1, n_features=3)
    factories.fill(store, made, project=True)
    session.run("MATCH (f:Feature {label: 1}) CREATE (:Note {text: 'look'})-[:ABOUT]->(f)").consume()
    session.run("MATCH (m:XctGraph) SET m.format = 'old'").consume()
    store.project()
    assert session.run("MATCH (n:Note) RETURN n.text").single(strict=True)[0] == "look"
    session.run("MATCH (n:Note) DETACH DELETE n").consume()
    oracle.check_graph(store)


def test_what_others_broke_is_loaded_anew(store: Store, session: neo4j.Session, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=2, n_features=6)
    factories.fill(store, made, [0], project=True)
    session.run("MATCH ()-[e:NEAR]->() DELETE e").consume()
    factories.fill(store, made, [1], project=True)
    oracle.check_graph(store)


def test_an_incomplete_graph_is_not_answered_from(store: Store, session: neo4j.Session, rng: np.random.Generator) -> None:
    factories.fill(store, factories.graph(rng, n_scans=1, n_features=3), project=True)
    session.run("MATCH (m:XctGraph) SET m.complete = false").consume()
    assert [s.revision for s in store.status()] == [1, None]
    with pytest.raises(EngineError, match=r"is being loaded, or its load was interrupted.*graph load --to"):
        store.engine.query("RETURN 1 AS a", {})
    oracle.check_graph(store)


def test_constraints_and_the_index_are_there(store: Store, session: neo4j.Session, rng: np.random.Generator) -> None:
    factories.fill(store, factories.graph(rng, n_scans=1, n_features=3), project=True)
    rows = session.run("SHOW INDEXES YIELD labelsOrTypes, properties, state").values()
    online = {(labels[0], tuple(properties)) for labels, properties, state in rows if labels and state == "ONLINE"}
    assert {
        ("Feature", ("feature_id",)),
        ("Feature", ("sample", "t")),
        ("Track", ("track_id",)),
        ("Scan", ("scan_id",)),
    } <= online


def test_a_database_that_is_not_there(neo4j_uri: str, tmp_path: Path) -> None:
    with (
        open_store(tmp_path / "x.store", create=True, graph=f"{neo4j_uri}/nowhere") as store,
        pytest.raises(EngineError, match="has no database 'nowhere'"),
    ):
        store.status()


def test_a_server_without_tls_is_named(neo4j_uri: str, tmp_path: Path) -> None:
    with (
        open_store(tmp_path / "x.store", create=True, graph=neo4j_uri.replace("bolt://", "bolt+s://")) as store,
        pytest.raises(EngineError, match=r"cannot be reached: .*with TLS on this port\? Without TLS .* neo4j:// or bolt://"),
    ):
        store.status()


def test_a_host_that_is_not_there(tmp_path: Path) -> None:
    with (
        open_store(tmp_path / "x.store", create=True, graph="bolt://127.0.0.1:1") as store,
        pytest.raises(EngineError, match=r"cannot be reached: .*is the server running, and the address right\?"),
    ):
        store.status()


def test_an_old_server_is_refused(neo4j_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No old server is at hand: the real one is held against a version that is to come.
    monkeypatch.setattr(neo4j_connection, "OLDEST", (9999, 1))
    with (
        open_store(tmp_path / "x.store", create=True, graph=neo4j_uri) as store,
        pytest.raises(EngineError, match=r"is Neo4j/5\.\d+\.\d+, too old: xctgraph needs Neo4j 9999\.1 or newer"),
    ):
        store.status()


def test_user_and_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Neo4jEngine(tmp_path, "neo4j+s://a%40b:p%2Fw@host:7687/db").connection.auth == ("a@b", "p/w")
    assert Neo4jEngine(tmp_path, "bolt://host").connection.auth is None
    monkeypatch.setenv("NEO4J_USERNAME", "me")
    monkeypatch.setenv("NEO4J_PASSWORD", "secret")
    engine = Neo4jEngine(tmp_path, "bolt://host:7687")
    assert (engine.connection.auth, engine.address) == (("me", "secret"), "bolt://host:7687")
    error = engine.connection.translated(neo4j.exceptions.AuthError("no"), write=False)
    assert "refuses user 'me'" in str(error)
    assert "NEO4J_PASSWORD" in str(error)
    assert "secret" not in str(error)


def test_batches_of_more_than_ten_thousand_rows(store: Store, session: neo4j.Session, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=2, n_features=5)
    factories.fill(store, made)
    n = 21_001
    with store.write() as tx:
        ids = np.arange(1, n + 1)
        tracks = {
            "track_id": ids + 10**9,
            "t_first": ids * 0,
            "t_last": ids * 0,
            "n_features": ids,
            "lineage_id": ids,
            "kind": ["pore"] * n,
        }
        tx.put("tracks", tracks | {"job_id": ["j"] * n}, sample="S2")
    oracle.check_graph(store)
    with store.write() as tx:
        tx.drop("tracks", sample="S2")
    oracle.check_graph(store)
