"""Servers that cannot be written to: a database that is read-only, a disk that is full. The parts are what they were."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import factories
from tests.conftest import forget_sockets, skip_unless_required
from tests.store import oracle
from xctgraph.store import Store, neo4j_server, open_store
from xctgraph.store.errors import EngineError

ROOM = 700 * 2**20


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    lacking = neo4j_server.missing_tool()
    if lacking:
        skip_unless_required("REQUIRE_NEO4J", lacking)
    made = tmp_path / "home"
    made.mkdir()
    yield made
    forget_sockets()


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """The home of a server on a file system of 700 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", home], check=True)
    yield home
    subprocess.run(["umount", "-l", home], check=True)


def configure(home: Path, text: str) -> None:
    (home / "conf").mkdir(exist_ok=True)
    (home / "conf" / "neo4j.conf").write_text(text)


def filled(folder: Path, rng: np.random.Generator, uri: str, n_features: int) -> Store:
    store = open_store(folder, create=True, graph=uri)
    factories.fill(store, factories.graph(rng, n_scans=3, n_features=n_features))
    return store


def test_a_read_only_database_is_named(home: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    with neo4j_server.running(home, heap="600m") as server, filled(tmp_path / "x.store", rng, server.uri, 30) as store:
        store.project(statistics=False)
        oracle.check_graph(store)
    configure(home, "server.databases.read_only=neo4j\n")
    with neo4j_server.running(home, heap="600m") as server, open_store(tmp_path / "x.store", graph=server.uri) as store:
        asked = "MATCH (f:Feature) RETURN count(f) AS n"
        assert store.cypher(asked)["n"][0].as_py() == store.manifest().rows("features")
        factories.fill(store, factories.graph(rng, n_scans=3, n_features=40))
        held = store.manifest()
        words = (
            "lets a client without user and password read, but not load: give a user who may write, or make the database writable"
        )
        with pytest.raises(EngineError, match=words):
            store.project(statistics=False)
        assert store.manifest() == held
    configure(home, "")
    with neo4j_server.running(home, heap="600m") as server, open_store(tmp_path / "x.store", graph=server.uri) as store:
        store.project(statistics=False)
        oracle.check_graph(store)


def test_a_full_disk_is_told_and_what_is_advised_helps(small_disk: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    configure(small_disk, "db.tx_log.preallocate=false\n")
    ballast = small_disk / "ballast"
    with neo4j_server.running(small_disk, heap="600m") as server, filled(tmp_path / "x.store", rng, server.uri, 1000) as store:
        held = store.manifest()
        free = os.statvfs(small_disk)
        with ballast.open("wb") as file:
            file.write(bytes(free.f_bavail * free.f_frsize - 3 * 2**20))
        for _ in range(2):  # also when it is asked again
            with pytest.raises(
                EngineError, match=r"has no space left|most often since its disk is full.*empty the server's data"
            ):
                store.project(statistics=False)
        assert store.manifest() == held
        server.process.kill()  # its end would be waited for
    # Neo4j 5.26 does not start from the log that it could not write to its end.
    ballast.unlink()
    shutil.rmtree(small_disk / "data")
    with neo4j_server.running(small_disk, heap="600m") as server, open_store(tmp_path / "x.store", graph=server.uri) as store:
        store.project(statistics=False)
        oracle.check_graph(store)
