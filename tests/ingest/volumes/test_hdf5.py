from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest
from numpy.typing import NDArray

from xctgraph.ingest.volumes import open_volume
from xctgraph.store.errors import VolumeError


@pytest.fixture
def array(rng: np.random.Generator) -> NDArray[np.uint16]:
    return rng.integers(0, 1000, (7, 5, 6), dtype=np.uint16)


def dataset_of(path: Path | str) -> str | None:
    with open_volume(path) as volume:
        return volume.dataset


def test_tomoproc_wins_over_everything_else(tmp_path: Path, array: NDArray[np.uint16]) -> None:
    with h5py.File(tmp_path / "v.nxs", "w") as file:
        file["data"] = array
        file["raw/projections"] = np.zeros((9, 9, 9))
        entry = file.create_group("entry")
        entry["definition"] = "NXtomoproc"
        entry["data/data"] = array
    assert dataset_of(tmp_path / "v.nxs") == "/entry/data/data"


def test_tomoproc_by_class_and_signal(tmp_path: Path, array: NDArray[np.uint16]) -> None:
    with h5py.File(tmp_path / "v.nxs", "w") as file:
        group = file.create_group("scan/reconstruction")
        group.attrs["NX_class"] = "NXtomoproc"
        group["data/volume"] = array
        group["data/errors"] = array
        group["data"].attrs["signal"] = np.bytes_("volume")
    assert dataset_of(tmp_path / "v.nxs") == "/scan/reconstruction/data/volume"


@pytest.mark.parametrize("name", ["/data", "/exchange/data"])
def test_conventional_paths_win_over_other_candidates(name: str, tmp_path: Path, array: NDArray[np.uint16]) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file[name] = array
        file["other"] = array
    assert dataset_of(tmp_path / "v.h5") == name


def test_the_only_candidate_is_taken(tmp_path: Path, array: NDArray[np.uint16]) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["a/b/recon"] = array
        file["a/flat"] = array[:1]
        file["a/angles"] = array[0, 0]
        file["a/complex"] = array.astype(complex)
        file["a/names"] = np.full((2, 2, 2), "x", dtype="S1")
        file["soft"] = h5py.SoftLink("/a/b/recon")
        file["loop"] = h5py.SoftLink("/a")
        file["a/up"] = h5py.SoftLink("/")
        file["broken"] = h5py.ExternalLink("missing.h5", "/data")
    with open_volume(tmp_path / "v.h5") as volume:
        np.testing.assert_array_equal(volume.read(0, 7), array)
        assert volume.dataset == "/soft"


def test_several_candidates_are_listed(tmp_path: Path, array: NDArray[np.uint16]) -> None:
    path = tmp_path / "v.h5"
    with h5py.File(path, "w") as file:
        file["one"] = array
        file["two/x"] = array.astype("f4")
    with pytest.raises(VolumeError) as caught:
        open_volume(path)
    assert f"{path}:/one (7, 5, 6) uint16" in str(caught.value)
    assert f"{path}:/two/x (7, 5, 6) float32" in str(caught.value)
    assert dataset_of(f"{path}:/two/x") == "/two/x"
    assert dataset_of(f"{path}:one") == "/one"
    assert dataset_of(f"{path}:/two") == "/two/x"


def test_the_default_of_nexus_is_followed(tmp_path: Path, array: NDArray[np.uint16]) -> None:
    with h5py.File(tmp_path / "v.nxs", "w") as file:
        for name in ("first", "second"):
            file[f"entry/{name}/volume"] = array
            file[f"entry/{name}"].attrs.update({"NX_class": "NXdata", "signal": "volume"})
        file["entry/plot/line"] = array[0, 0]
        file["entry/plot"].attrs["signal"] = "line"
        file.attrs["default"] = "entry"
        file["entry"].attrs["default"] = "second"
    assert dataset_of(tmp_path / "v.nxs") == "/entry/second/volume"
    for default in ("plot", "nowhere", "."):
        with h5py.File(tmp_path / "v.nxs", "a") as file:
            file["entry"].attrs["default"] = default
        with pytest.raises(VolumeError, match="holds 2 datasets that may be the volume"):
            open_volume(tmp_path / "v.nxs")


