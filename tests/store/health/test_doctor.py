"""Each kind of damage is found, named with its remedy, and mended where that touches no truth."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import ladybug
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import factories
from tests.conftest import neo4j_driver, wipe_neo4j
from tests.store import oracle
from tests.store.health.conftest import rewrite
from xctgraph.store import Job, Store, health, open_store
from xctgraph.store.errors import InputError, StoreCorrupt
from xctgraph.store.health import rows

COMMAND = str(Path(sys.executable).parent / "xctgraph")


def part(store: Store, table: str, t: int | None = 1) -> Path:
    return store.path / store.manifest().select(table, sample="S1", t=t)[0].path


def faults(store: Store) -> list[str]:
    return [f"{f.kind}: {f.where}: {f.what}; {f.remedy}" for f in health.examine(store).faults]


def test_a_sound_store_is_healthy(store: Store) -> None:
    report = health.examine(store)
    assert (report.faults, report.notes, report.revision) == ((), (), 4)
    assert report.n_rows == sum(p.rows for p in store.manifest().parts)
    assert health.repair(store, report) == []


@pytest.mark.parametrize("seed_of_graph", range(3))
def test_any_graph_of_the_schema_is_healthy(tmp_path: Path, rng: np.random.Generator, seed_of_graph: int) -> None:
    with open_store(tmp_path / "s", create=True) as store:
        assert health.examine(store).healthy
        made = factories.graph(rng, n_scans=3, n_features=12)
        factories.fill(store, made)
        # Clusters are those of near pairs; the factory names them by their smallest feature, as the schema says.
        assert faults(store) == []


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def test_damaged_parts_are_named_with_the_way_back(store: Store) -> None:
    part(store, "near").unlink()
    flip(part(store, "features"))
    with part(store, "touches").open("ab") as file:
        file.write(b"x")
    found = faults(store)
    assert len(found) == 4
    assert any("near of sample S1, t = 1): is missing; restore the store from a backup" in f for f in found)
    assert any("features of sample S1, t = 1): differs from its checksum" in f and "drop scan S1 1" in f for f in found)
    assert any("touches of sample S1, t = 1): has " in f and "where the manifest says" in f for f in found)
    assert "lists parts that are missing or damaged" in found[-1]
    assert "--to-revision 1" in found[-1], "the scan t = 1 came with revision 2"
    assert "lost would be what later revisions wrote of S1 t = 0, S1 t = 1, S1 t = 3, S2 t = 0" in found[-1]
    before = {path: path.read_bytes() for path in store.path.rglob("*.parquet")}
    assert health.repair(store, health.examine(store)) == []
    assert {path: path.read_bytes() for path in store.path.rglob("*.parquet")} == before
    with pytest.raises(InputError, match=r"revision 3 is not there with all its parts: valid are 0, 1"):
        health.repair(store, health.examine(store), to_revision=3)
    said, *loaded = health.repair(store, health.examine(store), to_revision=1)
    assert loaded == [f"loaded {projection.name} anew from the parts" for projection in store.projections]
    assert said.startswith(
        "went back to revision 1, which is now revision 5; left behind: what later revisions wrote of S1 t = 0"
    )
    assert store.manifest().scans("S1") == [0]
    assert faults(store) == []
    oracle.check_graph(store)


def test_parts_that_are_not_what_the_manifest_says(store: Store) -> None:
    def forge(table: str, change: Callable[[pa.Table], pa.Table], more: int = 0) -> None:
        """A part whose size and checksum fit, as a broken writer would leave it."""
        (name,) = [p.path for p in store.manifest().select(table, sample="S1", t=0)]
        pq.write_table(change(pq.ParquetFile(store.path / name).read()), store.path / name)
        path = store.path / f"manifest-{store.manifest().revision}.json"
        data = json.loads(path.read_text())
        for entry in data["parts"]:
            if entry["path"] == name:
                raw = (store.path / name).read_bytes()
                entry |= {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest(), "rows": entry["rows"] + more}
        data["format"] = 1
        data.pop("checksum", None)
        path.write_text(json.dumps(data))

    def changed(column: str, values: pa.Array) -> Callable[[pa.Table], pa.Table]:
        return lambda data: data.set_column(data.column_names.index(column), column, values)

    n = store.manifest().select("features", sample="S1", t=0)[0].rows
    forge("scans", changed("t", pa.array([7], pa.int32())))
    forge("features", changed("kind", pa.nulls(n, pa.string())))
    forge("touches", lambda data: data.drop_columns(["contact_area"]))
    forge("near", lambda data: data.append_column("colour", pa.nulls(data.num_rows, pa.string())))
    forge("next", lambda data: data.set_column(0, "source", data["source"].cast(pa.float64())))
    forge("label_runs", lambda data: data, more=1)
    found = faults(store)
    for words in (
        "has rows with t = 7, but is listed under t = 0",
        "has nulls in 'kind', which must have a value",
        "lacks the column 'contact_area'",
        "has the column 'colour', which the schema does not know",
        "has 'source' as double where the schema says int64",
        "rows where the manifest says",
    ):
        assert any(words in f for f in found), (words, found)


@pytest.mark.parametrize(
    ("table", "t", "changes", "words"),
    [
        ("features", 1, {"volume": 1.0}, "volume is not n_voxels times the volume of a voxel"),
        ("features", 1, {"n_voxels": 1, "volume": 2.0}, "n_voxels is not the number of voxels in the label runs"),
        ("features", 1, {"equivalent_diameter": 99.0}, "equivalent_diameter is not that of a sphere"),
        ("features", 1, {"z": 5000.0}, "positions in um and in voxels differ"),
        ("features", 1, {"feature_id": 77}, "feature_id is not that of sample, t and label"),
        ("features", 1, {"uid": "S1/9/9"}, "uid is not sample/t/label"),
        ("features", 1, {"scan_id": 0}, "scan_id is not that of sample and t"),
        ("features", 1, {"track_id": 10**15}, "track_id is no track of the sample"),
        ("features", 1, {"region_id": 5}, "region_id is no region of the sample"),
        ("features", 1, {"cluster_id": 10**15}, "cluster_id is no feature of the sample"),
        ("features", 1, {"job_id": "none"}, "made by a job that is not in `jobs`"),
        ("near", 1, {"target": 10**15}, "the target is no Feature of its scan"),
        ("touches", 0, {"source": 2}, None),
        ("next", 0, {"target": 3}, "the target is no Feature of its scan"),
        ("next", 0, {"dt": 3}, "leads to another scan than the next one"),
        ("scans", 3, {"previous_scan_id": 0}, "previous_scan_id is not the scan before"),
        ("tracks", None, {"n_features": 9}, "are not those of its features"),
        ("tracks", None, {"t_last": 9}, "are not those of its features"),
        ("samples", None, {"voxel_y": 0.5}, "volume is not n_voxels times the volume of a voxel"),
        ("samples", None, {"voxel_y": -1.0}, "the voxel size is not positive"),
        ("samples", None, {"sample_no": 1}, "two samples have one number"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_rows_that_contradict_each_other(
    store: Store, table: str, t: int | None, changes: dict[str, object], words: str | None
) -> None:
    if words is None:  # an edge that is there already
        changes, words = store.read(table, sample="S1", t=t).to_pylist()[0], "the key is there twice"
        with store.write(Job("by hand", sample="S1")) as tx:
            tx.put(table, pa.concat_tables([store.read(table, sample="S1", t=t)] * 2), sample="S1", t=t)
    else:
        rewrite(store, table, "S1", t, **changes)
    found = list(rows.check(store.path, store.manifest().parts, set()))
    assert any(words in f.what for f in found), found
    assert all("ingest what is concerned anew" in f.remedy for f in found)


def test_a_scan_without_its_record(store: Store) -> None:
    with store.write(Job("by hand")) as tx:
        tx.drop("scans", sample="S1", t=1)
        tx.drop("samples", sample="S2")
    found = "\n".join(faults(store))
    assert "features: " in found
    assert "of a scan that has no record" in found
    assert "of a sample that has no record" in found


def test_projections_whose_content_differs(store: Store) -> None:
    store.close()
    with duckdb.connect(str(store.path / "statistics.duckdb")) as database:
        database.execute("UPDATE features SET volume = volume + 1e-9 WHERE uid = 'S1/1/1'")
        database.execute("DELETE FROM near WHERE t = 3")
    graph = ladybug.Database(str(store.path / "graph.lbug"), max_db_size=1 << 40)
    connection = ladybug.Connection(graph)
    connection.execute("MATCH (f:Feature {uid: 'S1/1/2'}) SET f.kind = 'fracture'").close()
    connection.execute("MATCH (:Scan)-[e:FOLLOWS]->(:Scan) DELETE e").close()
    connection.close()
    graph.close()
    # Whoever writes to the file on purpose leaves no old checksum.
    (store.path / "graph.lbug.sha256").unlink()
    with open_store(store.path) as opened:
        assert [s.current for s in opened.status()] == [True, True], "both say they are current"
        report = health.examine(opened)
        found = [f"{f.where}: {f.what}" for f in report.faults]
        n = opened.read("features").num_rows
        assert f"statistics.duckdb: holds {n} features as the parts do, but some with other values" in found
        assert f"graph.lbug: holds {n} Feature as the parts do, but some with other values" in found
        assert "graph.lbug: holds 0 FOLLOWS where the parts hold 2" in found
        near = opened.read("near").num_rows
        assert f"statistics.duckdb: holds {near - opened.read('near', t=3).num_rows} near where the parts hold {near}" in found
        assert len(found) == 4
        assert all(f.repairable and "--repair" in f.remedy for f in report.faults)
        done = health.repair(opened, report)
        assert done == ["loaded statistics anew from the parts", "loaded ladybug anew from the parts"]
        assert faults(opened) == []
        oracle.check_graph(opened)
        oracle.check_statistics(opened)


def test_lost_and_broken_projections(store: Store) -> None:
    store.close()
    (store.path / "statistics.duckdb").unlink()
    (store.path / "graph.lbug").write_bytes(b"no database" * 1000)
    (store.path / "graph.lbug.sha256").unlink()
    report = health.examine(store)
    assert [(f.where, f.what) for f in report.faults] == [("graph.lbug", "is no such file, or damaged")]
    assert report.notes == ("statistics: nothing loaded yet; the next query loads it",)


def test_a_projection_that_is_behind_is_no_fault(store: Store) -> None:
    with store.write(Job("by hand")) as tx:
        for name in {p.table for p in store.manifest().select(sample="S2")} - {"jobs"}:
            tx.drop(name, sample="S2")
    report = health.examine(store)
    assert report.healthy
    assert report.notes == tuple(
        f"{name}: shows revision 4, the store is at 5; the next query loads it" for name in ("statistics", "ladybug")
    )


def test_leftovers_and_stale_locks(store: Store) -> None:
    parts = store.path / "parts" / "features" / "S1"
    left = [
        store.path / "manifest-5.json.tmp-1-aa",
        store.path / "graph.lbug.tmp-1-aa",
        store.path / "statistics.duckdb.tmp-1-aa.wal",
        parts / "t00009-r000005-aaaaaaaa.parquet",
        parts / "t00009-r000005-bbbbbbbb.parquet.tmp-1-aa",
    ]
    for path in left:
        path.write_bytes(b"xx")
    (store.path / "graph.lbug.tmp-folder").mkdir()
    code = f"""
