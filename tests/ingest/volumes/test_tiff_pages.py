"""What a damaged TIFF contradicts itself in is an error: no changed bit outside the voxels gives another volume."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from tests.ingest.volumes import damage
from xctgraph.ingest.volumes import open_volume
from xctgraph.store.errors import VolumeError

FLIPS = 120
FLAVOURS: dict[str, dict[str, object]] = {
    "raw": {},
    "plain": {"metadata": None},
    "imagej": {"imagej": True},
    "ome": {"ome": True},
    "big-endian BigTIFF": {"bigtiff": True, "byteorder": ">", "metadata": None},
    "deflate": {"compression": "zlib"},
    "predictor, tiles": {"compression": "zlib", "predictor": True, "tile": (16, 16), "bigtiff": True},
    "strips": {"compression": "lzw", "rowsperstrip": 5, "metadata": None},
}


@pytest.fixture
def array(rng: np.random.Generator) -> NDArray[np.uint16]:
    return rng.integers(1, 300, (7, 14, 12)).astype(np.uint16)


def _write(path: Path, array: NDArray[np.uint16], **options: object) -> tuple[bytes, NDArray[np.int64]]:
    """The file, and the bytes of it that hold no voxels, as tifffile finds them."""
    tifffile.imwrite(path, array, photometric="minisblack", **options)
    whole = path.read_bytes()
    outside = np.ones(len(whole), np.bool_)
    with tifffile.TiffFile(path) as opened:
        for page in opened.pages:
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
                outside[offset : offset + count] = False
    return whole, np.flatnonzero(outside)


@pytest.mark.filterwarnings("ignore")  # tifffile's, of damaged files
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_changed_bit_outside_the_voxels_gives_no_other_volume(
    flavour: str, array: NDArray[np.uint16], tmp_path: Path, rng: np.random.Generator
) -> None:
    path = tmp_path / "v.tif"
    whole, outside = _write(path, array, **FLAVOURS[flavour])
    refused = 0
    for byte, bit in zip(rng.choice(outside, FLIPS), rng.integers(0, 8, FLIPS), strict=True):
        path.write_bytes(damage.flipped(whole, 8 * int(byte) + int(bit)))
        try:
            with open_volume(path) as volume:
                found = volume.read(0, volume.shape[0])
        except VolumeError:
            refused += 1
            continue
        assert found.dtype == array.dtype, f"bit {bit} of byte {byte}"
        np.testing.assert_array_equal(found, array, err_msg=f"bit {bit} of byte {byte}")
    assert refused > 0


def _tag(whole: bytes, path: Path, page: int, code: int) -> int:
    """Byte of the file where a tag of a page begins."""
    path.write_bytes(whole)
    with tifffile.TiffFile(path) as opened:
        return int(opened.pages[page].tags[code].offset)


def _put(whole: bytes, at: int, form: str, value: int) -> bytes:
    return whole[:at] + struct.pack(form, value) + whole[at + struct.calcsize(form) :]


@pytest.mark.parametrize(
    ("page", "code", "at", "value", "words"),
    [
        (0, 256, 8, 11, r"different shape, type or compression.*page 0 has ImageWidth 11, most have 12"),
        (0, 258, 0, 16642, r"page 0 has BitsPerSample none, most have 16"),
        (3, 257, 8, 13, r"page 3 has ImageLength 13, most have 14"),
        (4, 279, 8, 120, r"page 4 holds 120 bytes, but its size and type \(16 bits\) make 336"),
        (2, 273, 8, 300, r"two parts of the file claim the bytes from \d+, so that the place of a page is wrong"),
        (2, 273, 2, 6, r"tag 273 of the page at byte \d+ holds no whole numbers"),
    ],
)
def test_the_contradiction_is_named(
    page: int, code: int, at: int, value: int, words: str, array: NDArray[np.uint16], tmp_path: Path
) -> None:
    whole, _ = _write(tmp_path / "v.tif", array, metadata=None)
    offset = _tag(whole, tmp_path / "v.tif", page, code)
    (tmp_path / "v.tif").write_bytes(_put(whole, offset + at, "<H", value))
    with pytest.raises(VolumeError, match=words):
        open_volume(tmp_path / "v.tif")


@pytest.mark.parametrize("skipped", [1, 3])
def test_a_list_that_leaves_out_pages(skipped: int, array: NDArray[np.uint16], tmp_path: Path) -> None:
    """The link behind page 2 leads past the next pages, or nowhere: 0 ends the list."""
    path = tmp_path / "v.tif"
    whole, _ = _write(path, array, compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as opened:
        starts = [page.offset for page in opened.pages]
        link = starts[2] + 2 + 12 * len(opened.pages[2].tags)
    assert struct.unpack_from("<I", whole, link) == (starts[3],)
    for target in (0, starts[3 + skipped]):
        path.write_bytes(_put(whole, link, "<I", target))
        with pytest.raises(VolumeError, match=f"leaves out a page at byte {starts[3]}, which is like the"):
            open_volume(path)
    path.write_bytes(_put(whole, link, "<I", starts[1]))
    with pytest.raises(VolumeError, match="its list of pages breaks off after 3 pages"):
        open_volume(path)


def test_a_description_of_another_number_of_pages(array: NDArray[np.uint16], tmp_path: Path) -> None:
    path = tmp_path / "v.tif"
    whole, _ = _write(path, array, ome=True, metadata={"axes": "ZYX"}, compression="zlib")
    for given in (b"5", b"9"):
        path.write_bytes(whole.replace(b'SizeZ="7"', b'SizeZ="' + given + b'"'))
        with pytest.raises(VolumeError, match=r"its description speaks of \d pages in the volume, but the file has 7|damaged"):
            open_volume(path)


def test_pages_that_are_compressed_in_different_ways(array: NDArray[np.uint16], tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "v.tif") as writer:
        for index in range(4):
            writer.write(array[index], photometric="minisblack", compression="lzw" if index > 1 else None, metadata=None)
    with pytest.raises(VolumeError, match=r"pages of different shape, type or compression.*Compression|\(NONE\).*\(LZW\)"):
        open_volume(tmp_path / "v.tif")


def test_a_thumbnail_is_no_page_of_the_volume(array: NDArray[np.uint16], tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "v.tif") as writer:
        writer.write(array, photometric="minisblack", metadata=None)
        writer.write(array[0, ::4, ::4], photometric="minisblack", subfiletype=1, metadata=None)
    with open_volume(tmp_path / "v.tif") as volume:
        np.testing.assert_array_equal(volume.read(0, 7), array)


def test_an_imagej_stack_of_one_directory(array: NDArray[np.uint16], tmp_path: Path) -> None:
    """As ImageJ writes stacks beyond 4 GB: one directory, `images` in its description, planes behind one another."""
    tifffile.imwrite(tmp_path / "v.tif", array, imagej=True, metadata={"axes": "ZYX"}, truncate=True)
    with tifffile.TiffFile(tmp_path / "v.tif") as opened:
        assert len(opened.pages) == 1
    with open_volume(tmp_path / "v.tif") as volume:
        np.testing.assert_array_equal(volume.read(0, 7), array)


def test_an_npy_file_of_another_length_than_its_header_says(array: NDArray[np.uint16], tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", array)
    whole = (tmp_path / "v.npy").read_bytes()
    for changed in (whole + b"\0", whole.replace(b"(7, 14", b"(5, 14"), whole.replace(b"(7, 14", b"(6, 14")):
        (tmp_path / "v.npy").write_bytes(changed)
        with pytest.raises(
            VolumeError, match=r"v.npy has \d+ bytes, but shape .* and type uint16 make \d+: its header is damaged"
        ):
            open_volume(tmp_path / "v.npy")
