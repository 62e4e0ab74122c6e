"""Fixtures shared by every part: seeds drawn at test time, and requirements that turn a skip into a failure."""

from __future__ import annotations

import gc
import os
import secrets
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import neo4j
import numpy as np
import pytest

from xctgraph.store import Store, neo4j_server, open_store

# What tests fetch, the jars of Neo4j among it, stays in the checkout.
os.environ.setdefault("XCTGRAPH_CACHE", str(Path(__file__).parents[1] / ".cache"))

_WIPE = "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS"


@pytest.fixture
def seed(record_property: Callable[[str, object], None]) -> int:
    """A fresh seed, printed with the test; set XCTGRAPH_SEED to repeat a run."""
    value = int(os.environ.get("XCTGRAPH_SEED", secrets.randbits(31)))
    print(f"seed {value}: repeat with XCTGRAPH_SEED={value}")
    record_property("seed", value)
    return value


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def skip_unless_required(variable: str, reason: str) -> None:
    """Skip the test, or fail it where `variable` (e.g. REQUIRE_NEO4J) is set to 1."""
    if os.environ.get(variable) == "1":
        pytest.fail(f"{variable}=1, but {reason}")
    pytest.skip(f"{reason} (set {variable}=1 to make this a failure)")


@pytest.fixture(scope="session")
def neo4j_uri() -> Iterator[str]:
    """URI of a Neo4j: NEO4J_URI where set, else a community server started for this session. Wipe it before use."""
    given = os.environ.get("NEO4J_URI")
    if given:
        # Users keep their own database in this variable: the tests delete everything in it.
        with neo4j_driver(given) as driver:
            (count,) = driver.execute_query("MATCH (n) RETURN count(n)").records[0]
        if count and os.environ.get("XCTGRAPH_TEST_WIPE") != "1":
            pytest.fail(
                f"NEO4J_URI={given} holds {count} nodes, which the tests would delete: empty it, or set XCTGRAPH_TEST_WIPE=1"
            )
        yield given
        wipe_neo4j(given)
        return
    lacking = neo4j_server.missing_tool()
    if lacking:
        skip_unless_required("REQUIRE_NEO4J", f"{lacking}, and NEO4J_URI is not set")
    try:
        started = neo4j_server.running()
        uri = started.__enter__().uri
    except neo4j_server.ServerUnavailable as error:
        skip_unless_required("REQUIRE_NEO4J", str(error))
    try:
        yield uri
    finally:
        started.__exit__(None, None, None)


@pytest.fixture(params=["ladybug", "neo4j"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A fresh, empty store wired to each graph engine in turn."""
    uri = None
    if request.param == "neo4j":
        uri = request.getfixturevalue("neo4j_uri")
        wipe_neo4j(uri)
    with open_store(tmp_path / "engine.store", create=True, graph=uri) as store:
        yield store


def wipe_neo4j(uri: str) -> None:
    """Delete every node of the database."""
    with neo4j_driver(uri) as driver, driver.session() as session:
        session.run(_WIPE).consume()


def forget_sockets() -> None:
    """Collect what a peer that went away left open, so that no later test is blamed for it.

    asyncio closes no connection that it accepts while its loop ends, nor the driver of Neo4j always one to a server that is
    killed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def neo4j_driver(uri: str) -> neo4j.Driver:
    user = os.environ.get("NEO4J_USERNAME")
    return neo4j.GraphDatabase.driver(uri, auth=(user, os.environ.get("NEO4J_PASSWORD", "")) if user else None)
