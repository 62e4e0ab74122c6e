"""Several processes on one store: killed writers and loaders, locks of the dead, readers beside a writer."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import factories
from tests.store import oracle
from xctgraph import Store, open_store
from xctgraph.store import Job, lock
from xctgraph.store.errors import StoreLocked

_ROOT = Path(__file__).parents[2]
_PREAMBLE = """
import os, signal, sys, time
from pathlib import Path
from xctgraph import open_store
from xctgraph.store import Job, lock

def die():
    os.kill(os.getpid(), signal.SIGKILL)

folder, uri = Path(sys.argv[1]), sys.argv[2] or None
"""


def start(code: str, folder: Path, uri: str | None = None) -> subprocess.Popen[str]:
    program = _PREAMBLE + textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder), uri or ""],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(code: str, folder: Path, uri: str | None = None) -> tuple[int, str]:
    process = start(code, folder, uri)
    out, _ = process.communicate(timeout=300)
    return process.returncode, out


def uri_of(store: Store) -> str | None:
    return None if store.engine.name == "ladybug" else store.engine.address  # type: ignore[attr-defined]  # of the Neo4j engine


def test_a_writer_killed_before_the_manifest_leaves_the_old_revision(tmp_path: Path, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=2, n_features=5)
    with open_store(tmp_path, create=True) as store:
        factories.fill(store, made)
        before = store.manifest()
        code, _ = run(
            """
            with open_store(folder).write(Job("killed")) as tx:
                names = ("track_id", "t_first", "t_last", "n_features", "lineage_id", "kind")
                tx.put("tracks", {name: [] for name in names}, sample="S1")
                tx.drop("features", sample="S1")
                die()
            """,
            tmp_path,
        )
        assert code == -signal.SIGKILL
        assert store.manifest() == before
        assert store.read("tracks").num_rows == len(made["tracks"])
        assert lock.owner(tmp_path / "write.lock") is not None, "the dead writer's lock is there still"
        with store.write(Job("next")) as tx:
            tx.drop("tracks", sample="S1")
        assert store.manifest().revision == before.revision + 1
        assert not (tmp_path / "write.lock").exists()


@pytest.mark.parametrize("step", [0, 3, 9])
def test_a_killed_projection_is_never_current(engine: Store, rng: np.random.Generator, step: int) -> None:
    made = factories.graph(rng, n_scans=2, n_features=6)
    factories.fill(engine, made, [0], project=step > 0)
    factories.fill(engine, made, [1])
    code, _ = run(
        f"""
        calls = 0
        def progress(message, done, total):
            global calls
            if not message.startswith("statistics"):
                calls += 1
                if calls > {step}:
                    die()
        with open_store(folder, graph=uri) as store:
            store.project(progress=progress)
        """,
        engine.path,
        uri_of(engine),
    )
    assert code == -signal.SIGKILL
    assert not engine.status()[1].current
    oracle.check_graph(engine)
    assert engine.status()[1].current
    assert [path.name for path in engine.path.iterdir() if ".tmp-" in path.name] == []


def test_a_killed_statistics_projection_is_never_current(tmp_path: Path, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=2, n_features=6)
    with open_store(tmp_path, create=True) as store:
        factories.fill(store, made, [0])
        store.project(graph=False)
        factories.fill(store, made, [1])
        code, _ = run(
            """
            def progress(message, done, total):
                if done == 3:
                    die()
            with open_store(folder) as store:
                store.project(graph=False, progress=progress)
            """,
            tmp_path,
        )
        assert code == -signal.SIGKILL
        assert not store.status()[0].current
        oracle.check_statistics(store)
        assert [path.name for path in tmp_path.iterdir() if ".tmp-" in path.name] == []


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    open_store(tmp_path, create=True)
    program = """
        with open_store(folder).write():
            print("writing", flush=True)
            sys.stdin.read()
        """
    with start(program, tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        yield process
        process.kill()


def test_a_second_writer_is_refused_and_the_first_is_named(tmp_path: Path, writer: subprocess.Popen[str]) -> None:
    with open_store(tmp_path) as store:
        with pytest.raises(StoreLocked, match=f"process {writer.pid} on "), store.write():
            pass
        writer.kill()
        writer.wait()
        with store.write(Job("after")):
            assert lock.owner(tmp_path / "write.lock").pid == os.getpid()  # type: ignore[union-attr]  # it is held


def test_a_writer_that_ends_is_waited_for(tmp_path: Path, writer: subprocess.Popen[str]) -> None:
    assert writer.stdin is not None
    with open_store(tmp_path) as store:
        writer.stdin.close()
        with store.write(wait_seconds=60):
            pass
    assert writer.wait(timeout=60) == 0


def test_many_takeovers_at_once_leave_one_owner(tmp_path: Path) -> None:
    code = """
    for turn in range(6):
        with lock.held(folder / "x.lock", "testing", 120):
            os.close(os.open(folder / "witness", os.O_CREAT | os.O_EXCL))
            time.sleep(0.002)
            os.unlink(folder / "witness")
            if turn == 5:
                print("done", flush=True)
                die()
    """
    processes = [start(code, tmp_path) for _ in range(4)]
    results = [(process.communicate(timeout=300)[0], process.returncode) for process in processes]
    assert results == [("done\n", -signal.SIGKILL)] * 4
    assert not lock.is_held(tmp_path / "x.lock")


def test_locks_of_other_hosts_and_of_reused_process_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    path.write_text(json.dumps(dataclasses.asdict(dataclasses.replace(lock.me(), host="elsewhere", pid=1))))
    with pytest.raises(StoreLocked, match=r"on elsewhere.*if it died, remove .*x\.lock"), lock.held(path, "testing"):
        pass
    path.write_text(json.dumps(dataclasses.asdict(dataclasses.replace(lock.me(), process_start="1"))))
    with lock.held(path, "testing") as mine:
        assert lock.owner(path) == mine
    path.write_text("")
    with pytest.raises(StoreLocked, match="has not written its name"), lock.held(path, "testing"):
        pass
    os.utime(path, (0, 0))
    with lock.held(path, "testing"):
        pass
    assert not path.exists()


def test_a_reader_neither_blocks_a_writer_nor_sees_half_a_revision(engine: Store, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=4, n_features=6)
    sizes = [int((made["features"].t <= t).sum()) for t in made.scans]
    factories.fill(engine, made, [0], project=True)
    reader = start(
        """
        with open_store(folder, graph=uri) as store:
            print("reading", flush=True)
            last = ""
            while last != "4":
                last = ""
                revision = store.manifest()
                scans, features = (store.read(table, revision=revision)["t"].to_pylist() for table in ("scans", "features"))
                assert set(scans) == set(features), "half a revision in the parts"
                print("parts", len(scans), len(features))
                ask = "SELECT count(DISTINCT s.t) AS s, count(*) AS f FROM scans s JOIN features f USING (scan_id)"
                row = store.sql(ask).to_pylist()[0]
                print("sql", row["s"], row["f"])
                if uri is None:
                    ask = "MATCH (s:Scan)-[:CONTAINS]->(f:Feature) RETURN count(DISTINCT s.t) AS s, count(*) AS f"
                    row = store.cypher(ask).to_pylist()[0]
                    print("cypher", row["s"], row["f"], flush=True)
                last = str(row["s"])
        """,
        engine.path,
        uri_of(engine),
    )
    assert reader.stdout is not None
    assert reader.stdout.readline().strip() == "reading"
    for t in made.scans[1:]:
        factories.fill(engine, made, [t], project=True)
    out, _ = reader.communicate(timeout=300)
    assert reader.returncode == 0
    answers = [line.split() for line in out.splitlines()]
    assert answers
    for _, scans, features in answers:
        assert int(features) == sizes[int(scans) - 1], "half a revision"
    assert any(int(scans) == 4 for _, scans, _ in answers)
