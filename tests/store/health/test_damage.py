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

QUESTIONS: dict[str, list[Callable[[Store], object]]] = {
    "statistics.duckdb": [
        lambda store: store.sql("SELECT count(*), sum(volume), max(uid), sum(z), max(kind) FROM features").to_pylist(),
        lambda store: store.sql("SELECT count(*), sum(gap) FROM near").to_pylist(),
    ],
    "graph.lbug": [
        lambda store: store.cypher("MATCH (f:Feature) RETURN count(f) AS n, sum(f.volume) AS v, max(f.uid) AS u").to_pylist(),
        lambda store: store.cypher("MATCH (:Feature)-[n:NEAR]->(g:Feature) RETURN count(g.z) AS n, sum(n.gap) AS s").to_pylist(),
    ],
}


def damage(path: Path, rng: np.random.Generator) -> None:
    data = np.fromfile(path, np.uint8)
    for start in rng.integers(0, len(data), 12):
        data[start : start + 100] = rng.integers(0, 256, len(data[start : start + 100]))
    data.tofile(path)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_damaged_projection_is_no_error_of_the_user(store: Store, name: str, tmp_path: Path, rng: np.random.Generator) -> None:
    store.project()
    due = [ask(store) for ask in QUESTIONS[name]]
    for trial in range(8):
        copy = tmp_path / f"{trial}"
        shutil.copytree(store.path, copy)
        damage(copy / name, rng)
        with open_store(copy) as damaged:
            for ask, right in zip(QUESTIONS[name], due, strict=True):
                try:
                    # Ladybug's pages have no checksum.
                    assert ask(damaged) == right or name == "graph.lbug"
                except EngineError as error:
                    assert f"doctor --repair --store {copy}" in str(error)  # noqa: PT017  # most damage is read over
            health.repair(damaged, health.examine(damaged))
            assert health.examine(damaged).healthy
            assert [ask(damaged) for ask in QUESTIONS[name]] == due


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
