"""The three projections show exactly what the parts hold, however they came to it."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests import factories
from tests.store import oracle
from xctgraph import Store, open_store
from xctgraph.store.errors import EngineError


class Messages(list[str]):
    """A progress callback that keeps what it is told."""

    def __call__(self, message: str, done: int, total: int) -> None:
        assert 0 <= done <= total
        self.append(message)

    @property
    def rebuilt(self) -> bool:
        return any("building anew" in m or "emptying" in m for m in self)


def project(store: Store) -> Messages:
    messages = Messages()
    store.project(progress=messages)
    assert [s.current for s in store.status()] == [True, True]
    oracle.check_graph(store)
    oracle.check_statistics(store)
    return messages


def test_an_empty_store_answers(engine: Store) -> None:
    assert engine.cypher("MATCH (f:Feature) RETURN f.feature_id AS id").num_rows == 0
    assert engine.cypher("MATCH (:FrontSite)-[e:FACES]->(:Feature) RETURN count(e) AS n")["n"].to_pylist() == [0]
    assert engine.sql("SELECT count(*) AS n FROM regions")["n"].to_pylist() == [0]


def test_appended_replaced_and_dropped_scans(engine: Store, rng: np.random.Generator) -> None:
    first = factories.graph(rng, n_scans=4, n_features=12)
    factories.fill(engine, first, [0, 1])
    project(engine)

    factories.fill(engine, first, [2, 3])
    assert not project(engine).rebuilt, "an append also updates tracks whose end moved, without a rebuild"

    factories.fill(engine, factories.graph(rng, sample="S 2/b".replace("/", "·"), sample_no=1, n_scans=1, n_features=5))
    assert not project(engine).rebuilt

    density = pa.table({"feature_id": first["features"].feature_id, "new": rng.uniform(0, 1, len(first["features"]))})
    changed = first["features"].assign(local_density=density["new"].to_numpy(), kind="pore")
    with engine.write() as tx:
        tx.put("features", factories.arrow("features", changed[changed.t == 1].assign(job_id="j")), sample="S1", t=1)
    assert not project(engine).rebuilt, "changed properties of nodes are updated in place"

    second = factories.graph(rng, n_scans=4, n_features=12)
    factories.fill(engine, second)
    assert project(engine).rebuilt == (engine.engine.name == "ladybug")

    with engine.write() as tx:
        for table in ("scans", "features", "near", "touches"):
            tx.drop(table, sample="S1", t=3)
        tx.drop("next", sample="S1", t=2)
        tx.put("tracks", factories.arrow("tracks", factories.known_tracks(second, 2).assign(job_id="j")), sample="S1")
    project(engine)

    with engine.write() as tx:
        for part in engine.manifest().select(sample="S1"):
            tx.drop(part.table, sample="S1", t=part.t)
    project(engine)
    assert engine.sql("SELECT DISTINCT sample FROM features")["sample"].to_pylist() == ["S 2·b"]


def test_changed_edges(engine: Store, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=2, n_features=10)
    factories.fill(engine, made)
    project(engine)
    links = made["next"]
    links["event"] = "merge"
    links["cost"] += 1.0
    near = made["near"]
    made.frames["near"] = near.drop(near.index[::3])
    factories.fill(engine, made)
    project(engine)


def test_a_lost_or_broken_projection_is_made_anew(tmp_path: Path, rng: np.random.Generator) -> None:
    with open_store(tmp_path / "a", create=True) as store:
        factories.fill(store, factories.graph(rng, n_scans=2, n_features=6), project=True)
        for name in ("statistics.duckdb", "graph.lbug"):
            (store.path / name).unlink()
        assert [s.revision for s in store.status()] == [None, None]
        oracle.check_graph(store)
        oracle.check_statistics(store)
        for name in ("statistics.duckdb", "graph.lbug"):
            (store.path / name).write_bytes(b"no database" * 1000)
        oracle.check_graph(store)
        oracle.check_statistics(store)


def test_a_projection_of_another_store_or_history_is_made_anew(tmp_path: Path, rng: np.random.Generator) -> None:
    with open_store(tmp_path / "a", create=True) as a, open_store(tmp_path / "b", create=True) as b:
        factories.fill(a, factories.graph(rng, n_scans=1, n_features=6), project=True)
        factories.fill(b, factories.graph(rng, n_scans=1, n_features=6), project=True)
        for name in ("statistics.duckdb", "graph.lbug"):
            shutil.copyfile(b.path / name, a.path / f"{name}.foreign")
            (a.path / f"{name}.foreign").replace(a.path / name)
        oracle.check_graph(a)
        oracle.check_statistics(a)
    # Restored from a backup and continued otherwise: the same store and revision number, other parts.
    shutil.copytree(tmp_path / "a", tmp_path / "c")
    with open_store(tmp_path / "a") as a, open_store(tmp_path / "c") as c:
        for store in (a, c):
            factories.fill(store, factories.graph(rng, n_scans=2, n_features=6), project=True)
        assert a.manifest().revision == c.manifest().revision
        for name in ("statistics.duckdb", "graph.lbug"):
            (c.path / name).replace(a.path / name)
        oracle.check_graph(a)
        oracle.check_statistics(a)


def test_old_parts_gone_means_a_rebuild(engine: Store, rng: np.random.Generator) -> None:
    factories.fill(engine, factories.graph(rng, n_scans=1, n_features=6), project=True)
    old = engine.manifest()
    factories.fill(engine, factories.graph(rng, n_scans=1, n_features=6))
    for part in old.select("features"):
        (engine.path / part.path).unlink()
    assert project(engine).rebuilt


def test_edges_without_their_nodes_are_named(engine: Store, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=1, n_features=6)
    factories.fill(engine, made, project=True)
    with engine.write() as tx:
        edge = {"source": [made["features"].feature_id[0]], "target": [4242], "gap": [1.0], "distance": [2.0], "job_id": ["j"]}
        tx.put("near", edge, sample="S1", t=0)
    with pytest.raises(EngineError, match=r"NEAR edge \(table 'near'\) names the Feature 4242, which does not exist"):
        engine.project()
    factories.fill(engine, made)
    project(engine)


def test_paths_with_pattern_characters(tmp_path: Path, rng: np.random.Generator) -> None:
    with open_store(tmp_path / "it's [1] *", create=True) as store:
        factories.fill(store, factories.graph(rng, sample="a'b [2]*?%", n_scans=2, n_features=5))
        project(store)


def test_an_open_reader_sees_the_next_revision(engine: Store, rng: np.random.Generator, tmp_path: Path) -> None:
    made = factories.graph(rng, n_scans=2, n_features=6)
    factories.fill(engine, made, [0], project=True)
    count = "MATCH (f:Feature) RETURN count(*) AS n"
    uri = None if engine.engine.name == "ladybug" else engine.engine.address  # type: ignore[attr-defined]  # same server
    with open_store(engine.path, graph=uri) as reader:
        n = [len(made["features"][made["features"].t <= t]) for t in (0, 1)]
        assert reader.cypher(count)["n"].to_pylist() == reader.sql("SELECT count(*) AS n FROM features")["n"].to_pylist() == n[:1]
        factories.fill(engine, made, [1], project=True)
        assert reader.cypher(count)["n"].to_pylist() == reader.sql("SELECT count(*) AS n FROM features")["n"].to_pylist() == n[1:]


def test_threads_ask_while_projections_change(engine: Store, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=4, n_features=6)
    allowed = [int((made["features"].t <= t).sum()) for t in made.scans]
    factories.fill(engine, made, [0], project=True)

    def ask(_: int) -> list[int]:
        seen = []
        for _ in range(15):
            seen += engine.sql("SELECT count(*) AS n FROM features")["n"].to_pylist()
            if engine.engine.name == "ladybug":
                seen += engine.cypher("MATCH (f:Feature) RETURN count(*) AS n")["n"].to_pylist()
        return seen

    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(ask, i) for i in range(3)]
        for t in made.scans[1:]:
            factories.fill(engine, made, [t], project=True)
        for answer in answers:
            assert set(answer.result()) <= set(allowed)
    assert ask(0)[-1] == allowed[-1]


def test_readers_answer_from_the_older_projection_while_a_writer_is_at_work(engine: Store, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=2, n_features=6)
    factories.fill(engine, made, [0], project=True)
    factories.fill(engine, made, [1])
    last = "MATCH (s:Scan) RETURN max(s.t) AS t"
    with engine.write():
        assert engine.cypher(last)["t"].to_pylist() == engine.sql("SELECT max(t) AS t FROM scans")["t"].to_pylist() == [0]
    assert engine.cypher(last)["t"].to_pylist() == engine.sql("SELECT max(t) AS t FROM scans")["t"].to_pylist() == [1]
