"""The pipeline: idempotent, one revision per scan, and a scan placed anywhere in the series ends in the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.ndimage
from numpy.typing import NDArray

from xctgraph.ingest import config, pipeline
from xctgraph.store import Store, open_store, units
from xctgraph.store.errors import EngineError, InputError, ScanExists, VolumeError

SHAPE = (24, 40, 40)
TABLES = ("scans", "features", "near", "touches", "next", "fields", "tracks", "label_runs")


def _volume(rng: np.random.Generator, n: int = 25) -> NDArray[np.uint8]:
    """Class mask of small cubes: 1 inclusion, 2 pore."""
    volume = np.zeros(SHAPE, np.uint8)
    for z, y, x in rng.integers(1, np.array(SHAPE) - 4, (n, 3)):
        volume[z : z + 2, y : y + 3, x : x + 2] = rng.integers(1, 3)
    return volume


@pytest.fixture
def volumes(tmp_path: Path, rng: np.random.Generator) -> list[Path]:
    """Masks of four scans: the first one, shifted by one voxel along x at each step."""
    first = _volume(rng)
    paths = []
    for t in range(4):
        path = tmp_path / f"scan_{t}.npy"
        np.save(path, np.roll(first, t, axis=2))
        paths.append(path)
    return paths


def _dataset(paths: dict[int, Path], **changes: Any) -> config.Dataset:
    return config.parse(
        {
            "sample": {"id": "S1", "voxel_size_um": [2, 1, 1]},
            "segmentation": {"method": "mask", "kinds": {1: "inclusion", 2: "pore"}},
            "proximity": {"gap_um": 5},
            "scan": [{"t": t, "path": str(path)} for t, path in paths.items()],
            **changes,
        },
        origin="test",
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "s", create=True)


def _rows(store: Store, table: str) -> pa.Table:
    rows = store.read(table)
    keep = [name for name in rows.column_names if name not in ("job_id", "path")]
    return rows.select(keep)


def test_rows_agree_with_scipy(store: Store, volumes: list[Path]) -> None:
    (result,) = pipeline.ingest(store, _dataset({0: volumes[0]}))
    mask = np.load(volumes[0])
    counts = {kind: scipy.ndimage.label(mask == value, np.ones((3, 3, 3)))[1] for value, kind in ((1, "inclusion"), (2, "pore"))}
    features = store.read("features")
    assert result.n_features == features.num_rows == sum(counts.values())
    for kind, n in counts.items():
        assert features["kind"].to_pylist().count(kind) == n
    assert features["uid"].to_pylist() == [f"S1/0/{label}" for label in features["label"].to_pylist()]
    assert features["track_id"].equals(features["feature_id"])
    assert np.sum(features["volume"].to_numpy()) == pytest.approx(np.count_nonzero(mask) * 2)
    scan = store.read("scans").to_pylist()[0]
    assert scan["material_volume"] == mask.size * 2
    assert scan["previous_scan_id"] is None
    near = store.read("near")
    assert (near["gap"].to_numpy() <= 5).all()
    assert (near["source"].to_numpy() < near["target"].to_numpy()).all()


def test_a_sample_mask_is_the_volume_of_material(store: Store, volumes: list[Path], tmp_path: Path) -> None:
    material = np.zeros(SHAPE, np.uint8)
    material[:, 5:30] = 1
    np.save(tmp_path / "mask.npy", material)
    dataset = _dataset({}, scan=[{"t": 0, "path": str(volumes[0]), "mask": str(tmp_path / "mask.npy")}])
    pipeline.ingest(store, dataset)
    assert store.read("scans")["material_volume"].to_pylist() == [material.sum() * 2]
    assert np.sum(store.read("features")["n_voxels"].to_numpy()) == np.count_nonzero(np.load(volumes[0])[:, 5:30])


def test_the_same_again_is_a_no_op(store: Store, volumes: list[Path]) -> None:
    dataset = _dataset(dict(enumerate(volumes[:2])))
    pipeline.ingest(store, dataset)
    revision = store.manifest().revision
    again = pipeline.ingest(store, dataset)
    assert [result.action for result in again] == ["skip", "skip"]
    assert store.manifest().revision == revision


def test_what_describes_the_sample_may_change(store: Store, volumes: list[Path]) -> None:
    pipeline.ingest(store, _dataset({0: volumes[0]}))
    described = _dataset({0: volumes[0]}, sample={"id": "S1", "voxel_size_um": [2, 1, 1], "material": "AlMg"})
    assert [result.action for result in pipeline.ingest(store, described)] == ["skip"]
    assert store.cypher("MATCH (s:Sample) RETURN s.material AS m")["m"].to_pylist() == ["AlMg"]


def test_other_parameters_need_replace(store: Store, volumes: list[Path]) -> None:
    pipeline.ingest(store, _dataset({0: volumes[0]}))
    other = _dataset({0: volumes[0]}, proximity={"gap_um": 7})
    with pytest.raises(ScanExists, match=r"t = 0 of sample 'S1' .* made with other parameters .*gap_um.*: give --replace"):
        pipeline.ingest(store, other)
    with pytest.raises(ScanExists, match=r"made from another volume: give --replace"):
        pipeline.ingest(store, _dataset({0: volumes[1]}))
    assert [result.action for result in pipeline.ingest(store, other, replace=True)] == ["replace"]
    assert store.read("scans")["near_gap"].to_pylist() == [7]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_scans_may_come_in_any_order(volumes: list[Path], tmp_path: Path, order: tuple[int, ...]) -> None:
    with open_store(tmp_path / "a", create=True) as straight, open_store(tmp_path / "b", create=True) as mixed:
        pipeline.ingest(straight, _dataset(dict(enumerate(volumes))))
        for t in order:
            pipeline.ingest(mixed, _dataset({t: volumes[t]}))
        for table in TABLES:
            assert _rows(mixed, table).equals(_rows(straight, table)), table
        counts = (
            "MATCH (a:Feature)-[e:NEXT]->(b:Feature) RETURN a.t AS t, count(e) AS n, sum(e.overlap * 1.0) AS overlap ORDER BY t"
        )
        assert mixed.cypher(counts).equals(straight.cypher(counts))


def test_a_replaced_scan_equals_one_made_at_once(volumes: list[Path], tmp_path: Path, rng: np.random.Generator) -> None:
    other = tmp_path / "other.npy"
    np.save(other, _volume(rng))
    with open_store(tmp_path / "a", create=True) as straight, open_store(tmp_path / "b", create=True) as replaced:
        pipeline.ingest(straight, _dataset({0: volumes[0], 1: volumes[1], 2: volumes[2]}))
        pipeline.ingest(replaced, _dataset({0: volumes[0], 1: other, 2: volumes[2]}))
        results = pipeline.ingest(replaced, _dataset({1: volumes[1]}), replace=True)
        assert results[0].changed_tracks > 0
        for table in TABLES:
            assert _rows(replaced, table).equals(_rows(straight, table)), table
        for query in ("SELECT count(*) FROM features", "SELECT sum(overlap) FROM next"):
            assert replaced.sql(query).equals(straight.sql(query))


def test_a_rigid_shift_gives_one_track_each_and_the_reference_frame(store: Store, volumes: list[Path]) -> None:
    pipeline.ingest(store, _dataset(dict(enumerate(volumes))))
    features = store.sql("SELECT * FROM features WHERE NOT border_touching")
    shift = features["vx"].to_numpy() - features["ref_x"].to_numpy()
    np.testing.assert_allclose(shift, features["t"].to_numpy(), atol=0.05)
    lengths = store.sql("SELECT n_features, count(*) AS n FROM tracks GROUP BY ALL ORDER BY n DESC")
    assert lengths["n_features"][0].as_py() == 4


def test_the_reference_frame_is_null_where_the_displacement_is_in_doubt(store: Store, tmp_path: Path) -> None:
    for t, corner in enumerate((2, 15)):
        mask = np.zeros(SHAPE, np.uint8)
        mask[corner : corner + 3, corner : corner + 3, 4:7] = 1
        np.save(tmp_path / f"{t}.npy", mask)
    results = pipeline.ingest(store, _dataset({t: tmp_path / f"{t}.npy" for t in (0, 1)}))
    assert any("displacement" in warning for warning in results[1].warnings)
    assert store.sql("SELECT t, ref_z IS NULL AS unknown FROM features ORDER BY t")["unknown"].to_pylist() == [False, True]


def test_a_mask_in_another_role_is_another_volume(store: Store, volumes: list[Path]) -> None:
    scan = {"t": 0, "path": str(volumes[0])}
    pipeline.ingest(store, _dataset({}, scan=[{**scan, "mask": str(volumes[0])}]))
    with pytest.raises(ScanExists, match="made from another volume"):
        pipeline.ingest(store, _dataset({}, scan=[{**scan, "labels": str(volumes[0])}]))


def test_an_engine_out_of_reach_is_named_before_any_work(tmp_path: Path, volumes: list[Path]) -> None:
    with open_store(tmp_path / "s", create=True, graph="bolt://localhost:1") as store:
        with pytest.raises(EngineError, match="localhost:1"):
            pipeline.ingest(store, _dataset({0: volumes[0]}))
        assert store.manifest().revision == 0


def test_voxel_sizes_are_equal_in_any_unit(store: Store, volumes: list[Path]) -> None:
    sizes = [list(units.voxel_size_um(text)) for text in ("1.63um", "1630nm", "0.00163 mm")]
    for t, size in enumerate(sizes):
        pipeline.ingest(store, _dataset({t: volumes[t]}, sample={"id": "S1", "voxel_size_um": size}))
    assert store.read("scans").num_rows == 3


def test_a_bad_scan_leaves_the_ones_before_it(store: Store, volumes: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.npy"
    mask = np.load(volumes[1])
    mask[3, 3, 3] = 77
    np.save(bad, mask)
    with pytest.raises(InputError, match="77"):
        pipeline.ingest(store, _dataset({0: volumes[0], 1: bad}))
    assert store.read("scans")["t"].to_pylist() == [0]
    assert [result.action for result in pipeline.ingest(store, _dataset(dict(enumerate(volumes[:2]))))] == ["skip", "add"]


def test_everything_is_checked_before_any_work(store: Store, volumes: list[Path], tmp_path: Path) -> None:
    small = tmp_path / "small.npy"
    np.save(small, np.zeros((3, 40, 40), np.uint8))
    with pytest.raises(InputError, match=r"one shape \(z, y, x\), but found t = 0: \(24, 40, 40\), t = 1: \(3, 40, 40\)"):
        pipeline.ingest(store, _dataset({0: volumes[0], 1: small}))
    with pytest.raises(VolumeError, match=r"nothing\.npy"):
        pipeline.ingest(store, _dataset({0: volumes[0], 1: tmp_path / "nothing.npy"}))
    assert store.manifest().revision == 0
    pipeline.ingest(store, _dataset({0: volumes[0]}))
    with pytest.raises(InputError, match=r"voxels of \(2.0, 1.0, 1.0\) um \(z, y, x\), but \(1.0, 1.0, 1.0\) was given"):
        pipeline.ingest(store, _dataset({1: volumes[1]}, sample={"id": "S1", "voxel_size_um": 1}))
    with pytest.raises(InputError, match="found t = 0:"):
        pipeline.ingest(store, _dataset({1: small}))


def test_two_samples_in_one_store(store: Store, volumes: list[Path]) -> None:
    pipeline.ingest(store, _dataset({0: volumes[0]}))
    pipeline.ingest(store, _dataset({0: volumes[1]}, sample={"id": "S2", "voxel_size_um": 1}))
    rows = store.cypher(
        "MATCH (s:Sample)-[:HAS_SCAN]->(:Scan)-[:CONTAINS]->(f:Feature) RETURN s.sample AS s, count(f) AS n ORDER BY s"
    )
    assert rows["s"].to_pylist() == ["S1", "S2"]
    assert len(set(store.read("features")["feature_id"].to_pylist())) == sum(rows["n"].to_pylist())


def test_jobs_tell_what_made_the_rows(store: Store, volumes: list[Path]) -> None:
    pipeline.ingest(store, _dataset({0: volumes[0]}))
    (job,) = store.read("jobs").to_pylist()
    assert set(store.read("features")["job_id"].to_pylist()) == {job["job_id"]}
    assert '"gap_um": 5.0' in job["parameters"]
    assert str(volumes[0]) in job["inputs"]


def test_label_volumes_keep_their_labels(store: Store, tmp_path: Path, rng: np.random.Generator) -> None:
    labels = np.zeros(SHAPE, np.int32)
    labels[2:5, 2:5, 2:5] = 900
    labels[2:5, 2:5, 5:8] = 17
    grey = rng.integers(0, 1000, SHAPE).astype(np.uint16)
    np.save(tmp_path / "labels.npy", labels)
    np.save(tmp_path / "grey.npy", grey)
    dataset = _dataset(
        {},
        segmentation={"method": "labels", "kind": "grain", "kinds": {17: "pore", 99: "fracture"}},
        scan=[{"t": 0, "path": str(tmp_path / "grey.npy"), "labels": str(tmp_path / "labels.npy")}],
    )
    (done,) = pipeline.ingest(store, dataset)
    (warning,) = (text for text in done.warnings if "kinds" in text)
    assert "`kinds` names labels that no feature has (1, the first is 99): not in the volume" in warning
    rows = store.sql("SELECT source_label, kind, n_voxels, intensity_mean FROM features ORDER BY label").to_pylist()
    assert [(row["source_label"], row["kind"], row["n_voxels"]) for row in rows] == [(900, "grain", 27), (17, "pore", 27)]
    for row in rows:
        assert row["intensity_mean"] == pytest.approx(grey[labels == row["source_label"]].mean())
    assert store.read("touches")["contact_area"].to_pylist() == [pytest.approx(9 * 2)]
