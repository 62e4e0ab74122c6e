"""A store that is locked, full or not ours to write: what is wrong, who or where, and the remedy; nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import factories
from xctgraph.store import Job, Store, health, lock, open_store

ROOT = Path(__file__).parents[2]
PREAMBLE = """
import os, resource, sys
from pathlib import Path
from xctgraph.cli import main
from xctgraph.ingest import pipeline, removal
from xctgraph.store import Job, health, lock, open_store
from xctgraph.store.errors import StoreLocked, StoreUnwritable
folder = Path(sys.argv[1])
with open_store(folder) as store:
    store.manifest()
    store.sql("SELECT 1")
    store.cypher("MATCH (s:Scan) RETURN count(s) AS n")
"""
NOBODY = """
if os.geteuid() == 0:
    os.setuid(65534)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return factories.filled(tmp_path_factory.mktemp("made") / "xct.store", n_scans=2, n_features=6)


@pytest.fixture
def store(made: Path) -> Iterator[Store]:
    # Not under pytest's folder, which only its owner may enter.
    folder = Path(tempfile.mkdtemp(prefix="xctgraph-test-"))
    folder.chmod(0o755)
    shutil.copytree(made, folder / "xct.store")
    (folder / "xct.store").chmod(0o755)
    with open_store(folder / "xct.store") as opened:
        yield opened
    folder.chmod(0o755)
    (folder / "xct.store").chmod(0o755)
    shutil.rmtree(folder)


def run(code: str, store: Store) -> str:
    program = PREAMBLE + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", program, str(store.path)], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def unchanged(store: Store, before: set[Path]) -> bool:
    store.verify()
    return set(store.path.rglob("*.parquet")) == before and not list(store.path.rglob("*.tmp-*"))


def test_a_full_disk_is_named_and_nothing_is_lost(store: Store) -> None:
    before = set(store.path.rglob("*.parquet"))
    revision = store.manifest()
    out = run(
        """
        with open_store(folder) as store:
            rows = store.read("features", sample="S1", t=0)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
            try:
                with store.write(Job("big")) as tx:
                    tx.put("features", rows, sample="S1", t=0)
            except StoreUnwritable as error:
                print(error)
        """,
        store,
    )
    assert out.startswith(f"no space is left to write to {store.path} (")
    assert "nothing of this commit was kept, earlier ones stay; make room (`xctgraph gc --store" in out
    assert store.manifest() == revision
    assert unchanged(store, before)


def test_no_room_for_a_projection_or_a_backup(store: Store, tmp_path: Path) -> None:
    out = run(
        f"""
        from xctgraph.store.errors import EngineError
        with open_store(folder) as store:
            with store.write(Job("by hand")) as tx:
                tx.drop("near", sample="S1")
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
            for project in ({{"graph": False}}, {{"statistics": False}}):
                try:
                    store.project(**project)
                except (StoreUnwritable, EngineError) as error:
                    print(error)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, resource.RLIM_INFINITY))
            try:
                health.back_up(store, Path({str(tmp_path / "backup")!r}))
            except StoreUnwritable as error:
                print(error)
        """,
        store,
    )
    statistics, graph, backup = out.strip().split("\n")
    assert "what was committed is safe in the parts" in statistics or "the parts hold what was committed" in statistics
    assert "no space is left" in graph or "Ladybug" in graph
    assert f"no space is left to write to {tmp_path / 'backup'}" in backup
    assert "the backup that was there stays; make room, then run the same command again" in backup
    store.project()
    assert [status.current for status in store.status()] == [True, True]
    assert health.examine(store).healthy


def test_without_permission_reading_works_and_writing_says_why(store: Store) -> None:
    before = set(store.path.rglob("*.parquet"))
    if os.geteuid() != 0:
        store.path.chmod(0o555)
    out = run(
        NOBODY
        + """
with open_store(folder) as store:
    print(store.read("features").num_rows, store.sql("SELECT count(*) AS n FROM features")["n"][0])
    def write():
        with store.write(Job("mine")) as tx:
            tx.drop("features", sample="S1")
    for act in (write, store.project, lambda: removal.drop_scan(store, "S1", 1), lambda: health.collect(store)):
        try:
            act()
        except StoreUnwritable as error:
            print(error)
    report = health.examine(store)
    print(report.healthy, report.notes)
try:
    open_store(folder / "inside", create=True)
except StoreUnwritable as error:
    print(error)
""",
        store,
    )
    lines = out.strip().split("\n")
    n = store.read("features").num_rows
    assert lines[0] == f"{n} {n}"
    for line in lines[1:5]:
        assert "may not write the store" in line
        assert str(store.path) in line
        assert "get write permission for the folder and all in it, or work on a copy" in line
    assert lines[5].startswith("True (")
    assert "no store was made" in lines[6]
    assert unchanged(store, before)


