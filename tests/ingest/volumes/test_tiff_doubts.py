"""What folders of slices and TIFF tags say that would be read wrong in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from xctgraph.ingest.volumes import FileVolume, open_volume
from xctgraph.store.errors import VolumeError


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("s_{:04}_e{}", True),
        ("run3_{:04}_{}", True),
        ("s_{0:04}_t{2}", True),
        ("h{1}_s{0:02}", True),
        ("s{0}_{3}", True),
        ("s{3}_{0}", False),
    ],
)
@pytest.mark.parametrize("lost", [None, 4])
def test_numbers_that_run_together_tell_of_a_missing_slice(
    name: str, told: bool, lost: int | None, tmp_path: Path, rng: np.random.Generator
) -> None:
    times = np.cumsum(rng.integers(1000, 2000, 10))
    files = [f"{name.format(k, 3 * k, times[k], 2 - k // 5)}.tif" for k in range(10)]
    for k, file in enumerate(files):
        if k != lost:
            tifffile.imwrite(tmp_path / file, np.full((3, 4), k, np.uint8))
    with open_volume(tmp_path) as volume:
        assert isinstance(volume, FileVolume)
        text = f"{tmp_path}: slices are missing between {files[3]} and {files[5]}"
        assert volume.warnings == ((text,) if told and lost else ())


def test_a_slice_that_is_given_twice_is_named(tmp_path: Path) -> None:
    for name in ("s_6", "s_7", "s_07", "s_8"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros((3, 4), np.uint8))
    with pytest.raises(VolumeError, match=r"slice 7 is given twice, by s_0?7.tif and s_0?7.tif. Remove from the folder"):
        open_volume(tmp_path)


def test_slices_that_mean_their_grey_values_differently_are_refused(tmp_path: Path) -> None:
    for k in range(5):
        white = "miniswhite" if k == 3 else "minisblack"
        tifffile.imwrite(tmp_path / f"s{k}.tif", np.zeros((3, 4), np.uint8), photometric=white)
    with pytest.raises(VolumeError, match=r"s3.tif has shape .*, MINISWHITE, but 4 of the 5 slices .* MINISBLACK. Remove it"):
        open_volume(tmp_path)


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"photometric": "miniswhite"}, "says that 0 is white (WhiteIsZero): grey values are read as they are stored"),
        (
            {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)},
            "holds colours of a palette: their indices are read as grey values",
        ),
        (
            {"photometric": "minisblack", "extratags": [(274, "H", 1, 6, True)]},
            "says that its rows and columns are turned or mirrored (Orientation = 6): they are read as stored",
        ),
    ],
)
def test_what_a_tiff_says_and_nobody_applies_is_told(
    options: dict[str, Any], words: str, folder: bool, tmp_path: Path, rng: np.random.Generator
) -> None:
    array = rng.integers(0, 256, (4, 5, 6), dtype=np.uint8)
    path = tmp_path / "v"
    path.mkdir()
    for k, plane in enumerate(array):
        tifffile.imwrite(path / f"{k}.tif", plane, **options)
    if not folder:
        path = tmp_path / "v.tif"
        tifffile.imwrite(path, array, **options)
    with open_volume(path) as volume:
        assert isinstance(volume, FileVolume)
        assert volume.warnings == (f"{path} {words}",)
        np.testing.assert_array_equal(volume.read(0, 4), array)


def test_axes_that_a_tiff_states_are_kept(tmp_path: Path, rng: np.random.Generator) -> None:
    array = rng.integers(0, 256, (4, 5, 6), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "v.tif", array.transpose(), metadata={"axes": "XYZ"}, photometric="minisblack")
    with pytest.raises(VolumeError, match=r"v.tif says that its axes are in the order 'xyz', but 'zyx' was declared: give axes"):
        open_volume(tmp_path / "v.tif")
    with open_volume(tmp_path / "v.tif", axes="xyz") as volume:
        np.testing.assert_array_equal(volume.read(0, 4), array)


def test_pages_of_several_slices_are_not_supported(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "v.tif", np.zeros((24, 32, 32), np.uint8), tile=(16, 16, 16))
    with pytest.raises(VolumeError, match=r"several slices in one page .*, which is not supported: write a page "):
        open_volume(tmp_path / "v.tif")
