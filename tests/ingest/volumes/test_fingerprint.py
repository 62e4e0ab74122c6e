from __future__ import annotations

import importlib
import os
import shutil
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from xctgraph.ingest.volumes import fingerprint
from xctgraph.store.errors import VolumeError


def make_npy(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


def make_slices(path: Path, array: np.ndarray) -> Path:
    path.mkdir()
    for index, plane in enumerate(array):
        tifffile.imwrite(path / f"s{index}.tif", plane)
    return path


@pytest.mark.parametrize("make", [make_npy, make_slices])
def test_it_depends_on_content_not_on_place_or_time(make, tmp_path: Path, rng: np.random.Generator) -> None:
    array = rng.integers(0, 255, (12, 30, 30), dtype=np.uint8)
    original = make(tmp_path / "a.npy", array)
    (tmp_path / "elsewhere").mkdir()
    if original.is_dir():
        copy = Path(shutil.copytree(original, tmp_path / "elsewhere/b"))
    else:
        copy = Path(shutil.copy(original, tmp_path / "elsewhere/b.npy"))
    for file in [copy, *copy.glob("*")]:
        os.utime(file, (1, 1))
    assert fingerprint(copy) == fingerprint(original)
    assert len(fingerprint(original)) == 64
    array[5, 7, 7] += 1
    assert fingerprint(make(tmp_path / "c.npy", array)) != fingerprint(original)
    assert fingerprint(make(tmp_path / "d.npy", array[:-1])) != fingerprint(original)


def test_large_files_are_sampled_evenly(tmp_path: Path) -> None:
    path = tmp_path / "v.npy"
    np.lib.format.open_memmap(path, "w+", np.uint8, (3, 1000, 1_000_000))
    started = time.perf_counter()
    before = fingerprint(path)
    assert time.perf_counter() - started < 5
    with path.open("r+b") as file:
        for position in (200, 1_500_000_000, 2_999_999_990):
            file.seek(position)
            file.write(b"x" * 12_000_000 if position == 1_500_000_000 else b"x")
            file.flush()
            after = fingerprint(path)
            assert after != before
            before = after


def test_many_files_are_each_looked_at(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many that there is one block for each: what changes in the middle of any of them is seen."""
    module = importlib.import_module("xctgraph.ingest.volumes.fingerprint")
    monkeypatch.setattr(module, "MOST_BLOCKS", 5)
    array = rng.integers(0, 255, (5, 150, 200), dtype=np.uint8)
    before = fingerprint(make_slices(tmp_path / "a", array))
    for z in range(5):
        changed = array.copy()
        changed[z, 75] += 1
        assert fingerprint(make_slices(tmp_path / str(z), changed)) != before


def test_hdf5_counts_the_dataset_and_the_files_behind_links(tmp_path: Path, rng: np.random.Generator) -> None:
    for name in ("a", "b"):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["x"] = rng.integers(0, 100, (4, 4, 4))
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["one"] = np.zeros((4, 4, 4))
        file["two"] = h5py.ExternalLink("a.h5", "/x")
    one, two = fingerprint(f"{tmp_path}/v.h5:/one"), fingerprint(f"{tmp_path}/v.h5:/two")
    assert one != two
    shutil.copy(tmp_path / "b.h5", tmp_path / "a.h5")
    assert fingerprint(f"{tmp_path}/v.h5:/one") == one
    assert fingerprint(f"{tmp_path}/v.h5:/two") != two
    with h5py.File(tmp_path / "b.h5") as file:
        assert file["x"].shape == (4, 4, 4)
    assert fingerprint(tmp_path / "b.h5") == fingerprint(f"{tmp_path}/b.h5:/x")


def test_a_missing_volume_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="not there"):
        fingerprint(tmp_path / "v.npy")
