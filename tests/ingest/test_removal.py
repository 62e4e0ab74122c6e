"""A store that dropped a scan holds the rows of one that never had it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.conftest import wipe_neo4j
from tests.store import oracle
from xctgraph.ingest import config, pipeline, removal
from xctgraph.store import Store, open_store
from xctgraph.store.errors import InputError

SHAPE = (20, 36, 36)
TABLES = ("samples", "scans", "features", "near", "touches", "next", "fields", "tracks", "label_runs")


@pytest.fixture
def volumes(tmp_path: Path, rng: np.random.Generator) -> list[Path]:
    """Masks of four scans of small boxes: the first one, shifted by one voxel along x at each step; a box is missing at t = 1."""
    paths = []
    corners = rng.integers(1, np.array(SHAPE) - 5, (20, 3))
    for t in range(4):
        mask = np.zeros(SHAPE, np.uint8)
        for k, (z, y, x) in enumerate(corners):
            if (t, k) != (1, 0):
                mask[z : z + 2, y : y + 3, x : x + 2] = 1 + k % 2
        paths.append(tmp_path / f"scan_{t}.npy")
        np.save(paths[-1], np.roll(mask, t, axis=2))
    return paths


def dataset(paths: dict[int, Path], sample: str = "S1", **changes: Any) -> config.Dataset:
    return config.parse(
        {
            "sample": {"id": sample, "voxel_size_um": [2, 1, 1]},
            "segmentation": {"method": "mask", "kinds": {1: "inclusion", 2: "pore"}},
            "proximity": {"gap_um": 5},
            "scan": [{"t": t, "path": str(path)} for t, path in paths.items()],
            **changes,
        },
        origin="test",
    )


def rows(store: Store, table: str, sample: str | None = None) -> pa.Table:
    held = store.read(table, sample=sample)
    return held.select([name for name in held.column_names if name != "job_id"])


@pytest.fixture(params=["ladybug", "neo4j"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    uri = None
    if request.param == "neo4j":
        uri = request.getfixturevalue("neo4j_uri")
        wipe_neo4j(uri)
    with open_store(tmp_path / "dropped.store", create=True, graph=uri) as opened:
        yield opened


@pytest.mark.parametrize("t", [0, 2, 3])
def test_a_dropped_scan_was_never_there(store: Store, volumes: list[Path], tmp_path: Path, t: int) -> None:
    changes: dict[str, Any] = {"correspondence": {"max_drift_um": 6}}
    pipeline.ingest(store, dataset(dict(enumerate(volumes)), **changes))
    n_features = store.read("features", t=t).num_rows
    tracks = {row["feature_id"]: row["track_id"] for row in store.read("features").to_pylist()}
    dropped = removal.drop_scan(store, "S1", t)
    assert (dropped.sample, dropped.t, dropped.n_features) == ("S1", (t,), n_features)
    with open_store(tmp_path / "never.store", create=True) as never:
        pipeline.ingest(never, dataset({u: path for u, path in enumerate(volumes) if u != t}, **changes))
        for table in TABLES:
            assert rows(store, table).equals(rows(never, table)), table
        between = never.read("next", t=t - 1).num_rows if 0 < t < 3 else 0
    assert dropped.n_links == between
    changed = [row for row in store.read("features").to_pylist() if row["t"] > t and row["track_id"] != tracks[row["feature_id"]]]
    assert dropped.changed_tracks == len(changed)
    oracle.check_graph(store)
    oracle.check_statistics(store)
    job = (
        store.read("jobs").to_pylist()[-1]
        if t == 3
        else next(j for j in store.read("jobs").to_pylist() if j["command"] != "ingest")
    )
    assert (job["command"], job["sample"], job["t"]) == ("drop scan", "S1", t)
    assert json.loads(job["parameters"]) == {"sample": "S1", "t": t}


def test_a_dropped_scan_comes_back(tmp_path: Path, volumes: list[Path]) -> None:
    with open_store(tmp_path / "s", create=True) as store:
        pipeline.ingest(store, dataset(dict(enumerate(volumes[:3]))))
        before = {table: rows(store, table) for table in TABLES}
        removal.drop_scan(store, "S1", 1)
        assert [r.action for r in pipeline.ingest(store, dataset(dict(enumerate(volumes[:3]))))] == ["skip", "add", "skip"]
        for table in TABLES:
            assert rows(store, table).equals(before[table]), table


def test_one_sample_of_two_is_dropped(tmp_path: Path, volumes: list[Path]) -> None:
    with open_store(tmp_path / "s", create=True) as store:
        pipeline.ingest(store, dataset(dict(enumerate(volumes[:2]))))
        pipeline.ingest(store, dataset(dict(enumerate(volumes[1:3])), "S2"))
        kept = {table: rows(store, table, "S2") for table in TABLES}
        dropped = removal.drop_sample(store, "S1")
        assert dropped.t == (0, 1)
        assert store.manifest().samples() == ["S2"]
        for table in TABLES:
            assert rows(store, table, "S1").num_rows == 0, table
            assert rows(store, table).equals(kept[table]), table
        oracle.check_graph(store)
        oracle.check_statistics(store)
        assert [job["command"] for job in store.read("jobs", sample="S1").to_pylist()].count("drop sample") == 1
        with pytest.raises(InputError, match=r"no sample 'S1'; it holds 'S2'"):
            removal.drop_sample(store, "S1")
        pipeline.ingest(store, dataset({0: volumes[0]}))
        assert rows(store, "features", "S2").equals(kept["features"])


def test_the_only_scan_leaves_the_record_of_the_sample(tmp_path: Path, volumes: list[Path]) -> None:
    with open_store(tmp_path / "s", create=True) as store:
        pipeline.ingest(store, dataset({5: volumes[0]}))
        removal.drop_scan(store, "S1", 5)
        assert {table for table in TABLES if rows(store, table).num_rows} == {"samples"}
        assert store.sql("SELECT count(*) AS n FROM features")["n"].to_pylist() == [0]
        with pytest.raises(InputError, match=r"no scan t = 5 of sample 'S1'; it holds t = none"):
            removal.drop_scan(store, "S1", 5)
