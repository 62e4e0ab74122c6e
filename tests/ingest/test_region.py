"""A region of interest: only it is read, and its features have the rows they have when the whole volume is ingested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xctgraph.ingest import config, pipeline, plan, volumes
from xctgraph.ingest.slabs import slabs
from xctgraph.ingest.volumes import region
from xctgraph.store import Store, open_store
from xctgraph.store.errors import InputError, ScanExists

SHAPE = (30, 40, 44)
BOX = ((3, 27), (5, 38), (9, 41))
SPACING = (2.0, 1.0, 1.5)
RADIUS = 6.0
# Ids and labels count all features of a scan; what else depends on the whole scan is looked at by itself.
OF_THE_SCAN = {"feature_id", "uid", "label", "track_id", "cluster_id", "local_density", "job_id", "border_touching"}
OF_THE_SCAN |= {"ref_z", "ref_y", "ref_x", "region_id"}


def dataset(paths: list[Path], **sample: Any) -> config.Dataset:
    return config.parse(
        {
            "sample": {"id": "S1", "voxel_size_um": list(SPACING), **sample},
            "segmentation": {"method": "mask", "kinds": {1: "inclusion", 2: "pore"}},
            "proximity": {"gap_um": 5, "density_radius_um": RADIUS},
            "scan": [{"t": t, "path": str(path)} for t, path in enumerate(paths)],
        },
        origin="test",
    )


@pytest.fixture
def paths(tmp_path: Path, rng: np.random.Generator) -> list[Path]:
    """Masks of two scans: boxes at random places, all of them shifted by one voxel along x in the second."""
    first = np.zeros(SHAPE, np.uint8)
    for z, y, x in rng.integers(1, np.array(SHAPE) - 4, (60, 3)):
        first[z : z + 2, y : y + 3, x : x + 2] = rng.integers(1, 3)
    made = [tmp_path / f"scan_{t}.npy" for t in range(2)]
    for t, path in enumerate(made):
        np.save(path, np.roll(first, t, axis=2))
    return made


def outside(array: np.ndarray) -> np.ndarray:
    """True outside of the region."""
    mask = np.ones(array.shape, bool)
    mask[tuple(slice(*span) for span in BOX)] = False
    return mask


def features(store: Store, t: int) -> pd.DataFrame:
    frame = store.read("features", sample="S1", t=t).to_pandas()
    return frame.set_index(["vz", "vy", "vx"], drop=False).sort_index()


def inside(frame: pd.DataFrame, reach_um: float = 0.0) -> pd.Series:
    """Features that lie in the region, with `reach_um` and one voxel to spare."""
    chosen = pd.Series(True, frame.index)
    for axis, (low, high), step in zip("zyx", BOX, SPACING, strict=True):
        spare = 1 + reach_um / step
        chosen &= (frame[f"bbox_{axis}_min"] >= low + spare) & (frame[f"bbox_{axis}_max"] <= high - spare)
    return chosen


def test_features_inside_have_the_rows_of_the_whole_volume(paths: list[Path], tmp_path: Path) -> None:
    with open_store(tmp_path / "whole", create=True) as whole, open_store(tmp_path / "part", create=True) as part:
        pipeline.ingest(whole, dataset(paths))
        for path in paths:
            # A value that stands for no kind: whoever reads it fails.
            mask = np.load(path)
            mask[outside(mask)] = 77
            np.save(path, mask)
        pipeline.ingest(part, dataset(paths, roi=[list(span) for span in BOX]))
        for t in range(2):
            expected, found = features(whole, t), features(part, t)
            well = expected[inside(expected)]
            same = found.loc[well.index]
            assert len(well) > 5
            columns = [name for name in expected.columns if name not in OF_THE_SCAN]
            pd.testing.assert_frame_equal(same[columns], well[columns], check_exact=True)
            far = well[inside(well, RADIUS)].index
            np.testing.assert_allclose(found.loc[far, "local_density"], expected.loc[far, "local_density"], rtol=1e-12)
            # Nothing else: the rest touches the border of the region.
            assert not same["border_touching"].any()
            assert found[~found.index.isin(well.index)]["border_touching"].all()
            assert ((found["bbox_x_min"] >= BOX[2][0]) & (found["bbox_x_max"] <= BOX[2][1])).all()
        # Labels, crops and records are in voxels of the whole volume.
        (scan,) = part.read("scans", sample="S1", t=1).to_pylist()
        assert [scan[f"n_{axis}"] for axis in "zyx"] == list(SHAPE)
        assert tuple((scan[f"roi_{axis}_min"], scan[f"roi_{axis}_max"]) for axis in "zyx") == BOX
        assert scan["material_volume"] == pytest.approx(np.prod([high - low for low, high in BOX]) * np.prod(SPACING))
        mask = np.load(paths[1])
        labels = part.labels("S1", 1).crop(0, SHAPE[0], 0, SHAPE[1], 0, SHAPE[2])
        np.testing.assert_array_equal(labels > 0, (mask > 0) & ~outside(mask))
        row = features(part, 1).iloc[0]
        crop = volumes.crop(part, row["uid"], margin=100)
        assert crop.offset == tuple(low for low, _ in BOX)
        np.testing.assert_array_equal(crop.raw, mask[tuple(slice(*span) for span in BOX)])
        assert np.count_nonzero(crop.mask) == row["n_voxels"]
        # The shift of one voxel is found in the region as in the whole volume.
        links = part.sql(
            "SELECT b.vx - a.vx AS dx FROM next n JOIN features a ON a.feature_id = n.source "
            "JOIN features b ON b.feature_id = n.target WHERE NOT a.border_touching AND NOT b.border_touching"
        )
        assert links.num_rows > 3
        assert np.median(links["dx"].to_numpy()) == pytest.approx(1)
        reference = features(part, 1)
        reference = reference[~reference["border_touching"]]
        assert np.median(reference["x"] - reference["ref_x"]) == pytest.approx(SPACING[2], abs=0.1)


def test_the_same_region_again_is_a_no_op_and_another_is_not(paths: list[Path], tmp_path: Path) -> None:
    with open_store(tmp_path / "s", create=True) as store:
        pipeline.ingest(store, dataset(paths[:1], roi="3:27, 5:38, 9:41"))
        assert [p.action for p in plan.make(store, dataset(paths[:1], roi=[list(span) for span in BOX]), replace=False)] == [
            "skip"
        ]
        for roi in ("3:27, :, 9:41", None):
            with pytest.raises(ScanExists, match=r"made with other parameters \(roi\)"):
                plan.make(store, dataset(paths[:1], roi=roi), replace=False)


def test_regions_of_one_shape_make_scans_of_other_shapes_comparable(paths: list[Path], tmp_path: Path) -> None:
    larger = tmp_path / "larger.npy"
    np.save(larger, np.pad(np.load(paths[1]), ((2, 3), (0, 0), (0, 0))))
    with pytest.raises(InputError, match=r"one shape .* give each scan a `roi` of one shape"):
        plan.make(None, dataset([paths[0], larger]), replace=False)
    plans = plan.make(None, dataset([paths[0], larger], roi="3:27, :, :"), replace=False)
    assert [p.box for p in plans] == [((3, 27), (0, 40), (0, 44))] * 2


def test_a_scan_may_have_a_region_of_its_own(paths: list[Path]) -> None:
    given = dataset(paths, roi="3:27,:,:").model_dump()
    given["scan"][1]["roi"] = "2:26,:,:"
    plans = plan.make(None, config.parse(given, origin="test"), replace=False)
    assert [p.box[0] for p in plans] == [(3, 27), (2, 26)]


@pytest.mark.parametrize(
    ("roi", "words"),
    [
        ("3:27, 5:38", r"'3:27, 5:38' is not of the form \[\[z0, z1\]"),
        ("3-27, 5:38, 1:2", "is not of the form"),
        ("27:3, :, :", r"27:3 along z does not lie in .*scan_0.npy, whose shape is \(30, 40, 44\)"),
        ([[0, 30], [0, 41], [0, 44]], r"0:41 along y .* valid are 0 <= start < stop <= 40"),
        ([[0, 30], [0, 40]], "sample.roi"),
        ([[-1, 30], [0, 40], [0, 44]], "sample.roi.*greater than or equal to 0"),
    ],
    ids=str,
)
def test_regions_that_are_none(roi: object, words: str, paths: list[Path]) -> None:
    with pytest.raises(InputError, match=words):
        plan.make(None, dataset(paths, roi=roi), replace=False)


@given(first=st.integers(0, 9), n_z=st.integers(1, 30), height=st.integers(1, 9))
def test_slabs_of_a_region_end_where_chunks_of_the_file_end(first: int, n_z: int, height: int) -> None:
    array = np.arange(40 * 2 * 2, dtype=np.int32).reshape(40, 2, 2)

    class Whole:
        path, dataset, shape, dtype, voxel_size_um, chunk_z = Path("x"), None, array.shape, array.dtype, None, height

        def read(self, z0: int, z1: int, *, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
            assert (z1 % height == 0) or z1 == first + n_z
            assert z0 % height == 0 or z0 == first
            return array[z0:z1, slice(*rows), slice(*columns)]

    opened = {"path": region.Region(Whole(), ((first, first + n_z), (0, 2), (0, 1)))}
    found = [slab.instances for slab in slabs(opened, None, height, source="path", grey=None, first=first)]
    np.testing.assert_array_equal(np.concatenate(found), array[first : first + n_z, :, :1])
