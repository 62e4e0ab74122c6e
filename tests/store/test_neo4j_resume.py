"""Loads into a Neo4j that stop: the server or the client is killed with SIGKILL, or a transaction is too large."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import neo4j
import numpy as np
import pytest
from neo4j.exceptions import TransientError

from tests import factories
from tests.conftest import forget_sockets, neo4j_driver, skip_unless_required
from tests.store import oracle
from xctgraph.store import Store, neo4j_connection, neo4j_load, neo4j_server, open_store
from xctgraph.store.errors import EngineError
from xctgraph.store.neo4j_connection import Connection

ROOT = Path(__file__).parents[2]
SMALL = 40


class Server:
    """A server on a folder of its own, that can be killed and started again on the same port."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port: int | None = None
        self.uri = ""
        self._running: ExitStack | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._running = ExitStack()
        found = self._running.enter_context(neo4j_server.running(self.home, port=self.port, heap="600m"))
        self.uri, self._process = found.uri, found.process
        self.port = int(found.uri.rpartition(":")[2])

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._running is not None:
            self._running.close()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    lacking = neo4j_server.missing_tool()
    if lacking:
        skip_unless_required("REQUIRE_NEO4J", lacking)
    home = tmp_path_factory.mktemp("home")
    (home / "conf").mkdir()
    (home / "conf" / "neo4j.conf").write_text("db.memory.transaction.max=8m\n")
    started = Server(home)
    started.start()
    yield started
    started.stop()
    forget_sockets()