def test_the_default_of_nexus_goes_before_conventional_paths(tmp_path: Path, array: NDArray[np.uint16]) -> None:
    with h5py.File(tmp_path / "v.nxs", "w") as file:
        file["data"], file["entry/group/volume"] = array[::-1], array
        file.attrs["default"], file["entry"].attrs["default"] = "entry", "group"
        file["entry/group"].attrs["signal"] = "volume"
    with open_volume(tmp_path / "v.nxs") as volume:
        np.testing.assert_array_equal(volume.read(0, 7), array)


def _nxtomo(file: h5py.File, array: NDArray[np.uint16]) -> None:
    file["entry/definition"] = "NXtomo"
    file["entry/data/data"] = array
    file["entry/data/rotation_angle"] = np.linspace(0, 180, len(array))
    file["entry/data"].attrs["signal"] = "data"


def _image_key(file: h5py.File, array: NDArray[np.uint16]) -> None:
    file["scan/frames"] = array
    file["scan/image_key"] = np.zeros(len(array), int)


def _axis_of_angles(file: h5py.File, array: NDArray[np.uint16]) -> None:
    file["exchange/data"] = array
    file["exchange/data"].attrs["axes"] = "theta:y:x"


def _flats(file: h5py.File, array: NDArray[np.uint16]) -> None:
    file["exchange/data"], file["exchange/data_white"] = array, array[:2]
    file["exchange/theta"] = np.linspace(0, 180, len(array))


def _detector(file: h5py.File, array: NDArray[np.uint16]) -> None:
    file["entry/definition"] = "NXtomo"
    file["entry/instrument/detector/data"] = array
    file["entry/instrument/detector"].attrs["NX_class"] = "NXdetector"


@pytest.mark.parametrize("write", [_nxtomo, _image_key, _axis_of_angles, _flats, _detector])
def test_projections_are_no_volume(
    write: Callable[[h5py.File, NDArray[np.uint16]], None], tmp_path: Path, array: NDArray[np.uint16]
) -> None:
    with h5py.File(tmp_path / "v.nxs", "w") as file:
        write(file, array)
    with pytest.raises(VolumeError, match=r"holds projections, not a reconstructed volume .*: give the file that the"):
        open_volume(tmp_path / "v.nxs")
    with h5py.File(tmp_path / "v.nxs", "a") as file:
        file["processed/definition"] = "NXtomoproc"
        file["processed/data/data"] = array
    assert dataset_of(tmp_path / "v.nxs") == "/processed/data/data"


def test_datasets_of_another_rank_are_named_with_their_shape(tmp_path: Path, array: NDArray[np.uint16]) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["entry/data"] = array[None]
        file["entry/angles"] = array[0, 0]
    words = r"no numeric dataset of rank 3 .*but /entry/data \(1, 7, 5, 6\) uint16. Write the volume with its three axes alone"
    with pytest.raises(VolumeError, match=words):
        open_volume(tmp_path / "v.h5")


def test_external_and_soft_links_are_followed(tmp_path: Path, array: NDArray[np.uint16]) -> None:
    (tmp_path / "sub").mkdir()
    with h5py.File(tmp_path / "sub/target.h5", "w") as file:
        file["deep/volume"] = array
        file["alias"] = h5py.SoftLink("/deep/volume")
    with h5py.File(tmp_path / "v.nxs", "w") as file:
        file["entry/link"] = h5py.ExternalLink("sub/target.h5", "/alias")
    with open_volume(tmp_path / "v.nxs") as volume:
        assert volume.dataset == "/entry/link"
        np.testing.assert_array_equal(volume.read(3, 5), array[3:5])
    (tmp_path / "sub/target.h5").unlink()
    with pytest.raises(VolumeError, match=r"no numeric dataset of rank 3.*"):
        open_volume(tmp_path / "v.nxs")
    with pytest.raises(VolumeError, match=r"entry/link is a link to sub/target.h5:/alias, which cannot be opened: copy"):
        open_volume(f"{tmp_path}/v.nxs:/entry/link")


