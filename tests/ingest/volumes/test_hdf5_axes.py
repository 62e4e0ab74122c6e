"""An order of axes that an HDF5 file states must be the declared one."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from xctgraph.ingest.volumes import open_volume
from xctgraph.store.errors import VolumeError

STEPS = {"z": 2.0, "y": 1.5, "x": 1.0}
Say = Callable[[h5py.Group, h5py.Dataset, str], None]


def _nxdata(group: h5py.Group, data: h5py.Dataset, order: str) -> None:
    group.attrs.update({"NX_class": "NXdata", "signal": "data", "axes": list(order)})


def _legacy(group: h5py.Group, data: h5py.Dataset, order: str) -> None:
    data.attrs.update({"signal": 1, "axes": np.bytes_(":".join(order))})


def _labels(group: h5py.Group, data: h5py.Dataset, order: str) -> None:
    for dimension, axis in zip(data.dims, order, strict=True):
        dimension.label = axis


def _lengths(group: h5py.Group, data: h5py.Dataset, order: str) -> None:
    """Nothing but coordinates of as many values as the data are long."""


def _write(path: Path, array: np.ndarray, order: str, say: Say) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        data = group.create_dataset("data", data=np.einsum(f"zyx->{order}", array))
        for axis, n in zip("zyx", array.shape, strict=True):
            group[axis] = np.arange(n) * STEPS[axis]
            group[axis].attrs["units"] = "um"
        say(group, data, order)


@pytest.mark.parametrize("say", [_nxdata, _legacy, _labels, _lengths])
@pytest.mark.parametrize("order", ["".join(p) for p in itertools.permutations("zyx")])
def test_only_the_stated_order_is_read(order: str, say: Say, tmp_path: Path, rng: np.random.Generator) -> None:
    array = rng.integers(0, 1000, (5, 7, 6), dtype=np.uint16)
    path = tmp_path / "v.h5"
    _write(path, array, order, say)
    with open_volume(path, axes=order) as volume:
        assert volume.voxel_size_um == (2.0, 1.5, 1.0)
        np.testing.assert_array_equal(volume.read(0, 5), array)
    for other in ("".join(p) for p in itertools.permutations("zyx") if "".join(p) != order):
        words = f"v.h5:/entry/data/data says that its axes are in the order '{order}', but '{other}' was declared: give axes = "
        with pytest.raises(VolumeError, match=words + f"'{order}'"):
            open_volume(path, axes=other)


def test_a_cube_says_its_order_by_name_alone(tmp_path: Path) -> None:
    """Lengths tell nothing where they are equal."""
    cube = np.arange(125, dtype=np.uint16).reshape(5, 5, 5)
    _write(tmp_path / "v.h5", cube, "xyz", _nxdata)
    with pytest.raises(VolumeError, match="give axes = 'xyz'"):
        open_volume(tmp_path / "v.h5")
    _write(tmp_path / "v.h5", cube, "xyz", _lengths)
    open_volume(tmp_path / "v.h5").close()


@pytest.mark.parametrize("axes", [["slice", "y", "x"], ["x", "y"], ["x", "x", "x"], "", "data"])
def test_other_names_state_no_order(axes: object, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["data"] = np.zeros((4, 5, 6), np.uint8)
        file.attrs.update({"signal": "data", "axes": axes})
    open_volume(tmp_path / "v.h5").close()
    open_volume(tmp_path / "v.h5", axes="xyz").close()


def test_axes_of_another_signal_do_not_count(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["data"], file["other"] = np.zeros((4, 5, 6), np.uint8), np.zeros((4, 5, 6), np.uint8)
        file.attrs.update({"signal": "other", "axes": list("xyz")})
    open_volume(f"{tmp_path}/v.h5:/data").close()
    with pytest.raises(VolumeError, match="give axes = 'xyz'"):
        open_volume(f"{tmp_path}/v.h5:/other")
