"""A store filled with random graphs on each engine, shared by the tests of a module, and the same tables in DuckDB."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tests import factories
from tests.conformance import oracle
from tests.conformance.worlds import World, nothing, several
from tests.conftest import wipe_neo4j
from xctgraph.store import Store, open_store


@pytest.fixture(scope="module", params=["ladybug", "neo4j"])
def open_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Store]:
    """Opens a fresh store on each engine in turn."""

    def fresh() -> Store:
        uri = None
        if request.param == "neo4j":
            uri = request.getfixturevalue("neo4j_uri")
            wipe_neo4j(uri)
        return open_store(tmp_path_factory.mktemp("conformance") / "x.store", create=True, graph=uri)

    return fresh


@pytest.fixture(scope="module", params=[several, nothing], ids=["several", "nothing"])
def world(request: pytest.FixtureRequest, open_engine: Callable[[], Store]) -> Iterator[World]:
    seed = int(os.environ.get("XCTGRAPH_SEED", secrets.randbits(31)))
    print(f"seed {seed}: repeat with XCTGRAPH_SEED={seed}")
    rng = np.random.default_rng(seed)
    with open_engine() as store:
        for made in request.param(rng):
            factories.fill(store, made)
        yield World(store, oracle.connect(store), rng)
