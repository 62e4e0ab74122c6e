"""Bytes changed where nobody looks first: no traceback, no blame of the user, and nothing outside the store is touched."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.store.health.test_backup import same
from xctgraph.store import Store, health, open_store
from xctgraph.store.errors import EngineError, StoreCorrupt

GRAPH = "MATCH (a:Feature)-[n:NEAR]->(b:Feature) RETURN count(n) AS n, sum(a.volume) AS volume, max(b.uid) AS uid"


def test_damage_to_statistics_is_no_error_of_the_user(store: Store, tmp_path: Path, rng: np.random.Generator) -> None:
    asked = (
        "SELECT count(*), sum(volume), max(uid), sum(z), max(kind) FROM features",
        "SELECT count(*), sum(distance) FROM near",
    )
    due = [store.sql(text) for text in asked]
    for trial in range(8):
        copy = tmp_path / f"{trial}"
        shutil.copytree(store.path, copy)
        data = np.fromfile(copy / "statistics.duckdb", np.uint8)
        for start in rng.integers(0, len(data), 12):
            data[start : start + 100] ^= 255
        data.tofile(copy / "statistics.duckdb")
        with open_store(copy) as damaged:
            for text, right in zip(asked, due, strict=True):
                try:
                    assert damaged.sql(text) == right
                except EngineError as error:
                    assert f"doctor --repair --store {copy}" in str(error)  # noqa: PT017  # most damage is read over
            health.repair(damaged, health.examine(damaged))
            assert health.examine(damaged).healthy
            assert [damaged.sql(text) for text in asked] == due


def test_damage_anywhere_in_the_graph_is_found(store: Store, rng: np.random.Generator) -> None:
    """Ladybug does not notice that its pages changed."""
    due = store.cypher(GRAPH)
    path = store.path / "graph.lbug"
    data = bytearray(path.read_bytes())
    data[int(rng.integers(len(data)))] ^= 1
    path.write_bytes(data)
    report = health.examine(store)
    assert [(fault.where, fault.what) for fault in report.faults] == [("graph.lbug", "differs from its checksum")]
    assert health.repair(store, report) == ["loaded ladybug anew from the parts"]
    assert health.examine(store).healthy
    assert store.cypher(GRAPH) == due


def test_damage_to_the_graph_is_no_error_of_the_user(store: Store) -> None:
    longest = max(store.read("scans")["path"].to_pylist(), key=len)
    path = store.path / "graph.lbug"
    data = path.read_bytes()
    assert longest.encode() in data
    path.write_bytes(data.replace(longest.encode(), b"\xff" * len(longest)))
    with pytest.raises(EngineError, match=r"could not answer: .*UTF8.*`xctgraph doctor --repair --store .*` finds out whether"):
        store.cypher("MATCH (s:Scan) RETURN s.path AS path")


def changed(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a manifest and give it the right checksum, as who means to deceive would."""
    data = json.loads(path.read_text())
    del data["checksum"]
    change(data)
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    path.write_text(json.dumps(data | {"checksum": hashlib.sha256(text.encode()).hexdigest()}))


def test_a_manifest_of_another_revision_is_damaged(store: Store) -> None:
    newest = store.path / "manifest-4.json"
    changed(newest, lambda data: data.update(revision=9))
    with pytest.raises(StoreCorrupt, match=r"manifest-4.json is missing or no manifest \(it holds revision 9\)"):
        store.manifest()


@pytest.mark.parametrize("where", ["../outside.parquet", "parts/../../outside.parquet", "/outside.parquet", "manifest-1.json"])
def test_a_part_leads_nowhere_outside(store: Store, tmp_path: Path, where: str) -> None:
    health.back_up(store, tmp_path / "backup")
    changed(tmp_path / "backup" / "manifest-4.json", lambda data: data["parts"][0].update(path=where))
    with pytest.raises(StoreCorrupt, match=r"a part would lie at '.*', outside parts/"):
        health.restore(tmp_path / "backup", tmp_path / "again")
    assert not (tmp_path / "again").exists()
    with open_store(tmp_path / "backup") as backup, pytest.raises(StoreCorrupt, match="outside parts/"):
        same(backup, store)
