"""Garbage goes, and nothing that a reader, a projection, a backup or a running writer needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from tests.store import oracle
from tests.store.health.conftest import rewrite
from xctgraph.store import Job, Store, health, lock
from xctgraph.store.errors import InputError, StoreCorrupt

COMMAND = str(Path(sys.executable).parent / "xctgraph")


def files(store: Store) -> set[str]:
    return {path.relative_to(store.path).as_posix() for path in store.path.rglob("*.parquet")}


def listed(store: Store, revision: int) -> set[str]:
    return {part["path"] for part in json.loads((store.path / f"manifest-{revision}.json").read_text())["parts"]}


def age(store: Store, revision: int, seconds: float) -> None:
    """Let a revision be published longer ago."""
    path = store.path / f"manifest-{revision}.json"
    at = path.stat().st_mtime - seconds
    os.utime(path, (at, at))


def test_only_the_newest_revision_is_left_without_a_grace_period(store: Store) -> None:
    rows = {table: store.read(table) for table in ("features", "near", "next", "tracks", "jobs")}
    before, needed = files(store), listed(store, 4)
    planned = health.collect(store, grace_seconds=0, dry_run=True)
    assert files(store) == before
    freed = sum(p.stat().st_size for p in store.path.rglob("*.parquet") if p.relative_to(store.path).as_posix() not in needed)
    freed += sum((store.path / f"manifest-{n}.json").stat().st_size for n in range(4))
    collected = health.collect(store, grace_seconds=0)
    assert collected == planned
    assert (collected.revisions, collected.n_parts, collected.n_bytes) == ((0, 1, 2, 3), len(before - needed), freed)
    assert files(store) == needed
    assert [p.name for p in store.path.glob("manifest-*")] == ["manifest-4.json"]
    assert {table: store.read(table) for table in rows} == rows
    assert health.examine(store).healthy
    assert health.collect(store, grace_seconds=0).n_bytes == 0


def test_a_reader_within_the_grace_period_goes_on(store: Store) -> None:
    for revision in (1, 2, 3):
        age(store, revision, 7200)
    reader = store.manifest()
    features = store.read("features", revision=reader)
    rewrite(store, "samples", "S1", None, notes="changed")
    store.project()
    collected = health.collect(store)
    assert collected.revisions == (0, 1, 2), "3 was superseded just now by 4, and 4 by 5"
    assert any("2 older revisions are within the grace period" in reason for reason in collected.kept)
    assert store.read("features", revision=reader) == features
    age(store, 4, 3601)
    age(store, 5, 3500)
    assert health.collect(store).revisions == (3,)
    age(store, 5, 200)
    assert health.collect(store).revisions == (4,)


def test_what_a_projection_shows_stays(store: Store) -> None:
    rewrite(store, "samples", "S1", None, notes="changed")
    collected = health.collect(store, grace_seconds=0)
    assert collected.revisions == (0, 1, 2, 3), "the projections show 4"
    messages: list[str] = []
    store.project(progress=lambda message, done, total: messages.append(message))
    assert not any("anew" in message for message in messages), "the difference was still there"
    oracle.check_graph(store)
    assert health.collect(store, grace_seconds=0).revisions == (4,)


def test_staged_parts_of_a_running_writer_stay(store: Store) -> None:
    orphan = store.path / "parts" / "features" / "S1" / "t00009-r000009-aaaaaaaa.parquet"
    orphan.write_bytes(b"of a dead writer")
    rows = store.read("features", sample="S1", t=1)
    with store.write(Job("slow")) as tx:
        tx.put("features", rows, sample="S1", t=1)
        staged = files(store)
        collected = health.collect(store, grace_seconds=0)
        assert any(f"process {os.getpid()} on " in reason for reason in collected.kept)
        assert collected.revisions == (0, 1, 2, 3)
        assert files(store) == listed(store, 4) | {name for name in staged if "-r000005-" in name or "-r000009-" in name}
    assert store.read("features", sample="S1", t=1).equals(rows)
    store.project()
    assert health.collect(store, grace_seconds=0).n_leftovers == 1
    assert not orphan.exists()
    assert health.examine(store).healthy


@pytest.mark.parametrize("name", ["ladybug.lock", "backup.lock"])
def test_old_revisions_stay_while_somebody_reads_them(store: Store, name: str) -> None:
    before = files(store)
    with lock.held(store.path / name, "reading"):
        collected = health.collect(store, grace_seconds=0)
    assert (collected.revisions, collected.n_bytes) == ((), 0)
    assert files(store) == before


def test_leftovers_and_empty_folders_go(store: Store) -> None:
    with store.write(Job("by hand")) as tx:
        for table in {p.table for p in store.manifest().select(sample="S2")}:
            tx.drop(table, sample="S2")
    store.project()
    (store.path / "graph.lbug.tmp-1-aa").write_bytes(b"x")
    collected = health.collect(store, grace_seconds=0)
    assert collected.n_leftovers == 1
    assert not list(store.path.glob("parts/*/S2"))
    assert list(store.path.glob("parts/*/S1"))


def test_nothing_goes_where_a_manifest_cannot_be_read(store: Store) -> None:
    (store.path / "manifest-3.json").write_text("{")
    before = files(store)
    collected = health.collect(store)
    assert collected.n_parts == 0
    assert any("cannot be read: all parts stay" in reason for reason in collected.kept)
    (store.path / "manifest-4.json").write_text("{")
    with pytest.raises(StoreCorrupt, match="doctor"):
        health.collect(store, grace_seconds=0)
    assert files(store) == before
    with pytest.raises(InputError, match=r"grace period of -1 s is not valid"):
        health.collect(store, grace_seconds=-1)


def test_the_command(store: Store) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        command = [COMMAND, "gc", *arguments, "--store", str(store.path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "would remove 4 old revisions" in run("--grace", "0s", "--dry-run")
    assert "removed 0 old revisions" in run()
    assert json.loads(run("--grace", "0 min", "--json"))["revisions"] == [0, 1, 2, 3]
    assert "'soon' is no time: give a number with s, min, h or d" in run("--grace", "soon", code=2)
    assert isinstance(store.read("features"), pa.Table)