import os, pathlib
from xctgraph.store import lock
held = lock.held(pathlib.Path({str(store.path / "write.lock")!r}), "x")
held.__enter__()
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    found = faults(store)
    assert len(found) == 2
    assert "leftover: write.lock: the lock of process" in found[0]
    assert "6 files (10 bytes) that killed processes left" in found[1]
    assert "doctor --repair" in found[1]
    with store.write(Job("a living writer")):
        assert not any("parquet" in fault or "manifest" in fault for fault in faults(store)), "its files are no leftovers"
    report = health.examine(store)
    assert not report.healthy
    assert health.repair(store, report) == ["removed 6 files (10 bytes) that killed processes had left"]
    assert not any(path.exists() for path in left)
    assert faults(store) == []


def test_an_unreadable_manifest_and_the_way_back(store: Store) -> None:
    path = store.path / "manifest-4.json"
    sound = path.read_text()
    assert '"rows": 1,' in sound
    path.write_text(sound.replace('"rows": 1,', '"rows": 2,', 1))
    with pytest.raises(StoreCorrupt, match=r"differs from its checksum.*doctor"):
        store.manifest()
    report = health.examine(store)
    assert (report.revision, len(report.faults)) == (None, 1), "parts that the unreadable manifest may list are no leftovers"
    assert "--to-revision 3" in report.faults[0].remedy
    assert report.faults[0].remedy.endswith("lost would be what later revisions wrote of S2 t = 0")
    assert health.repair(store, report) == []
    health.repair(store, report, to_revision=3)
    assert store.manifest().revision == 5
    assert store.manifest().samples() == ["S1"]
    assert path.exists(), "the manifest stays, for who can mend it"
    path.write_text(sound)
    assert len(store.manifest().parts) < len(json.loads(sound)["parts"])


