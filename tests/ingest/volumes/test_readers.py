from __future__ import annotations

import itertools
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.real_data import real_volume
from xctgraph.ingest.volumes import Volume, open_volume
from xctgraph.store.errors import VolumeError

DTYPES = ["bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
LOSSLESS = ("zlib", "lzw", "packbits", "lzma", "zstd", "lerc", "png", "jpeg2000", "jpegxl", "jpegxr")
NEXUS = Path(__file__).parents[4] / "shared/data/nexus/k11-18014.nxs"


def voxels(rng: np.random.Generator, dtype: str = "u2", shape: tuple[int, ...] = (7, 5, 6)) -> NDArray[np.generic]:
    return rng.integers(0, 2 if dtype == "bool" else 100, shape).astype(dtype)


def write_h5(folder: Path, array: NDArray[np.generic]) -> Path:
    with h5py.File(folder / "v.h5", "w") as file:
        file.create_dataset("entry/volume", data=array, chunks=(3, 2, 4))
    return folder / "v.h5"


def write_tiff(folder: Path, array: NDArray[np.generic], **options: object) -> Path:
    tifffile.imwrite(folder / "v.tif", array, photometric="minisblack", **options)
    return folder / "v.tif"


def write_slices(folder: Path, array: NDArray[np.generic]) -> Path:
    (folder / "slices").mkdir(exist_ok=True)
    for index, plane in enumerate(array):
        tifffile.imwrite(folder / f"slices/slice_{index}.tif", plane, photometric="minisblack")
    return folder / "slices"


def write_npy(folder: Path, array: NDArray[np.generic]) -> Path:
    np.save(folder / "v.npy", array)
    return folder / "v.npy"


def write_zarr(folder: Path, array: NDArray[np.generic]) -> Path:
    made = zarr.create_array(str(folder / "v.zarr"), shape=array.shape, dtype=array.dtype, chunks=(3, 2, 4), overwrite=True)
    made[...] = array
    return folder / "v.zarr"


WRITERS = {"h5": write_h5, "tiff": write_tiff, "slices": write_slices, "npy": write_npy, "zarr": write_zarr}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", WRITERS)
def test_every_format_gives_back_every_type(form: str, dtype: str, tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng, dtype)
    with open_volume(WRITERS[form](tmp_path, array)) as volume:
        assert isinstance(volume, Volume)
        assert (volume.shape, volume.dtype) == (array.shape, np.dtype(dtype))
        slab = volume.read(2, 6)
        assert slab.flags.c_contiguous
        assert slab.dtype == volume.dtype
        np.testing.assert_array_equal(slab, array[2:6])


@pytest.mark.parametrize("form", ["h5", "tiff", "npy"])
def test_big_endian_files_are_read_as_native(form: str, tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng).astype(">u2")
    options = {"byteorder": ">"} if form == "tiff" else {}
    with open_volume(WRITERS[form](tmp_path, array, **options)) as volume:
        assert volume.dtype.isnative
        np.testing.assert_array_equal(volume.read(0, 7), array)


@pytest.mark.parametrize("axes", ["".join(p) for p in itertools.permutations("zyx")])
@pytest.mark.parametrize("form", WRITERS)
def test_declared_axes_are_obeyed(form: str, axes: str, tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng)
    expected = np.einsum(f"{axes}->zyx", array)
    with open_volume(WRITERS[form](tmp_path, array), axes=axes) as volume:
        assert volume.shape == expected.shape
        assert 1 <= volume.chunk_z <= volume.shape[0]
        z1 = volume.shape[0] - 1
        slab = volume.read(1, z1, rows=(1, 4), columns=(2, 5))
        assert slab.flags.c_contiguous
        np.testing.assert_array_equal(slab, expected[1:z1, 1:4, 2:5])


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_slabs_of_any_height_make_up_the_volume(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    shape = data.draw(st.tuples(*[st.integers(2, 9)] * 3))
    height = data.draw(st.integers(1, 9))
    array = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    form = data.draw(st.sampled_from(sorted(set(WRITERS) - {"h5", "zarr"})))
    axes = data.draw(st.sampled_from(["zyx", "yzx", "xyz"]))
    with open_volume(WRITERS[form](tmp_path_factory.mktemp("v"), array), axes=axes) as volume:
        slabs = [volume.read(z, min(z + height, volume.shape[0])) for z in range(0, volume.shape[0], height)]
    np.testing.assert_array_equal(np.concatenate(slabs), np.einsum(f"{axes}->zyx", array))


def test_a_wrong_order_of_axes_is_an_error(tmp_path: Path, rng: np.random.Generator) -> None:
    with pytest.raises(VolumeError, match=r"axes 'zyy'.*Valid: .*yzx"):
        open_volume(write_npy(tmp_path, voxels(rng)), axes="zyy")


def test_a_range_outside_the_volume_is_an_error(tmp_path: Path, rng: np.random.Generator) -> None:
    with (
        open_volume(write_npy(tmp_path, voxels(rng))) as volume,
        pytest.raises(VolumeError, match=r"range 5 to 8 along z.*0 to 7"),
    ):
        volume.read(5, 8)


@pytest.mark.parametrize("name", ["cement", "fibers", "shell", "snow"])
def test_real_volumes_are_read_as_tifffile_reads_them(name: str) -> None:
    path = real_volume(name)
    expected = tifffile.imread(path)
    with open_volume(path) as volume:
        assert volume.shape == expected.shape
        assert volume.voxel_size_um is None
        np.testing.assert_array_equal(volume.read(3, 9), expected[3:9])


@pytest.mark.parametrize(
    "options",
    [
        *({"compression": codec} for codec in LOSSLESS),
        {"compression": "zlib", "predictor": True, "tile": (16, 16)},
        {"compression": "zstd", "bigtiff": True, "byteorder": ">"},
        {"bigtiff": True, "byteorder": ">"},
        {"bigtiff": True},
        {"imagej": True},
        {"tile": (16, 16)},
        {"tile": (16, 16), "compression": "lzw", "byteorder": ">"},
        {"ome": True},
    ],
    ids=str,
)
def test_flavours_of_tiff(options: dict[str, object], tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng, shape=(5, 40, 33))
    with open_volume(write_tiff(tmp_path, array, **options)) as volume:
        np.testing.assert_array_equal(volume.read(1, 4), array[1:4])


def test_a_tiff_written_page_by_page_is_one_volume(tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng)
    with tifffile.TiffWriter(tmp_path / "v.tif") as writer:
        for plane in array:
            writer.write(plane, contiguous=False, compression="zlib", photometric="minisblack")
    with open_volume(tmp_path / "v.tif") as volume:
        np.testing.assert_array_equal(volume.read(0, 7), array)


def test_slices_are_in_natural_order(tmp_path: Path) -> None:
    numbers = [1, 2, 3, 9, 10, 11, 100]
    for number in numbers:
        tifffile.imwrite(tmp_path / f"s{number}.tiff", np.full((3, 4), number, np.uint8))
    (tmp_path / "._s5.tiff").write_bytes(b"resource fork of another system")
    (tmp_path / "log.txt").write_text("acquired")
    with open_volume(tmp_path) as volume:
        assert volume.read(0, 7)[:, 0, 0].tolist() == numbers


def test_missing_slices_are_told(tmp_path: Path) -> None:
    for number in (1, 2, 3, 5):
        tifffile.imwrite(tmp_path / f"s{number}.tif", np.zeros((3, 4), np.uint8))
    with open_volume(tmp_path) as volume:
        assert volume.warnings == (f"{tmp_path}: slices are missing between s3.tif and s5.tif",)


def test_scales_and_inverted_greys_are_told_and_not_applied(tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng)
    tifffile.imwrite(tmp_path / "v.tif", array, photometric="miniswhite")
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["data"] = array
        file["data"].attrs.update({"scale_factor": 0.5, "add_offset": 3})
    with h5py.File(tmp_path / "fill.h5", "w") as file:
        file["data"] = array
        file["data"].attrs["_FillValue"] = np.uint16(7)
    for name, words in (
        ("v.tif", "says that 0 is white"),
        ("v.h5", "states scale_factor = 0.5, add_offset = 3: grey values"),
        ("fill.h5", "states _FillValue = 7: voxels of that value are read as grey values"),
    ):
        with open_volume(tmp_path / name) as volume:
            (warning,) = volume.warnings
            assert words in warning
            np.testing.assert_array_equal(volume.read(0, 7), array)


def spoil_shape(file: Path) -> None:
    tifffile.imwrite(file, np.zeros((4, 5), np.uint16))


def spoil_type(file: Path) -> None:
    tifffile.imwrite(file, np.zeros((5, 6), np.uint8))


def spoil_pages(file: Path) -> None:
    tifffile.imwrite(file, np.zeros((2, 5, 6), np.uint16), photometric="minisblack")


def spoil_colour(file: Path) -> None:
    tifffile.imwrite(file, np.zeros((5, 6, 3), np.uint16), photometric="rgb")


def spoil_length(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


def spoil_content(file: Path) -> None:
    file.write_bytes(b"version https://git-lfs.github.com/spec/v1")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_shape, r"slice_4.tif has shape \(4, 5\).*6 of the 7"),
        (spoil_type, r"slice_4.tif has .*uint8.*uint16"),
        (spoil_pages, r"slice_4.tif has 2 pages"),
        (spoil_colour, r"slice_4.tif has shape .*colour"),
        (spoil_length, r"slice_4.tif is cut off"),
        (spoil_content, r"slice_4.tif cannot be read as TIFF"),
    ],
)
def test_the_odd_slice_is_named(spoil, words: str, tmp_path: Path, rng: np.random.Generator) -> None:
    folder = write_slices(tmp_path, voxels(rng))
    spoil(folder / "slice_4.tif")
    with pytest.raises(VolumeError, match=words):
        open_volume(folder)


