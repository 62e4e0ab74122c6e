"""Zarr 2 and 3 and OME-Zarr: which array, which axes, which voxel size; nothing missing or damaged passes for data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec

from xctgraph.ingest.volumes import Volume, fingerprint, open_volume
from xctgraph.store.errors import VolumeError

FORMATS = (2, 3)
SCALE = (3.0, 2.0, 1.5)


def voxels(rng: np.random.Generator, shape: tuple[int, ...] = (7, 5, 6), dtype: str = "u2") -> NDArray[Any]:
    return rng.integers(1, 2 if dtype == "bool" else 100, shape).astype(dtype)


def write_array(path: Path, array: NDArray[Any], zarr_format: int = 3, **options: Any) -> Path:
    options = {"chunks": (3, 2, 4)[-array.ndim :] if array.ndim <= 3 else (1,) * (array.ndim - 3) + (3, 2, 4)} | options
    made = zarr.create_array(str(path), shape=array.shape, dtype=array.dtype, zarr_format=zarr_format, **options)
    made[...] = array
    return path


def write_ome(
    path: Path,
    levels: list[NDArray[Any]],
    *,
    version: str = "0.5",
    unit: str | None = "micrometer",
    axes: str = "zyx",
    scale: tuple[float, ...] = SCALE,
    image_scale: tuple[float, ...] | None = None,
) -> Path:
    """An image as the NGFF specification describes it; each level has half the resolution of the one before."""
    zarr_format = 3 if version == "0.5" else 2
    group = zarr.open_group(str(path), mode="a", zarr_format=zarr_format)
    types = {"t": "time", "c": "channel"}
    described = [
        {"name": a, "type": types.get(a, "space")} | ({"unit": unit} if unit is not None and a in "zyx" else {}) for a in axes
    ]
    datasets = []
    for level, array in enumerate(levels):
        write_array(path / str(level), array, zarr_format)
        factors = [s * (2**level if a in "zyx" else 1) for s, a in zip(scale, axes, strict=True)]
        datasets.append({"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": factors}]})
    image: dict[str, Any] = {"axes": described, "datasets": datasets, "name": "volume"}
    if image_scale:
        image["coordinateTransformations"] = [{"type": "scale", "scale": list(image_scale)}]
    if version == "0.5":
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    else:
        group.attrs["multiscales"] = [image | {"version": version}]
    return path


def read(source: Path | str, axes: str = "zyx") -> NDArray[Any]:
    with open_volume(source, axes=axes) as volume:
        assert isinstance(volume, Volume)
        assert volume.warnings == ()
        return volume.read(0, volume.shape[0])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_level_0_of_an_image_with_its_voxel_size(version: str, tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng, (8, 6, 6))
    path = write_ome(tmp_path / "v.ome.zarr", [array, array[::2, ::2, ::2]], version=version)
    with open_volume(path) as volume:
        assert (volume.shape, volume.chunk_z, volume.voxel_size_um) == (array.shape, 3, SCALE)
        slab = volume.read(1, 6, rows=(1, 4), columns=(2, 6))
        assert slab.flags.c_contiguous
        np.testing.assert_array_equal(slab, array[1:6, 1:4, 2:6])
    # Other levels by their path, as a folder or inside the store.
    for source in (path / "1", f"{path}:/1", f"{path}:1"):
        np.testing.assert_array_equal(read(source), array[::2, ::2, ::2])
        with open_volume(source) as volume:
            assert volume.voxel_size_um == tuple(2 * size for size in SCALE)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"unit": "nanometer", "scale": (3000, 2000, 1500)}, SCALE),
        ({"scale": (1.5, 1, 0.5), "image_scale": (2, 2, 3)}, SCALE),
        ({"unit": None}, None),
        ({"unit": "second"}, None),
        ({"scale": (0, 2, 1)}, None),
    ],
    ids=["nanometer", "scale-of-the-image", "no-unit", "no-length", "zero"],
)
def test_scale_and_unit(options: dict[str, Any], expected: object, tmp_path: Path, rng: np.random.Generator) -> None:
    with open_volume(write_ome(tmp_path / "v.zarr", [voxels(rng)], **options)) as volume:
        assert volume.voxel_size_um == expected


def test_an_affine_transformation_is_told_and_gives_no_voxel_size(tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng)
    group = zarr.open_group(str(write_ome(tmp_path / "v.zarr", [array])), mode="a")
    described = dict(group.attrs["ome"])
    affine = {"type": "affine", "affine": [[2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]}
    described["multiscales"][0]["coordinateTransformations"] = [affine]
    group.attrs["ome"] = described
    with open_volume(tmp_path / "v.zarr") as volume:
        assert volume.voxel_size_um is None
        (warning,) = volume.warnings
        assert "states coordinate transformations (affine) that are not applied" in warning
        np.testing.assert_array_equal(volume.read(0, 7), array)


@pytest.mark.parametrize("names", [("z", "y", "y"), ("Z", "y", "z")])
def test_an_axis_that_is_named_twice_is_an_error(names: tuple[str, ...], tmp_path: Path, rng: np.random.Generator) -> None:
    write_array(tmp_path / "v.zarr", voxels(rng), dimension_names=names)
    with pytest.raises(VolumeError, match=r"is named twice, so that their order is not known. Correct the names"):
        open_volume(tmp_path / "v.zarr")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_time_series_is_read_one_time_at_a_time(version: str, tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng, (4, 2, 7, 5, 6))
    path = write_ome(tmp_path / "v.zarr", [array], version=version, axes="tczyx", scale=(60, 1, *SCALE))
    with pytest.raises(VolumeError, match=r"holds 4 volumes along its axis 't'.*v.zarr:/0:t=0 … .*v.zarr:/0:t=3"):
        open_volume(path)
    with pytest.raises(VolumeError, match=r"holds 2 volumes along its axis 'c'.*v.zarr:/0:t=1,c=0"):
        open_volume(f"{path}:t=1")
    with pytest.raises(VolumeError, match=r"no t = 4: valid are t = 0 to 3"):
        open_volume(f"{path}:t=4,c=0")
    with pytest.raises(VolumeError, match=r"no axis 'q' to choose from: .*Valid: c, t"):
        open_volume(f"{path}:q=4")
    with pytest.raises(VolumeError, match=r"'t=x' is not of the form AXIS=INDEX"):
        open_volume(f"{path}:t=x")
    prints = set()
    for t in range(4):
        for source in (f"{path}:t={t},c=1", f"{path}:/0:c=1,t={t}"):
            np.testing.assert_array_equal(read(source), array[t, 1])
        with open_volume(f"{path}:t={t},c=1") as volume:
            assert volume.voxel_size_um == SCALE
            prints.add(fingerprint(volume))
    assert len(prints) == 4


def test_axes_of_length_1_need_no_choice(tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng, (1, 1, 7, 5, 6))
    np.testing.assert_array_equal(read(write_ome(tmp_path / "v.zarr", [array], axes="tczyx", scale=(1, 1, *SCALE))), array[0, 0])


def test_the_axes_that_the_store_names_must_be_those_declared(tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng)
    path = write_ome(tmp_path / "v.zarr", [array], axes="xyz")
    with pytest.raises(VolumeError, match=r"order 'xyz', but 'zyx' was declared: give axes = 'xyz'"):
        open_volume(path)
    np.testing.assert_array_equal(read(path, "xyz"), array.transpose(2, 1, 0))
    with open_volume(path, axes="xyz") as volume:
        assert volume.voxel_size_um == SCALE[::-1]
    with pytest.raises(VolumeError, match=r"its axes are t, y, x: a volume has z, y and x"):
        open_volume(write_ome(tmp_path / "w.zarr", [array], axes="tyx"))


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_a_plain_array_anywhere(zarr_format: int, tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng)
    np.testing.assert_array_equal(read(write_array(tmp_path / "alone.zarr", array, zarr_format)), array)
    root = zarr.open_group(str(tmp_path / "g.zarr"), mode="w", zarr_format=zarr_format)
    root.create_group("a/b")
    write_array(tmp_path / "g.zarr/a/b/volume", array, zarr_format)
    write_array(tmp_path / "g.zarr/a/angles", array[0, 0], zarr_format, chunks=(6,))
    for source in (
        tmp_path / "g.zarr",
        f"{tmp_path}/g.zarr:/a",
        f"{tmp_path}/g.zarr:/a/b/volume",
        tmp_path / "g.zarr/a/b/volume",
    ):
        np.testing.assert_array_equal(read(source), array)
    write_array(tmp_path / "g.zarr/second", array, zarr_format)
    with pytest.raises(VolumeError, match=r"(?s)2 arrays that may be.*g.zarr:/a/b/volume \(7, 5, 6\) uint16.*g.zarr:/second"):
        open_volume(tmp_path / "g.zarr")
    with pytest.raises(VolumeError, match=r"no 'a/c': /a holds: angles \(6,\) uint16, b/"):
        open_volume(f"{tmp_path}/g.zarr:/a/c")
    with pytest.raises(VolumeError, match=r"/a/angles is an array and holds nothing"):
        open_volume(f"{tmp_path}/g.zarr:/a/angles/x")
    with pytest.raises(VolumeError, match=r"rank 1"):
        open_volume(f"{tmp_path}/g.zarr:/a/angles")


def test_the_only_image_of_a_collection(tmp_path: Path, rng: np.random.Generator) -> None:
    """As bioformats2raw lays it out; labels inside an image are no image of the collection."""
    array = voxels(rng)
    root = zarr.open_group(str(tmp_path / "v.zarr"), mode="w", zarr_format=3)
    root.attrs["ome"] = {"version": "0.5", "bioformats2raw.layout": 3}
    write_ome(tmp_path / "v.zarr/0", [array])
    zarr.open_group(str(tmp_path / "v.zarr/0/labels"), mode="w", zarr_format=3)
    write_ome(tmp_path / "v.zarr/0/labels/pores", [array // 2])
    np.testing.assert_array_equal(read(tmp_path / "v.zarr"), array)
    np.testing.assert_array_equal(read(f"{tmp_path}/v.zarr:/0/labels/pores"), array // 2)
    write_ome(tmp_path / "v.zarr/1", [array])
    with pytest.raises(VolumeError, match=r"(?s)v.zarr:/0/0 OME-Zarr image volume.*v.zarr:/1/0"):
        open_volume(tmp_path / "v.zarr")


V2 = {
    "blosc-zstd": numcodecs.Blosc("zstd"),
    "blosc-lz4": numcodecs.Blosc("lz4"),
    "zlib": numcodecs.Zlib(),
    "lz4": numcodecs.LZ4(),
    "bz2": numcodecs.BZ2(),
    "lzma": numcodecs.LZMA(),
    "none": None,
}
V3 = {
    "blosc-zstd": BloscCodec(cname="zstd"),
    "gzip": GzipCodec(),
    "zstd-checksum": ZstdCodec(checksum=True),
    "zstd-crc32c": (ZstdCodec(), Crc32cCodec()),
    "none": None,
}


# Named, since the words a codec prints for itself change from process to process.
@pytest.mark.parametrize(
    ("zarr_format", "codec"),
    [
        pytest.param(zarr_format, codec, id=f"{zarr_format}-{name}")
        for zarr_format, codecs in ((2, V2), (3, V3))
        for name, codec in codecs.items()
    ],
)
def test_compression(zarr_format: int, codec: Any, tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng)
    np.testing.assert_array_equal(read(write_array(tmp_path / "v.zarr", array, zarr_format, compressors=codec)), array)


def test_old_ways_of_storing(tmp_path: Path, rng: np.random.Generator) -> None:
    """Shards, Fortran order, big-endian, keys with slashes, and what xarray writes."""
    array = voxels(rng)
    np.testing.assert_array_equal(read(write_array(tmp_path / "s.zarr", array, chunks=(1, 2, 2), shards=(4, 4, 4))), array)
    with open_volume(tmp_path / "s.zarr") as volume:
        assert volume.chunk_z == 4
    big = array.astype(">u2")
    keys = {"name": "v2", "separator": "/"}
    path = write_array(
        tmp_path / "f.zarr", big, 2, order="F", chunk_key_encoding=keys, attributes={"_ARRAY_DIMENSIONS": list("zyx")}
    )
    assert (path / "0/0/0").is_file()
    np.testing.assert_array_equal(read(path), array)
    with pytest.raises(VolumeError, match="order 'zyx', but 'xyz' was declared"):
        open_volume(path, axes="xyz")


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_a_zipped_store(zarr_format: int, tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng)
    write_ome(tmp_path / "v.zarr", [array, array[::2]], version={2: "0.4", 3: "0.5"}[zarr_format])
    path = Path(shutil.make_archive(str(tmp_path / "v.zarr"), "zip", tmp_path / "v.zarr"))
    np.testing.assert_array_equal(read(path), array)
    np.testing.assert_array_equal(read(f"{path}:/1"), array[::2])
    assert len(fingerprint(path)) == 64
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(VolumeError, match=r"v.zarr.zip cannot be read, it is damaged"):
        open_volume(path)


def test_a_fingerprint_sees_every_chunk(tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng)
    before = fingerprint(write_array(tmp_path / "a.zarr", array))
    assert fingerprint(write_array(tmp_path / "b.zarr", array)) == before
    array[-1, -1, -1] += 1
    assert fingerprint(write_array(tmp_path / "c.zarr", array)) != before


def chunk_files(path: Path, zarr_format: int) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith((".z", "zarr.json")))


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_missing_chunks_are_told(zarr_format: int, tmp_path: Path, rng: np.random.Generator) -> None:
    array = voxels(rng)
    path = write_array(tmp_path / "v.zarr", array, zarr_format, fill_value=0)
    files = chunk_files(path, zarr_format)
    files[0].unlink()
    with open_volume(path) as volume:
        (warning,) = volume.warnings
        np.testing.assert_array_equal(volume.read(0, 7)[3:], array[3:])
    assert f"1 of {len(files)} chunks are not there" in warning
    assert "read as the fill value 0" in warning
    for file in files[1:]:
        file.unlink()
    with pytest.raises(VolumeError, match=rf"{len(files)} of {len(files)} chunks are not there .*holds no data"):
        open_volume(path)


def test_a_missing_chunk_without_a_fill_value_is_an_error(tmp_path: Path, rng: np.random.Generator) -> None:
    path = write_array(tmp_path / "v.zarr", voxels(rng), 2)
    metadata = json.loads((path / ".zarray").read_text())
    (path / ".zarray").write_text(json.dumps(metadata | {"fill_value": None}))
    chunk_files(path, 2)[3].unlink()
    with pytest.raises(VolumeError, match=r"1 of 18 chunks are not there .*no fill value"):
        open_volume(path)


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("codec", ["raw", "zstd"])
def test_a_damaged_chunk_is_an_error(zarr_format: int, codec: str, tmp_path: Path, rng: np.random.Generator) -> None:
    compressors = None if codec == "raw" else ZstdCodec() if zarr_format == 3 else numcodecs.Zstd()
    path = write_array(tmp_path / "v.zarr", voxels(rng), zarr_format, compressors=compressors)
    file = chunk_files(path, zarr_format)[2]
    whole = file.read_bytes()
    for data in (whole[:-3], whole + b"abc") if codec == "raw" else (whole[:-3], whole[:5]):
        file.write_bytes(data)
        with pytest.raises(VolumeError, match="damaged"), open_volume(path) as volume:
            volume.read(0, 7)
    file.write_bytes(b"")
    with pytest.raises(VolumeError, match=r"chunk .* is empty \(0 bytes\)"):
        open_volume(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [(b"", r"damaged"), (b"{", r"damaged"), (b"{}", r"damaged"), (b'{"zarr_format": 9, "node_type": "array"}', r"damaged")],
)
def test_damaged_metadata_is_an_error(text: bytes, words: str, tmp_path: Path, rng: np.random.Generator) -> None:
    path = write_array(tmp_path / "v.zarr", voxels(rng))
    (path / "zarr.json").write_bytes(text)
    with pytest.raises(VolumeError, match=words):
        open_volume(path)
    (path / "zarr.json").unlink()
    with pytest.raises(VolumeError, match=r"v.zarr has no metadata \(zarr.json, .zgroup or .zarray\)"):
        open_volume(path)


def test_an_image_without_its_level_is_an_error(tmp_path: Path, rng: np.random.Generator) -> None:
    path = write_ome(tmp_path / "v.zarr", [voxels(rng)])
    shutil.rmtree(path / "0")
    with pytest.raises(VolumeError, match=r"no '0': / holds: nothing"):
        open_volume(path)


def test_a_store_without_a_volume_says_what_it_holds(tmp_path: Path, rng: np.random.Generator) -> None:
    zarr.open_group(str(tmp_path / "v.zarr"), mode="w")
    write_array(tmp_path / "v.zarr/line", voxels(rng, (5,)), chunks=(5,))
    with pytest.raises(VolumeError, match=r"no numeric array of rank 3. It holds: line \(5,\) uint16"):
        open_volume(tmp_path / "v.zarr")