def test_the_command(store: Store) -> None:
    def run(*arguments: str, code: int) -> str:
        done = subprocess.run(
            [COMMAND, *arguments, "--store", str(store.path)], capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stderr if code == 2 else done.stdout

    assert run("doctor", code=0).endswith(": healthy\n")
    (store.path / "graph.lbug").write_bytes(b"no database" * 1000)
    report = json.loads(run("doctor", "--json", code=1))
    assert (report["healthy"], report["revision"], report["faults"][0]["where"]) == (False, 4, "graph.lbug")
    assert "remedy: `xctgraph doctor --repair" in run("doctor", code=1)
    assert "repaired: loaded ladybug anew" in run("doctor", "--repair", code=0)
    assert "give --repair with it" in run("doctor", "--to-revision", "2", code=2)
    assert "went back to revision 2" in run("doctor", "--repair", "--to-revision", "2", code=0)


def test_another_sample_is_no_concern(store: Store) -> None:
    rewrite(store, "features", "S1", 1, volume=1.0)
    with store.write(Job("by hand")) as tx:
        for name in {p.table for p in store.manifest().select(sample="S1")} - {"jobs"}:
            tx.drop(name, sample="S1")
    assert health.examine(store).healthy


def test_a_server_whose_content_differs(made: Path, tmp_path: Path, neo4j_uri: str) -> None:
    wipe_neo4j(neo4j_uri)
    shutil.copytree(made, tmp_path / "xct.store")
    with open_store(tmp_path / "xct.store", graph=neo4j_uri) as store:
        assert health.examine(store).notes == ("neo4j: nothing loaded yet; the next query loads it",)
        store.project()
        assert faults(store) == []
        with neo4j_driver(neo4j_uri) as driver:
            driver.execute_query("MATCH (f:Feature {uid: 'S1/1/2'}) SET f.volume = f.volume + 1e-9")
            driver.execute_query("MATCH ()-[e:NEAR]->() WITH e LIMIT 1 DELETE e")
        n, near = store.read("features").num_rows, store.read("near").num_rows
        report = health.examine(store)
        assert sorted(f.what for f in report.faults) == [
            f"holds {n} Feature as the parts do, but some with other values",
            f"holds {near - 1} NEAR where the parts hold {near}",
        ]
        assert health.repair(store, report) == ["loaded neo4j anew from the parts"]
        assert faults(store) == []
        with neo4j_driver(neo4j_uri) as driver:
            driver.execute_query("MATCH (m:XctGraph) SET m.complete = false")
        assert ["load was interrupted" in fault for fault in faults(store)] == [True]
    with open_store(tmp_path / "xct.store", graph="bolt://localhost:1") as store:
        assert ["neo4j" in fault and "localhost:1" in fault for fault in faults(store)] == [True]
    wipe_neo4j(neo4j_uri)