def test_two_sets_of_slices_in_a_folder_are_an_error(tmp_path: Path, rng: np.random.Generator) -> None:
    folder = write_slices(tmp_path, voxels(rng))
    for number in range(7):
        tifffile.imwrite(folder / f"mask_{number}.tif", np.zeros((5, 6), np.uint16))
    with pytest.raises(VolumeError, match=r"several sets: 7 .*#.tif, 7 .*#.tif"):
        open_volume(folder)


def test_a_folder_without_slices_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "b").mkdir()
    with pytest.raises(VolumeError, match=r"no TIFF slices.*1 folders, 1 .jpg"):
        open_volume(tmp_path)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"metadata": None, "compression": "zlib"}, {"imagej": True}])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_cut_off_tiff_is_an_error(options: dict[str, str], share: float, tmp_path: Path, rng: np.random.Generator) -> None:
    path = write_tiff(tmp_path, voxels(rng, shape=(7, 20, 20)), **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(VolumeError, match=r"cut off|damaged"):
        open_volume(path)


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [((5, 6), {}, "single image"), ((2, 3, 5, 6), {}, "rank 4"), ((5, 6, 7, 3), {"photometric": "rgb"}, "colour")],
)
def test_a_tiff_that_is_no_volume(shape: tuple[int, ...], options: dict[str, str], words: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "v.tif", np.zeros(shape, np.uint8), **({"photometric": "minisblack"} | options))
    with pytest.raises(VolumeError, match=words):
        open_volume(tmp_path / "v.tif")


