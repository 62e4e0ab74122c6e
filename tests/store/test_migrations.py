"""A store of an older format opens after a migration that happens or does not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests import factories
from xctgraph.store import Store, health, lock, manifest, open_store, upgrade
from xctgraph.store.errors import StoreError, StoreLocked
from xctgraph.store.migrations import MIGRATIONS, Migration

FIELDS = ("store_id", "revision", "parts", "previous", "job_id", "created_at")


def old_store(folder: Path, rng: np.random.Generator, version: int) -> dict[str, pa.Table]:
    """A store as an older version wrote it; its rows."""
    with open_store(folder, create=True) as store:
        factories.fill(store, factories.graph(rng, n_scans=2, n_features=6))
        rows = {table: store.read(table) for table in ("scans", "features", "near", "next", "tracks", "jobs")}
    for path in folder.glob("manifest-*.json"):
        data = json.loads(path.read_text())
        path.write_text(json.dumps({name: data[name] for name in FIELDS} | {"format": version}))
    return rows


def test_the_last_migration_leads_to_the_present_format() -> None:
    assert [m.to for m in MIGRATIONS] == list(range(1, manifest.FORMAT + 1))


@pytest.mark.parametrize("version", range(manifest.FORMAT))
def test_an_old_store_is_brought_to_the_present_format(tmp_path: Path, rng: np.random.Generator, version: int) -> None:
    rows = old_store(tmp_path / "s", rng, version)
    with open_store(tmp_path / "s") as store:
        found = store.manifest()
        assert (found.format, found.revision, found.previous) == (manifest.FORMAT, 2, 1)
        assert {table: store.read(table) for table in rows} == rows
        assert health.examine(store).healthy
        assert manifest.read(store.path, 1).state == found.state, "readers of the old version go on"
        factories.fill(store, factories.graph(rng, sample="S2", sample_no=1, n_scans=1, n_features=3))
    with open_store(tmp_path / "s") as store:
        assert store.manifest().revision == 3, "once is enough"


def test_parts_are_written_anew_or_not_at_all(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = old_store(tmp_path / "s", rng, 1)
    before = {path: path.read_bytes() for path in (tmp_path / "s").rglob("*") if path.is_file()}

    def doubled(data: pa.Table) -> pa.Table:
        return data.set_column(data.column_names.index("gap"), "gap", pc.multiply(data["gap"], 2.0))

    def fails(_: pa.Table) -> pa.Table:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upgrade.migrate(tmp_path / "s", (Migration(2, "", {"near": doubled, "next": fails}),))
    assert {path: path.read_bytes() for path in (tmp_path / "s").rglob("*") if path.is_file()} == before
    assert upgrade.migrate(tmp_path / "s", (Migration(2, "gaps in half um", {"near": doubled}),))
    assert not upgrade.migrate(tmp_path / "s", (Migration(2, "gaps in half um", {"near": doubled}),))
    with open_store(tmp_path / "s") as store:
        assert store.read("near").to_pylist() == doubled(rows["near"]).to_pylist()
        assert store.read("features").equals(rows["features"])
        store.verify()


def test_a_writer_of_the_old_version_is_waited_for_and_named(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_store(tmp_path / "s", rng, 1)
    monkeypatch.setattr(upgrade, "_WAIT_SECONDS", 0.1)
    with lock.held(tmp_path / "s" / "write.lock", "writing"), pytest.raises(StoreLocked, match="to another format: process"):
        open_store(tmp_path / "s")


def test_a_newer_store_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    old_store(tmp_path / "s", rng, manifest.FORMAT + 1)
    store = open_store(tmp_path / "s")
    asks = (store.manifest, lambda: store.sql("SELECT 1"), lambda: health.examine(store), lambda: health.collect(store))
    for ask in asks:
        with pytest.raises(
            StoreError, match=rf"has format {manifest.FORMAT + 1}, .* reads up to {manifest.FORMAT}: upgrade xctgraph"
        ):
            ask()
    assert isinstance(store, Store)