def test_a_wrong_path_names_what_is_there(tmp_path: Path, array: NDArray[np.uint16]) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["entry/volume"] = array
        file["soft"] = h5py.SoftLink("/nowhere")
    with pytest.raises(VolumeError, match=r"no '/entry/data': /entry holds: volume \(7, 5, 6\) uint16"):
        open_volume(f"{tmp_path}/v.h5:/entry/data")
    with pytest.raises(VolumeError, match=r"/entry/volume is a dataset"):
        open_volume(f"{tmp_path}/v.h5:/entry/volume/data")
    with pytest.raises(VolumeError, match=r"leads nowhere"):
        open_volume(f"{tmp_path}/v.h5:/soft")
    with pytest.raises(VolumeError, match=r"is not there"):
        open_volume(f"{tmp_path}/other.h5:/entry/data")


@pytest.mark.parametrize(("shape", "words"), [((3, 4), "rank 2"), ((2, 3, 4, 5), "rank 4"), ((0, 4, 4), "no voxels")])
def test_a_named_dataset_that_is_no_volume(shape: tuple[int, ...], words: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["x"] = np.zeros(shape)
    with pytest.raises(VolumeError, match=words):
        open_volume(f"{tmp_path}/v.h5:/x")


def test_a_cut_off_file_is_an_error(tmp_path: Path, array: NDArray[np.uint16]) -> None:
    path = tmp_path / "v.h5"
    with h5py.File(path, "w") as file:
        file["x"] = array
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(VolumeError, match=r"damaged or still being written.*truncated"):
        open_volume(path)


@pytest.mark.parametrize("codec", [hdf5plugin.Blosc(cname="zstd"), hdf5plugin.Bitshuffle(), hdf5plugin.LZ4(), hdf5plugin.Zstd()])
def test_plugin_compression(codec: object, tmp_path: Path, array: NDArray[np.uint16]) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_dataset("x", data=array, chunks=(2, 5, 6), compression=codec)
    with open_volume(tmp_path / "v.h5") as volume:
        assert volume.chunk_z == 2
        np.testing.assert_array_equal(volume.read(1, 6), array[1:6])


def test_a_missing_filter_is_named(tmp_path: Path, array: NDArray[np.uint16]) -> None:
    path = tmp_path / "v.h5"
    with h5py.File(path, "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((2, 5, 6))
        # An optional filter need not be there to write, so that a file with an unknown one can be made.
        properties.set_filter(32999, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple(array.shape)
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_UINT16, space, properties)
    with pytest.raises(VolumeError, match=r"filter 32999 .*not available.*HDF5_PLUGIN_PATH"):
        open_volume(path)


def test_a_virtual_dataset_needs_its_sources(tmp_path: Path, array: NDArray[np.uint16]) -> None:
    with h5py.File(tmp_path / "part.h5", "w") as file:
        file["x"] = array
    layout = h5py.VirtualLayout(array.shape, array.dtype)
    layout[:] = h5py.VirtualSource("part.h5", "x", array.shape)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_virtual_dataset("x", layout)
    with open_volume(tmp_path / "v.h5") as volume:
        np.testing.assert_array_equal(volume.read(0, 7), array)
    (tmp_path / "part.h5").unlink()
    with pytest.raises(VolumeError, match=r"source file .*part.h5 is missing"):
        open_volume(tmp_path / "v.h5")


def test_chunk_z_follows_the_axes(tmp_path: Path, array: NDArray[np.uint16]) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_dataset("x", data=array, chunks=(4, 2, 3))
    for axes, chunk in {"zyx": 4, "yzx": 2, "xyz": 3}.items():
        with open_volume(tmp_path / "v.h5", axes=axes) as volume:
            assert volume.chunk_z == chunk