def test_a_full_disk_is_made_room_on(store: Store) -> None:
    with store.write(Job("by hand")) as tx:
        tx.drop("near", sample="S1")
    store.project()
    left = store.path / "parts" / "near" / "S1" / "t00000-r000009-1.parquet.tmp-1-2"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(bytes(1000))
    out = run(
        """
        with open_store(folder) as store:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            try:
                health.repair(store, health.examine(store))
            except StoreUnwritable as error:  # engines can write no temporary file either
                print(error)
            print(health.collect(store, grace_seconds=0))
            print(list(folder.glob("*.lock")))
            with lock.held(folder / "write.lock", "testing", on_full_disk=True):
                os.utime(folder / "write.lock", (0, 0))
                print(lock.stale(folder / "write.lock"), lock.is_held(folder / "write.lock"))
                try:
                    lock.held(folder / "write.lock", "testing", on_full_disk=True).__enter__()
                except StoreLocked as error:
                    print(error)
        """,
        store,
    )
    repaired, collected, locks, state, refused = out.strip().split("\n")
    assert "no space is left" in repaired
    assert not left.exists()
    assert collected.startswith("Collected(revisions=(0, 1)")
    assert locks == "[]"
    assert state == "False True"
    assert "another process is testing: a process that has not written its name" in refused
    store.verify()
    assert health.examine(store).healthy


def test_a_part_that_may_not_be_read_is_no_traceback(store: Store) -> None:
    (part,) = (store.path / part.path for part in store.manifest().select("features", sample="S1", t=0))
    part.chmod(0)
    out = run(
        """
from xctgraph.store.errors import XctGraphError
for name in ("statistics.duckdb", "graph.lbug"):
    (folder / name).unlink()
for path in (folder, folder.parent):
    os.chown(path, 65534, 65534)
"""
        + NOBODY
        + """
with open_store(folder) as store:
    for act in (lambda: store.read("features"), lambda: store.sql("SELECT 1"), lambda: store.cypher("RETURN 1 AS n"),
                lambda: health.back_up(store, folder.parent / "backup"), lambda: health.examine(store)):
        try:
            act()
        except (XctGraphError, PermissionError) as error:
            print(error)
""",
        store,
    )
    assert out.count("\n") == 5
    for line in out.strip().split("\n"):
        assert str(part) in line
        assert "ermission" in line


@pytest.mark.parametrize("arguments", [("drop", "scan", "S1", "1"), ("drop", "sample", "S1")])
def test_a_locked_store_names_its_writer(store: Store, arguments: tuple[str, ...]) -> None:
    command = [str(Path(sys.executable).parent / "xctgraph"), *arguments, "--store", str(store.path)]
    with lock.held(store.path / "write.lock", "testing") as owner:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 1
        assert f"another process is writing to {store.path}: process {owner.pid} on {owner.host}" in done.stderr
        assert "wait until it has ended" in done.stderr
    assert json.loads((store.path / "manifest-1.json").read_text())["revision"] == store.manifest().revision


# A file that is open where the line is interrupted is closed by the garbage collector, which warns.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_an_interruption_at_any_line_of_a_commit_loses_nothing(tmp_path: Path, rng: np.random.Generator) -> None:
    with open_store(tmp_path / "s", create=True) as store:
        factories.fill(store, factories.graph(rng, n_scans=2, n_features=3))
        rows = store.read("tracks")
        total = interrupted(store, rows.num_rows, stop_at=None)
        assert total > 100
        # Near the end, where the manifest is published and what was staged is forgotten, at every line.
        for stop_at in [*rng.integers(1, total, 60).tolist(), *range(total - 60, total)]:
            n = int(rng.integers(1, rows.num_rows + 1))
            before = store.read("tracks").num_rows
            interrupted(store, n, stop_at=stop_at)
            store.verify()
            assert store.read("tracks").num_rows in (before, n)
            # An interrupted process ends, and its lock is stale then; this one goes on.
            (store.path / "write.lock").unlink(missing_ok=True)
        # The rows of tracks are nonsense here; apart from them there is nothing but leftovers.
        assert {fault.kind for fault in health.examine(store).faults} <= {"leftover", "rows"}
        health.collect(store, grace_seconds=0)
        store.verify()


def interrupted(store: Store, n: int, *, stop_at: int | None) -> int:
    """Commit n rows of tracks, raise KeyboardInterrupt at the given line that the store executes; the number of lines."""
    seen = 0

    def count(frame: object, event: str, _: object) -> object:
        nonlocal seen
        if "xctgraph/store" not in frame.f_code.co_filename:  # type: ignore[attr-defined]  # it is a frame
            return None
        if event == "line":
            seen += 1
            if seen == stop_at:
                raise KeyboardInterrupt
        return count

    rows = store.read("tracks").slice(0, 1)
    table = rows.take([0] * n)
    sys.settrace(count)  # type: ignore[arg-type]  # any callable does
    try:
        with store.write(Job("interrupted", sample="S1")) as tx:
            tx.put("tracks", table, sample="S1")
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    return seen
