"""`[measure] split`: from the dataset to features, kinds and neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.ingest.splitting.bodies import pairs
from xctgraph.ingest import config, pipeline
from xctgraph.ingest.resources import BASE, Resources
from xctgraph.store import Store, open_store
from xctgraph.store.errors import InputError, ScanExists


@pytest.fixture
def store(tmp_path: Path) -> Store:
    with open_store(tmp_path / "s.store", create=True) as opened:
        yield opened


def dataset(path: Path, segmentation: dict[str, object] | None = None, **measure: object) -> config.Dataset:
    data = {
        "sample": {"id": "S", "voxel_size_um": 2.0, "roi": "0:,1:,2:"},
        "segmentation": segmentation or {"method": "threshold", "bright": 150, "dark": 50},
        "measure": measure,
        "scan": [{"t": 0, "path": str(path)}],
    }
    return config.parse(data, origin="test")


def test_features_of_the_kinds_asked_for_are_split(tmp_path: Path, store: Store, rng: np.random.Generator) -> None:
    bright, n = pairs(rng, 2, 8.0)
    dark, _ = pairs(rng, 2, 8.0)
    dark = np.concatenate([np.zeros_like(dark[:1]), dark])[:-1]
    grey = np.concatenate([np.where(bright > 0, 160 + bright, 100), np.where(dark > 0, 40 - dark, 100)]).astype(np.uint8)
    grey = np.pad(grey, ((0, 0), (1, 0), (2, 0)), constant_values=100)
    path = tmp_path / "v.tif"
    tifffile.imwrite(path, grey)
    (result,) = pipeline.ingest(store, dataset(path, split=["inclusion"]), resources=Resources(2, 10**9))
    found = store.read("features").to_pandas().sort_values("label")
    assert dict(found.kind.value_counts()) == {"inclusion": n, "pore": n // 2}
    assert result.n_features == n + n // 2
    assert found.n_voxels.sum() == np.count_nonzero(grey != 100)
    assert found.label.tolist() == list(range(1, len(found) + 1))
    assert found.source_label.isna().all()
    labels = store.labels("S", 0).crop(0, grey.shape[0], 0, grey.shape[1], 0, grey.shape[2])
    for row in found.itertuples():
        values = grey[labels == row.label]
        assert row.n_voxels == len(values)
        assert row.intensity_mean == pytest.approx(values.mean())
        assert row.intensity_median == np.median(values)
    # Parts of one kind do not TOUCH, they are NEAR, one voxel edge apart.
    near = store.read("near").to_pandas()
    assert (near.gap == 2.0).sum() >= n // 2
    assert store.read("touches").num_rows == 0
    with pytest.raises(ScanExists, match="split"):
        pipeline.ingest(store, dataset(path))


def test_a_mask_without_grey_values(tmp_path: Path, store: Store, rng: np.random.Generator) -> None:
    truth, n = pairs(rng, 2, 8.0)
    tifffile.imwrite(tmp_path / "v.tif", np.pad((truth > 0).astype(np.uint8) * 3, ((0, 0), (1, 0), (2, 0))))
    given = dataset(tmp_path / "v.tif", {"method": "mask", "kinds": {3: "grain"}}, split=["grain"], split_min_voxels=50)
    pipeline.ingest(store, given)
    found = store.read("features").to_pandas()
    assert set(found.kind) == {"grain"}
    assert len(found) == n
    assert found.intensity_median.isna().all()


def test_what_is_too_large_is_left_whole_with_a_warning(tmp_path: Path, store: Store) -> None:
    grey = np.full((220, 220, 220), 100, np.uint8)
    for k in range(4, 216):
        grey[k - 2 : k + 3, k - 2 : k + 3, k - 2 : k + 3] = 200
    tifffile.imwrite(tmp_path / "v.tif", grey)
    small = Resources(1, BASE + 200 * 10**6)
    (result,) = pipeline.ingest(store, dataset(tmp_path / "v.tif", split=["inclusion"]), resources=small)
    assert result.n_features == 1
    assert any("1 features are so large that telling apart" in text and "--memory" in text for text in result.warnings)


@pytest.mark.parametrize(
    ("segmentation", "split", "message"),
    [
        ({"method": "otsu"}, ["inclusions"], "`split` names 'inclusions', a kind that no feature will have: did you mean"),
        ({"method": "mask", "kinds": {1: "fibre"}}, ["inclusion"], "Valid: fibre"),
        ({"method": "labels"}, ["inclusion"], "does not go with method 'labels'"),
    ],
)
def test_kinds_that_cannot_be_split(segmentation: dict[str, object], split: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        dataset(Path("v.tif"), segmentation, split=split)
