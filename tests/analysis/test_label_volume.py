"""Label volumes as other programs read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from tests import factories
from tests.ingest.labelling.oracles import components, label_volume
from xctgraph.analysis import label_volume as label_volumes
from xctgraph.analysis.label_volume import write_labels
from xctgraph.store import Job, Store, open_store
from xctgraph.store.errors import InputError

READERS = {
    "v.h5": lambda path: h5py.File(path)["labels"][:],
    "v.tif": tifffile.imread,
    "v.zarr": lambda path: zarr.open_array(path, mode="r")[:],
}


@pytest.fixture
def store(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> tuple[Store, NDArray[Any]]:
    """A store with the labels of a random volume as scan t = 0, and these labels by cc3d."""
    monkeypatch.setattr(label_volumes, "SLAB_BYTES", 5000)
    classes = (rng.random((50, 60, 60)) < 0.05).astype(np.uint8)
    made = factories.graph(rng, n_scans=1)
    made["scans"][["n_z", "n_y", "n_x"]] = classes.shape
    opened = open_store(tmp_path / "s.store", create=True)
    factories.fill(opened, made)
    with opened.write(Job("test", sample="S1")) as tx:
        tx.put("label_runs", label_volume({"classes": classes}).labels.to_table(), sample="S1", t=0)
    return opened, components(classes, 26)


@pytest.mark.parametrize("name", READERS)
def test_voxels_hold_the_labels(name: str, store: tuple[Store, NDArray[Any]], tmp_path: Path) -> None:
    opened, expected = store
    assert write_labels(opened, tmp_path / name, "S1", 0) == expected.max()
    found = READERS[name](tmp_path / name)
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found, expected)


def test_the_voxel_size_goes_along(store: tuple[Store, NDArray[Any]], tmp_path: Path) -> None:
    for name in READERS:
        write_labels(store[0], tmp_path / name, "S1", 0)
    assert h5py.File(tmp_path / "v.h5")["labels"].attrs["element_size_um"].tolist() == [2.0, 1.63, 1.63]
    assert zarr.open_array(tmp_path / "v.zarr").attrs["element_size_um"] == [2.0, 1.63, 1.63]
    with tifffile.TiffFile(tmp_path / "v.tif") as file:
        assert file.imagej_metadata["spacing"] == 2.0
        assert file.imagej_metadata["unit"] == "micron"
        numerator, denominator = file.pages[0].tags["XResolution"].value
        assert denominator / numerator == pytest.approx(1.63, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "t", "message"),
    [
        ("v.nii", 0, r"no suffix of a label volume: valid are \.h5"),
        ("v.h5", 7, r"no scan t = 7 of sample 'S1'"),
        (".", 0, "no suffix"),
    ],
)
def test_what_cannot_be_written(name: str, t: int, message: str, store: tuple[Store, NDArray[Any]], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        write_labels(store[0], tmp_path / name, "S1", t)


def test_nothing_is_overwritten(store: tuple[Store, NDArray[Any]], tmp_path: Path) -> None:
    (tmp_path / "v.tif").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_labels(store[0], tmp_path / "v.tif", "S1", 0)
    assert (tmp_path / "v.tif").read_text() == "mine"