@pytest.fixture
def store(machine: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(neo4j_load, "BATCH", SMALL)
    wipe(machine.uri)
    with open_store(tmp_path / "x.store", create=True, graph=machine.uri) as opened:
        yield opened


class Calls:
    """A progress callback that acts at the n-th batch, and keeps what it is told."""

    def __init__(self, at: int, act: object = None) -> None:
        self.at, self.act, self.told = at, act, list[tuple[str, int, int]]()

    def __call__(self, message: str, done: int, total: int) -> None:
        self.told.append((message, done, total))
        if len(self.told) == self.at and callable(self.act):
            self.act()


def batches(store: Store) -> int:
    """Number of batches of two of the steps that any load of the newest revision has: every one is reported."""
    return (store.manifest().rows("features") + store.manifest().rows("near")) // SMALL


def wipe(uri: str) -> None:
    """Delete everything, in transactions that this server has the memory for."""
    with neo4j_driver(uri) as driver, driver.session() as session:
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 50 ROWS").consume()


def test_a_server_killed_during_a_load(machine: Server, store: Store, rng: np.random.Generator) -> None:
    factories.fill(store, factories.graph(rng, n_scans=3, n_features=60))
    at = int(rng.integers(3, batches(store)))
    with ThreadPoolExecutor(1) as restarting:
        calls = Calls(at, lambda: (machine.kill(), machine.stop(), restarting.submit(machine.start)))
        store.project(statistics=False, progress=calls)
    assert not any("emptying" in message for message, _, _ in calls.told[at:])
    oracle.check_graph(store)


def test_a_server_that_stays_away_and_comes_back(
    machine: Server, store: Store, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = factories.graph(rng, n_scans=3, n_features=60)
    factories.fill(store, made, [0], project=True)
    factories.fill(store, made, [1, 2])
    monkeypatch.setattr(neo4j_connection, "_RETRY_SECONDS", 0.0)
    store.engine.close()
    before = {part.path: (store.path / part.path).read_bytes() for part in store.manifest().parts}
    killed = Calls(8, lambda: (machine.kill(), machine.stop()))
    with pytest.raises(EngineError, match=r"cannot be reached: .*; is the server running, and the address right\?"):
        store.project(statistics=False, progress=killed)
    machine.start()
    assert store.status()[1].revision is None
    resumed = Calls(-1)
    store.project(statistics=False, progress=resumed)
    assert not any("emptying" in message for message, _, _ in resumed.told)
    assert max(done for _, done, _ in killed.told) <= next(done for _, done, total in resumed.told if total) + SMALL
    assert before == {part.path: (store.path / part.path).read_bytes() for part in store.manifest().parts}
    oracle.check_graph(store)


CLIENT = """
import os, signal, sys
from xctgraph.store import neo4j_load, open_store
neo4j_load.BATCH = int(sys.argv[3])
left = int(sys.argv[4])
def progress(message, done, total):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
with open_store(sys.argv[1], graph=sys.argv[2]) as store:
    store.project(statistics=False, progress=progress)
"""


def test_a_client_killed_during_a_load(machine: Server, store: Store, rng: np.random.Generator) -> None:
    first, second = (factories.graph(rng, n_scans=3, n_features=40) for _ in range(2))
    for made in (first, second):
        # First a load from nothing, then the difference of two revisions: rows go, come and change.
        factories.fill(store, made)
        at = int(rng.integers(3, batches(store)))
        command = [sys.executable, "-c", textwrap.dedent(CLIENT), str(store.path), machine.uri, str(SMALL), str(at)]
        done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True, timeout=300)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert store.status()[1].revision is None
        resumed = Calls(-1)
        store.project(statistics=False, progress=resumed)
        assert not any("emptying" in message for message, _, _ in resumed.told)
        oracle.check_graph(store)


def test_a_revision_committed_after_the_kill(machine: Server, store: Store, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=3, n_features=30)
    factories.fill(store, made, [0, 1])

    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    with pytest.raises(Stop):
        store.project(statistics=False, progress=Calls(9, stop))
    factories.fill(store, made, [2])
    resumed = Calls(-1)
    store.project(statistics=False, progress=resumed)
    assert not any("emptying" in message for message, _, _ in resumed.told)
    oracle.check_graph(store)


def test_another_loader_is_noticed(machine: Server, store: Store, rng: np.random.Generator) -> None:
    factories.fill(store, factories.graph(rng, n_scans=2, n_features=60))

    def interfere() -> None:
        with neo4j.GraphDatabase.driver(machine.uri) as driver:
            driver.execute_query("MATCH (m:XctGraph) SET m.step = 'create NEAR', m.rows = 1")

    with pytest.raises(EngineError, match=r"another process loads the graph .* at the same time: let it end"):
        store.project(statistics=False, progress=Calls(8, interfere))


def test_batches_beyond_the_servers_memory_are_halved(
    store: Store, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neo4j_load, "BATCH", 20_000)
    factories.fill(store, factories.graph(rng, n_scans=1, n_features=5))
    with store.write() as tx:
        ids = np.arange(1, 20_001)
        values = {"track_id": ids + 10**9, "t_first": ids * 0, "t_last": ids * 0, "n_features": ids, "lineage_id": ids}
        tx.put("tracks", values | {"kind": ["pore"] * len(ids), "job_id": ["j"] * len(ids)}, sample="S2")
    connection = Connection(store.engine.address)  # type: ignore[attr-defined]  # of the Neo4j engine
    with pytest.raises(EngineError, match=r"transaction\.max threshold reached"), connection.session(write=True) as session:
        session.run("UNWIND range(1, 20000) AS i CREATE (:Note {text: 'too much for one transaction ' + i})").consume()
    connection.close()
    oracle.check_graph(store)


def test_rows_beyond_the_servers_memory_come_one_by_one(store: Store) -> None:
    store.project()
    statement = "UNWIND range(1, 200000) AS i RETURN i, 'grain ' + i AS text"
    with neo4j_driver(store.engine.address) as driver, driver.session() as session:
        collected = f"CALL () {{ {statement} }} RETURN size(collect([i, text])) AS n"
        with pytest.raises(TransientError, match=r"transaction\.max threshold reached"):
            session.run(collected).consume()
    found = store.cypher(statement)
    assert found["i"].to_pylist() == list(range(1, 200_001))
    assert found["text"][-1].as_py() == "grain 200000"
