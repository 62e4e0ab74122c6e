"""A manifest that was deleted is made again exactly, or the parts of its revision are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from xctgraph.ingest import removal
from xctgraph.store import Store, health


def parts_of(store: Store) -> set[Path]:
    return set(store.path.rglob("*.parquet"))


@pytest.mark.parametrize("n_lost", [1, 2])
def test_lost_manifests_are_made_again_from_what_the_parts_record(store: Store, n_lost: int) -> None:
    removal.drop_scan(store, "S1", 1)  # drops slots, besides writing some
    store.project()
    newest, files = store.manifest(), parts_of(store)
    for revision in range(newest.revision - n_lost + 1, newest.revision + 1):
        (store.path / f"manifest-{revision}.json").unlink()
    report = health.examine(store)
    missing = [fault for fault in report.faults if fault.kind == "manifest"]
    assert len(missing) == n_lost
    assert all("is missing, but all parts" in fault.what and fault.repairable for fault in missing)
    assert not any("parquet" in fault.where for fault in report.faults)
    health.collect(store, grace_seconds=1e6)
    assert parts_of(store) == files
    done = health.repair(store, report)
    assert f"made manifest-{newest.revision}.json again from what its parts record" in done
    assert replace(store.manifest(), created_at=newest.created_at) == newest
    assert parts_of(store) == files
    assert health.examine(store).healthy


def test_parts_without_a_record_are_kept_where_a_projection_shows_their_revision(store: Store) -> None:
    newest = store.manifest()
    (jobs,) = [part for part in newest.select("jobs", sample="S2") if part.path.startswith("parts/jobs")][-1:]
    # As an older version wrote it.
    pq.write_table(pq.read_table(store.path / jobs.path).replace_schema_metadata(None), store.path / jobs.path)
    files = parts_of(store)
    (store.path / f"manifest-{newest.revision}.json").unlink()
    for _ in range(2):
        report = health.examine(store)
        (fault,) = [fault for fault in report.faults if fault.kind == "manifest"]
        assert "a projection or a job shows a revision newer than 3" in fault.what
        assert "xctgraph restore" in fault.remedy
        assert not fault.repairable
        health.repair(store, report)
        assert "see `xctgraph doctor`" in " ".join(health.collect(store).kept)
        assert parts_of(store) == files


def test_a_cut_off_older_manifest_is_named(store: Store) -> None:
    path = store.path / "manifest-2.json"
    path.write_bytes(path.read_bytes()[:100])
    report = health.examine(store)
    assert report.healthy
    (note,) = report.notes
    assert note.startswith("manifest-2.json, of an older revision, cannot be read")
