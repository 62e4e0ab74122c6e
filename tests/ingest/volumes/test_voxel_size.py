from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from xctgraph.ingest.volumes import open_volume

SHAPE = (4, 5, 6)


def coordinates(file: h5py.File, units: str = "mm", spread: float = 1.0) -> None:
    file["entry/definition"] = "NXtomoproc"
    file["entry/data/data"] = np.zeros(SHAPE)
    for axis, size, step in zip("zyx", SHAPE, (0.003, 0.002, 0.001), strict=True):
        file[f"entry/data/{axis}"] = 10 - step * np.arange(size) ** spread
        file[f"entry/data/{axis}"].attrs["units"] = units


def attribute(name: str, value: object, unit: tuple[str, object] | None = None) -> Callable[[h5py.File], None]:
    def write(file: h5py.File) -> None:
        file["data"] = np.zeros(SHAPE)
        file["data"].attrs["units"] = "counts"
        file["data"].attrs[name] = value
        if unit is not None:
            file["data"].attrs[unit[0]] = unit[1]

    return write


def dxchange(units: str | None) -> Callable[[h5py.File], None]:
    def write(file: h5py.File) -> None:
        file["exchange/data"] = np.zeros(SHAPE)
        for axis, size in {"x": 1.17, "y": 1.2}.items():
            item = file.create_dataset(f"measurement/instrument/detector/actual_pixel_size_{axis}", data=[size])
            if units:
                item.attrs["units"] = units

    return write


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (coordinates, (3.0, 2.0, 1.0)),
        (lambda file: coordinates(file, units="pixel"), None),
        (lambda file: coordinates(file, spread=2.0), None),
        (attribute("voxel_size", [3.0, 2.0, 1.0], ("voxel_size_units", "um")), (3.0, 2.0, 1.0)),
        (attribute("pixel_size", 1630.0, ("pixel_size_unit", b"nm")), (1.63, 1.63, 1.63)),
        (attribute("pixel_size_um", np.float32(2.5)), (2.5, 2.5, 2.5)),
        (attribute("element_size_um", [1.0, 0.5, 0.25]), (1.0, 0.5, 0.25)),
        (attribute("voxel_size", 3.0), None),
        (attribute("voxel_size", "3 um"), (3.0, 3.0, 3.0)),
        (attribute("pixel_size", b"1630.0nm"), (1.63, 1.63, 1.63)),
        (attribute("voxel_size", "3 pixel"), None),
        (attribute("voxel_size", "about 3"), None),
        (attribute("voxel_size_um", -1.0), None),
        (attribute("voxel_size_um", [1.0, 2.0]), None),
        (dxchange("micron"), (1.2, 1.17, 1.17)),
        (dxchange(None), None),
        (attribute("long_name", "volume"), None),
    ],
    ids=[
        "tomoproc",
        "tomoproc-pixels",
        "tomoproc-uneven",
        "voxel_size",
        "pixel_size-nm",
        "pixel_size_um",
        "element_size_um",
        "no-unit",
        "text",
        "bytes",
        "text-pixels",
        "text-no-unit",
        "negative",
        "two-numbers",
        "dxchange",
        "dxchange-no-unit",
        "nothing",
    ],
)
def test_hdf5_conventions(write: Callable[[h5py.File], None], expected: object, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        write(file)
    with open_volume(tmp_path / "v.h5") as volume:
        assert volume.voxel_size_um == (None if expected is None else pytest.approx(expected, rel=1e-6))


def test_declared_axes_reorder_the_voxel_size(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        attribute("voxel_size_um", [3.0, 2.0, 1.0])(file)
    with open_volume(tmp_path / "v.h5", axes="yxz") as volume:
        assert volume.shape == (6, 4, 5)
        assert volume.voxel_size_um == (1.0, 3.0, 2.0)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"imagej": True, "resolution": (0.5, 0.25), "metadata": {"spacing": 3.0, "unit": "um"}}, (3.0, 4.0, 2.0)),
        ({"imagej": True, "resolution": (0.5, 0.5), "metadata": {"spacing": 3.0}}, None),
        ({"imagej": True, "resolution": (72, 72), "metadata": {"spacing": 1.0, "unit": "inch"}}, None),
        ({"imagej": True, "resolution": (0.5, 0.5), "metadata": {"unit": "um"}}, None),
        ({"resolution": (100, 100), "resolutionunit": "CENTIMETER"}, None),
        (
            {
                "ome": True,
                "metadata": {"PhysicalSizeX": 1.5, "PhysicalSizeY": 2.5, "PhysicalSizeZ": 3500, "PhysicalSizeZUnit": "nm"},
            },
            (3.5, 2.5, 1.5),
        ),
        ({"ome": True, "metadata": {"PhysicalSizeX": 1.5, "PhysicalSizeY": 2.5}}, None),
        ({"ome": True}, None),
    ],
    ids=[
        "imagej",
        "imagej-no-unit",
        "imagej-dots-per-inch",
        "imagej-no-spacing",
        "resolution-only",
        "ome",
        "ome-no-z",
        "ome-none",
    ],
)
def test_tiff_tags(options: dict[str, object], expected: object, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "v.tif", np.zeros(SHAPE, np.uint8), photometric="minisblack", **options)
    with open_volume(tmp_path / "v.tif") as volume:
        assert volume.voxel_size_um == (None if expected is None else pytest.approx(expected, rel=1e-6))
