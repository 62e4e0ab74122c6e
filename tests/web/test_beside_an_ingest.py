"""The page follows a store that grows while it is open, on each engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import factories
from tests.conftest import wipe_neo4j
from tests.web.conftest import serving
from tests.web.test_binary import unpack
from xctgraph.store import open_store


@pytest.mark.parametrize("engine", ["ladybug", "neo4j"])
def test_new_scans_are_seen(engine: str, tmp_path: Path, rng: np.random.Generator, request: pytest.FixtureRequest) -> None:
    uri = None
    if engine == "neo4j":
        uri = request.getfixturevalue("neo4j_uri")
        wipe_neo4j(uri)
    made = factories.graph(rng, n_scans=2, n_features=40)
    path = tmp_path / "x.store"
    with open_store(path, create=True, graph=uri) as store, serving(path, graph=uri) as served:
        assert served.client.get("/api/store").json()["samples"] == []
        for last in (0, 1):
            factories.fill(store, made, list(range(last + 1)))
            told = served.client.get("/api/store").json()
            assert served.client.get("/api/revision").json() == {"revision": told["revision"]}
            here = made["features"][made["features"].t == last]
            assert told["samples"][0]["scans"][-1]["features"] == len(here)
            header, columns = unpack(served.client.get("/api/scene", params={"sample": "S1", "t": last}).content)
            assert header["total"] == len(here)
            assert set(columns["label"].tolist()) == set(here.label)
            one = here.iloc[0]
            near = made["near"][(made["near"].source == one.feature_id) | (made["near"].target == one.feature_id)]
            assert served.client.get("/api/feature", params={"uid": one.uid}).json()["n_near"] == len(near)
            counted = served.ask("cypher", "MATCH (f:Feature {t: $t}) RETURN count(*) AS n", parameters={"t": last})
            assert counted.json()["data"] == [[len(here)]]
            # These features come without volumes: nothing to crop is said, not failed.
            crop = served.client.get("/api/crop", params={"uid": one.uid})
            assert crop.status_code == 400
            assert set(crop.json()["error"]) == {"type", "message"}
