"""Commits: what was put is there to the last bit, all of it or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests import factories
from xctgraph import Store, open_store
from xctgraph.store import Job, arrow, lock
from xctgraph.store.errors import InputError, StoreCorrupt, StoreError, StoreLocked, StoreNotFound
from xctgraph.store.schema import TABLES


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "x.store", create=True)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_was_put_is_read(store: Store, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=3, n_features=15)
    other = factories.graph(rng, sample="S2", sample_no=1, n_scans=2, n_features=5)
    factories.fill(store, made)
    factories.fill(store, other)
    for table, frame in made.frames.items():
        expected = factories.arrow(table, frame)
        found = store.read(table, sample="S1")
        assert found.schema.equals(arrow.schema(table), check_metadata=True)
        assert found.select(expected.column_names).to_pylist() == expected.to_pylist()
        assert set(found["job_id"].to_pylist()) <= {store.read("jobs", sample="S1")["job_id"][0].as_py()}
        assert store.read(table).num_rows == len(frame) + len(other[table])
    one = store.read("features", sample="S1", t=1, columns=["label", "volume"])
    assert one.column_names == ["label", "volume"]
    assert one["label"].to_pylist() == made["features"][made["features"].t == 1].label.tolist()
    manifest = store.manifest()
    assert (manifest.revision, manifest.previous, manifest.samples(), manifest.scans("S1")) == (2, 1, ["S1", "S2"], [0, 1, 2])
    store.verify()


def test_every_table_is_empty_with_its_schema_at_first(store: Store) -> None:
    for table in TABLES:
        assert store.read(table).schema.equals(arrow.schema(table), check_metadata=True)
        assert store.read(table).num_rows == 0


def test_label_runs_and_fields(store: Store, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=2, n_features=3)
    factories.fill(store, made)
    runs = {"z": [0, 0, 3], "y": [1, 2, 3], "x_start": [4, 0, 5], "x_stop": [6, 1, 9], "label": [1, 2, 1]}
    field = {name: rng.normal(size=8) for name in ("z", "y", "x", "uz", "uy", "ux")}
    with store.write(Job("test")) as tx:
        tx.put("label_runs", runs, sample="S1", t=1)
        tx.put("fields", field | {"dt": np.ones(8, int)}, sample="S1", t=0)
    labels = store.labels("S1", 1)
    assert labels.shape == (50, 60, 60)
    assert labels.label.tolist() == [1, 2, 1]
    assert np.array_equal(store.read("fields")["uz"].to_numpy(), field["uz"])
    assert store.labels("S1", 0).label.size == 0
    with pytest.raises(InputError, match=r"no scan t = 7 of sample 'S1'; it holds S1 t = 0,1"):
        store.labels("S1", 7)


def test_reads_in_a_transaction_see_what_was_staged(store: Store, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=2, n_features=5)
    factories.fill(store, made)
    rows = factories.arrow("features", made["features"][made["features"].t == 1])
    with store.write(Job("test")) as tx:
        tx.put("features", rows.slice(0, 1), sample="S1", t=1)
        tx.put("features", rows.slice(0, 2), sample="S1", t=1)
        tx.drop("features", sample="S1", t=0)
        assert tx.read("features").num_rows == 2
        assert store.read("features").num_rows == len(made["features"])
    assert store.read("features").num_rows == 2
    with store.write() as tx:
        tx.drop("features", sample="S1")
    assert store.read("features").num_rows == 0
    with pytest.raises(StoreError, match="the transaction has ended"):
        tx.put("features", rows, sample="S1", t=1)


def test_an_exception_leaves_no_trace(store: Store, rng: np.random.Generator) -> None:
    factories.fill(store, factories.graph(rng, n_scans=1, n_features=5))
    before = files(store.path)
    made = factories.graph(rng, n_scans=1, n_features=9)
    wrong = factories.arrow("features", made["features"])

    def put_and_stop(stop: type[BaseException] | None) -> None:
        with store.write(Job("test")) as tx:
            tx.put("features", wrong, sample="S1", t=0)
            tx.drop("near", sample="S1", t=0)
            if stop is not None:
                raise stop
            tx.put("features", {"label": [1]}, sample="S1", t=0)

    for stop, raised in ((KeyboardInterrupt, KeyboardInterrupt), (ValueError, ValueError), (None, InputError)):
        with pytest.raises(raised):
            put_and_stop(stop)
    assert files(store.path) == before


def test_nothing_put_is_no_revision(store: Store) -> None:
    with store.write(Job("nothing")):
        pass
    assert store.manifest().revision == 0


def test_jobs_are_kept(store: Store) -> None:
    for i in range(2):
        job = Job("study", parameters={"radius_um": 25.0, "path": Path("x")}, inputs={"a": "0" * 64}, seed=i)
        with store.write(job) as tx:
            tx.put("studies", {"study_id": [f"s{i}"], "question": ["q"], "parameters": ["{}"]}, sample=None)
    jobs = store.read("jobs").to_pylist()
    assert [job["seed"] for job in jobs] == [0, 1]
    assert json.loads(jobs[0]["parameters"]) == {"radius_um": 25.0, "path": "x"}
    assert store.read("studies")["job_id"].to_pylist() == [jobs[1]["job_id"]]
    assert jobs[0]["seconds"] >= 0
    assert jobs[0]["started_at"].endswith("+00:00")


def test_sample_numbers(store: Store) -> None:
    def put(sample: str) -> None:
        with store.write(Job("test")) as tx:
            number = tx.sample_no(sample)
            assert tx.sample_no(sample) == number
            tx.put("samples", {"sample": [sample], "sample_no": [number], **{f"voxel_{a}": [1.0] for a in "zyx"}}, sample=sample)

    with store.write() as tx:
        assert [tx.sample_no("a"), tx.sample_no("b")] == [0, 1]
    for sample in ("b", "a", "c"):
        put(sample)
    rows = store.read("samples")
    assert dict(zip(rows["sample"].to_pylist(), rows["sample_no"].to_pylist(), strict=True)) == {"b": 0, "a": 1, "c": 2}
    with store.write() as tx:
        tx.drop("samples", sample="a")
    with store.write() as tx:
        assert tx.sample_no("d") == 3
        assert tx.sample_no("c") == 2


def test_a_full_store_says_so(store: Store) -> None:
    with store.write(Job("test")) as tx:
        for i in range(512):
            tx._numbers[f"s{i}"] = i  # as many samples, without 512 commits
        with pytest.raises(StoreError, match="holds 512 samples"):
            tx.sample_no("one more")


@pytest.mark.parametrize(
    ("table", "sample", "t", "words"),
    [
        ("features", "a/b", 0, "sample name 'a/b' is not valid"),
        ("features", "", 0, "sample name '' is not valid"),
        ("features", "..", 0, "sample name '..' is not valid"),
        ("features", "a\nb", 0, "is not valid"),
        ("features", "x" * 65, 0, "is not valid"),
        ("features", None, 0, "needs a sample"),
        ("features", "S1", None, "needs a scan index"),
        ("features", "S1", 8192, "t = 8192 is out of range"),
        ("tracks", "S1", 0, "holds a whole sample"),
        ("feature", "S1", 0, "did you mean 'features'"),
    ],
)
def test_wrong_places_are_named(store: Store, table: str, sample: str | None, t: int | None, words: str) -> None:
    with pytest.raises(InputError, match=words), store.write(Job("test")) as tx:
        tx.put(table, {}, sample=sample, t=t)


def test_rows_of_another_scan_are_refused(store: Store, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=2, n_features=3)
    with (
        pytest.raises(InputError, match="rows of table 'features' have t = 0, but are put under t = 1"),
        store.write(Job("test")) as tx,
    ):
        tx.put("features", factories.arrow("features", made["features"]), sample="S1", t=1)


def test_one_writer(store: Store, tmp_path: Path) -> None:
    with store.write(), pytest.raises(StoreLocked, match=r"process \d+ on .* since") as caught, open_store(store.path).write():
        pass
    assert str(store.path) in str(caught.value)
    with store.write():
        pass
    assert not lock.is_held(store.path / "write.lock")


def test_damaged_parts_and_manifests_are_named(store: Store, rng: np.random.Generator) -> None:
    factories.fill(store, factories.graph(rng, n_scans=1, n_features=5))
    part = store.manifest().select("features")[0]
    path = store.path / part.path
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(StoreCorrupt, match=r"features S1 0, differs from its checksum"):
        store.verify()
    path.write_bytes(whole[:100])
    with pytest.raises(StoreCorrupt, match="features S1 0, cannot be read"):
        store.read("features")
    with pytest.raises(StoreCorrupt, match="another size"):
        store.project()
    path.unlink()
    with pytest.raises(StoreCorrupt, match="is missing"):
        store.read("features")
    (store.path / "manifest-1.json").write_text('{"format": 1')
    with pytest.raises(StoreCorrupt, match=r"manifest-1.json is missing or no manifest"):
        store.manifest()
    (store.path / "manifest-1.json").write_text('{"format": 99}')
    with pytest.raises(StoreError, match=r"format 99.*upgrade xctgraph"):
        store.manifest()


def test_open_store_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFound, match=r"no store at .*absent: create one with `xctgraph ingest") as caught:
        open_store(tmp_path / "absent")
    assert isinstance(caught.value, FileNotFoundError)
    assert not (tmp_path / "absent").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreNotFound, match="is a file; a store is a folder"):
        open_store(tmp_path / "file", create=True)
    with pytest.raises(InputError, match="no address of a graph server"):
        open_store(tmp_path, create=True, graph="http://localhost:7474")
    with pytest.raises(InputError) as refused:
        open_store(tmp_path, create=True, graph="htp://me:secret@host")
    assert "secret" not in str(refused.value)
    with pytest.raises(InputError, match="question mark"):
        open_store(tmp_path / "a?b", create=True)


def test_create_opens_what_is_there(store: Store, rng: np.random.Generator) -> None:
    factories.fill(store, factories.graph(rng, n_scans=1, n_features=5))
    with open_store(str(store.path), create=True) as again:
        assert again.manifest() == store.manifest()
    assert isinstance(store.read("features"), pa.Table)
