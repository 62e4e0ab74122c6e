"""Fronts and regions of a series are the same in whatever order its scans came, and after corrections are taken back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from xctgraph.ingest import config, correct, pipeline, removal
from xctgraph.store import Store, open_store

SHAPE = (24, 48, 48)
TABLES = ("features", "front_sites", "faces", "fracture_patches", "fracture_openings", "regions", "adjacent", "next_region")
CRACK = 9
PORE = 8
BY = {"author": "mk", "reason": "any"}


def write(folder: Path, t: int) -> Path:
    """A crack from the face x = 0 that is 14 + 5 t voxels deep, among six cubes that stay; a pore that it meets at t = 2."""
    path = folder / f"scan_{t}.npy"
    volume = np.zeros(SHAPE, np.uint8)
    for label, (z, y, x) in enumerate([(3, 5, 6), (3, 30, 30), (17, 8, 36), (18, 36, 10), (5, 38, 40), (19, 22, 24)], 1):
        volume[z : z + 3, y : y + 3, x : x + 3] = label
    volume[11:14, 22:26, 22:25] = PORE if t < 2 else CRACK
    volume[11:14, :, : 14 + 5 * t] = CRACK
    if t == 1:
        volume[11:14, 22:26, 22:25] = PORE
        volume[11:14, 22:26, 21] = 0
    np.save(path, volume)
    return path


def dataset(folder: Path, times: Iterable[int]) -> config.Dataset:
    return config.parse(
        {
            "sample": {"id": "S1", "voxel_size_um": [2.0, 1.5, 1.5], "load_axis": "z"},
            "segmentation": {"method": "labels", "kinds": {CRACK: "fracture", PORE: "pore"}},
            "proximity": {"gap_um": 9},
            "fractures": {"radius_um": 12, "site_spacing_um": 6, "patch_um2": 200},
            "regions": {"cell_um": 20},
            "scan": [{"t": t, "path": str(write(folder, t))} for t in times],
        },
        origin="test",
    )


def rows(store: Store) -> dict[str, pa.Table]:
    found = {}
    for name in TABLES:
        table = store.read(name).drop_columns(["job_id"])
        keys = [k for k in ("site_id", "region_id", "source", "feature_id") if k in table.column_names][:1]
        more = [k for k in ("target", "tile", "patch") if k in table.column_names]
        found[name] = table.sort_by([(k, "ascending") for k in [*keys, *more]])
    return found


def same(store: Store, wanted: dict[str, pa.Table]) -> None:
    for name, table in rows(store).items():
        assert table.num_rows, name
        assert table.equals(wanted[name]), name


@pytest.fixture
def wanted(tmp_path: Path) -> dict[str, pa.Table]:
    with open_store(tmp_path / "wanted", create=True) as store:
        pipeline.ingest(store, dataset(tmp_path, [0, 1, 2, 3]), project=False)
        return rows(store)


def test_the_order_of_scans_does_not_matter(tmp_path: Path, wanted: dict[str, pa.Table], rng: np.random.Generator) -> None:
    with open_store(tmp_path / "s", create=True) as store:
        for t in rng.permutation(4).tolist():
            pipeline.ingest(store, dataset(tmp_path, [t]), project=False)
        same(store, wanted)


def test_a_scan_that_goes_leaves_no_trace(tmp_path: Path, wanted: dict[str, pa.Table]) -> None:
    with open_store(tmp_path / "s", create=True) as store:
        pipeline.ingest(store, dataset(tmp_path, [0, 1, 2, 3, 4]), project=False)
        removal.drop_scan(store, "S1", 4)
        same(store, wanted)


def test_corrections_taken_back_leave_no_trace(tmp_path: Path, wanted: dict[str, pa.Table]) -> None:
    with open_store(tmp_path / "s", create=True) as store:
        pipeline.ingest(store, dataset(tmp_path, [0, 1, 2, 3]), project=False)
        crack = store.sql("SELECT uid FROM features WHERE t = 1 AND kind = 'fracture'")["uid"][0].as_py()
        done = correct.kind(store, crack, "pore", **BY)
        assert not [t for t in store.read("front_sites")["t"].to_pylist() if t == 1]
        assert set(store.sql("SELECT n_patches FROM features WHERE t = 1")["n_patches"].to_pylist()) == {None}
        assert not store.sql("SELECT * FROM front_sites WHERE t = 0 AND advance_um IS NOT NULL").num_rows
        correct.undo(store, done.job_id, **BY)
        same(store, wanted)


def test_the_crack_and_its_advance(wanted: dict[str, pa.Table]) -> None:
    sites = wanted["front_sites"].to_pandas()
    np.testing.assert_allclose(sites[["direction_z", "direction_y"]], 0, atol=0.05)
    depth = (14 + 5 * sites.t - 0.5) * 1.5
    away = (np.abs(sites.y / 1.5 - 23.5) > 6).to_numpy()
    np.testing.assert_allclose(sites.x[away], depth[away], atol=0.2)
    early = sites[(sites.t < 3) & away]
    np.testing.assert_allclose(early.advance_um, 7.5, atol=0.4)
    assert early.advanced.all()
    joined = sites[(sites.t == 1) & ~away]
    assert len(joined)
    # The pore ahead of the crack at t = 1 is part of it at t = 2: what it adds does not count.
    assert (joined.advance_um.dropna() < 9).all()
    fractures = wanted["features"].to_pandas().query("kind == 'fracture'")
    np.testing.assert_array_equal(fractures.n_patches, 1)
    np.testing.assert_allclose(fractures.load_angle, 0, atol=1)
    np.testing.assert_allclose(fractures.fracture_area, 48 * (14 + 5 * fractures.t) * 2.25, rtol=0.05)
    np.testing.assert_allclose(fractures.opening_mean, 6, atol=0.2)
    np.testing.assert_allclose(fractures.fracture_length, (14 + 5 * fractures.t) * 1.5, atol=4)