def test_pages_of_different_shape_are_an_error(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "v.tif") as writer:
        for size in (5, 5, 4):
            writer.write(np.zeros((3, size, 6), np.uint8), photometric="minisblack", contiguous=False)
    with pytest.raises(VolumeError, match=r"pages of different shape.*\(3, 4, 6\)"):
        open_volume(tmp_path / "v.tif")


def test_complex_voxels_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.zeros((3, 3, 3), complex))
    with pytest.raises(VolumeError, match=r"complex128.*magnitude"):
        open_volume(tmp_path / "v.npy")


@pytest.mark.parametrize(
    ("shape", "words"), [((3, 4), "rank 2"), ((2, 3, 4, 5), "rank 4.*time series"), ((3, 0, 4), "no voxels")]
)
def test_arrays_that_are_no_volume(shape: tuple[int, ...], words: str, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.zeros(shape))
    with pytest.raises(VolumeError, match=words):
        open_volume(tmp_path / "v.npy")


def test_a_damaged_npy_is_an_error(tmp_path: Path) -> None:
    path = write_npy(tmp_path, np.zeros((9, 9, 9)))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(VolumeError, match=r"cannot be read as .npy"):
        open_volume(path)


def test_the_content_decides_not_the_extension(tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng)
    path = write_tiff(tmp_path, array).rename(tmp_path / "v.dat")
    with open_volume(path) as volume:
        np.testing.assert_array_equal(volume.read(0, 7), array)


def test_files_of_no_known_format(tmp_path: Path) -> None:
    (tmp_path / "v.vol").write_bytes(bytes(100))
    (tmp_path / "v.h5").write_bytes(b"<html>404</html>")
    (tmp_path / "v.tif").touch()
    with pytest.raises(VolumeError, match=r"no known format.*Supported: HDF5.*TIFF.*npy"):
        open_volume(tmp_path / "v.vol")
    with pytest.raises(VolumeError, match=r"not what its extension says.*<html>"):
        open_volume(tmp_path / "v.h5")
    with pytest.raises(VolumeError, match="empty"):
        open_volume(tmp_path / "v.tif")
    with pytest.raises(VolumeError, match=r"no.npy is not there; .* holds: v.h5"):
        open_volume(tmp_path / "no.npy")
    with pytest.raises(VolumeError, match=r"is one volume \(NumPy\): '/data' can be named inside files of .h5"):
        open_volume(f"{write_npy(tmp_path, np.zeros((2, 2, 2)))}:/data")


@pytest.mark.skipif(not NEXUS.exists(), reason="the shared data folder is not present")
def test_a_real_beamline_file_with_an_external_link() -> None:
    with h5py.File(NEXUS.parent / "k11-18014/k11-18014-imaging.h5") as file:
        expected = file["entry/detector/detector"][10:20]
    for source in (NEXUS, f"{NEXUS}:/entry/imaging/data"):
        with open_volume(source) as volume:
            assert (volume.shape, volume.dataset, volume.chunk_z) == ((3201, 22, 26), "/entry/imaging/data", 1)
            np.testing.assert_array_equal(volume.read(10, 20), expected)
    with pytest.raises(VolumeError, match=r"LinkamTemp is a link to .*copy that file to its place"):
        open_volume(f"{NEXUS}:/entry/EtherCAT/LinkamTemp")
