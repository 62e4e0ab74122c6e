"""Damaged files, thousands in each run, read in a process of its own as the ingest does.

What can be asked of the outcome depends on what the format can tell:

- cut off anywhere: an error or the right data, in every format (a warning counts as told where a chunk is gone);
- a changed bit where there is a checksum: an error or the right data;
- a changed bit in raw voxels: that voxel and no other, as nothing can tell;
- a changed bit anywhere else (headers, codecs without a checksum): any volume or an error.

In all of them the process that asks lives, no decoder hangs, and every error is a VolumeError.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from tests.ingest.volumes import damage
from xctgraph.explorer.worker import Start, Task
from xctgraph.ingest.volumes import Metadata, open_volume
from xctgraph.ingest.volumes.reader_process import ApartVolume, ReaderProcess
from xctgraph.store import open_store
from xctgraph.store.errors import VolumeError

CUTS, CHECKED_FLIPS, RAW_FLIPS, OTHER_FLIPS = 45, 70, 20, 30
CHECKED = ("h5-latest", "tiff-zlib", "slices", "zarr2-zlib", "zarr3-gzip", "zarr3-crc", "zarr3-shards", "zarr-zip")
RAW = ("h5-raw", "tiff-raw", "npy", "zarr2-raw")


@pytest.fixture(scope="module")
def process() -> Iterator[ReaderProcess]:
    made = ReaderProcess()
    yield made
    made.close()


@pytest.fixture
def array(rng: np.random.Generator) -> NDArray[np.uint16]:
    """Noise, and slices of one value, which compress to little. No voxel is 0, the value that stands for what is missing."""
    array = rng.integers(1, 300, damage.SHAPE).astype(np.uint16)
    array[2:4] = 7
    return array


def test_there_are_enough_cases() -> None:
    formats = len(damage.FORMATS)
    assert formats * (CUTS + OTHER_FLIPS) + len(CHECKED) * CHECKED_FLIPS + len(RAW) * RAW_FLIPS >= 2000


@pytest.mark.parametrize("name", damage.FORMATS)
def test_a_file_that_is_cut_off(
    name: str, process: ReaderProcess, array: NDArray[np.uint16], tmp_path: Path, rng: np.random.Generator
) -> None:
    source = damage.FORMATS[name](tmp_path, array)
    assert damage.read(process, source).is_right(array)
    files = damage.files(source)
    for _ in range(CUTS):
        file = files[rng.integers(len(files))]
        whole = file.read_bytes()
        length = int(rng.integers(len(whole)))
        file.write_bytes(whole[:length])
        outcome = damage.read(process, source)
        assert outcome.error or outcome.told or outcome.is_right(array), f"{file.name} cut to {length} of {len(whole)} bytes"
        file.write_bytes(whole)


@pytest.mark.parametrize("name", CHECKED)
def test_a_changed_bit_where_there_is_a_checksum(
    name: str, process: ReaderProcess, array: NDArray[np.uint16], tmp_path: Path, rng: np.random.Generator
) -> None:
    source = damage.FORMATS[name](tmp_path, array)
    assert damage.read(process, source).is_right(array)
    files = [file for file in damage.files(source) if not damage.is_metadata(file)]
    for _ in range(CHECKED_FLIPS):
        file = files[rng.integers(len(files))]
        whole = file.read_bytes()
        first, stop = _checked(file, len(whole), rng)
        bit = int(rng.integers(8 * first, 8 * stop))
        file.write_bytes(damage.flipped(whole, bit))
        outcome = damage.read(process, source)
        assert outcome.error or outcome.told or outcome.is_right(array), f"{file.name}: bit {bit % 8} of byte {bit // 8}"
        file.write_bytes(whole)


def _checked(file: Path, size: int, rng: np.random.Generator) -> tuple[int, int]:
    """Bytes that a checksum covers: in TIFF the data of a page, but not its tags; elsewhere the whole file."""
    if file.suffix != ".tif":
        return 0, size
    with tifffile.TiffFile(file) as opened:
        page = opened.pages[int(rng.integers(len(opened.pages)))]
        return page.dataoffsets[0], page.dataoffsets[0] + page.databytecounts[0]


@pytest.mark.parametrize("name", RAW)
def test_a_changed_bit_in_raw_voxels_changes_that_voxel_alone(
    name: str, process: ReaderProcess, array: NDArray[np.uint16], tmp_path: Path, rng: np.random.Generator
) -> None:
    source = damage.FORMATS[name](tmp_path, array)
    files = [file for file in damage.files(source) if not damage.is_metadata(file)]
    for _ in range(RAW_FLIPS):
        file = files[rng.integers(len(files))]
        whole = file.read_bytes()
        start = 0 if source.is_dir() else whole.find(array.tobytes())
        assert start >= 0
        bit = 8 * start + int(rng.integers(8 * (len(whole) if source.is_dir() else array.nbytes)))
        file.write_bytes(damage.flipped(whole, bit))
        found = damage.read(process, source).data
        assert found is not None
        assert np.count_nonzero(found != array) == 1
        file.write_bytes(whole)


@pytest.mark.parametrize("name", damage.FORMATS)
def test_a_changed_bit_anywhere_is_contained(
    name: str, process: ReaderProcess, array: NDArray[np.uint16], tmp_path: Path, rng: np.random.Generator
) -> None:
    source = damage.FORMATS[name](tmp_path, array)
    files = damage.files(source)
    for _ in range(OTHER_FLIPS):
        file = files[rng.integers(len(files))]
        whole = file.read_bytes()
        file.write_bytes(damage.flipped(whole, int(rng.integers(8 * len(whole)))))
        outcome = damage.read(process, source)
        assert outcome.error is not None or outcome.data is not None
        with suppress(VolumeError):
            assert isinstance(process.request(name, "metadata", str(source), str(tmp_path), timeout_s=60), Metadata)
        file.write_bytes(whole)
    assert damage.read(process, source).is_right(array)


def test_a_crash_is_an_error_and_the_next_file_is_read(process: ReaderProcess, array: NDArray[np.uint16], tmp_path: Path) -> None:
    """The process dies in the middle of a request; volumes that were open in it are opened again."""
    path = damage.npy(tmp_path, array)
    with ApartVolume(process, str(path), "zyx") as volume:
        life = process.life
        assert process._process is not None
        os.kill(process._process.pid, 11)
        with pytest.raises(VolumeError, match=r"v.npy cannot be read: its decoder crashed \(SIGSEGV\), the file is damaged"):
            volume.read(0, 6)
        np.testing.assert_array_equal(volume.read(1, 5), array[1:5])
        assert process.life == life + 1


@pytest.mark.parametrize("module", ["xctgraph.ingest.volumes.worker", "xctgraph.explorer.worker"])
def test_a_process_whose_asker_was_killed_ends_without_a_word(module: str, tmp_path: Path) -> None:
    here, there = Pipe()
    command = [sys.executable, "-m", module, str(there.fileno())]
    with subprocess.Popen(command, pass_fds=(there.fileno(),), stderr=subprocess.PIPE, text=True) as asked:
        there.close()
        if module.startswith("xctgraph.ingest"):
            here.send(("metadata", str(tmp_path / "none.h5"), str(tmp_path)))
        else:
            with open_store(tmp_path / "xct.store", create=True):
                pass
            here.send(Start(tmp_path / "xct.store", None, 1.0))
            here.send(Task("sql", "SELECT 1"))
        here.close()
        assert asked.communicate(timeout=60)[1] == ""
        assert asked.returncode == 0


def test_slabs_that_are_held_are_not_overwritten(process: ReaderProcess, array: NDArray[np.uint16], tmp_path: Path) -> None:
    """Memory of a slab is used again once nobody looks at it, and not before; it outlives the volume."""
    with ApartVolume(process, str(damage.npy(tmp_path, array)), "zyx") as volume:
        kept = [volume.read(z, z + 2) for z in range(5)]
        for z in range(4):
            volume.read(z, z + 3)
        view = volume.read(0, 6)[1:, ::2]
    for z, slab in enumerate(kept):
        np.testing.assert_array_equal(slab, array[z : z + 2])
    np.testing.assert_array_equal(view, array[1:, ::2])
    view[...] = 0


def test_relative_paths_start_where_the_caller_is(
    process: ReaderProcess, array: NDArray[np.uint16], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage.npy(tmp_path, array)
    (tmp_path / "other").mkdir()
    damage.npy(tmp_path / "other", array + 1)
    process.start()
    monkeypatch.chdir(tmp_path)
    with ApartVolume(process, "v.npy", "zyx") as volume:
        monkeypatch.chdir(tmp_path / "other")
        with ApartVolume(process, "v.npy", "zyx") as other:
            np.testing.assert_array_equal(other.read(0, 6), array + 1)
            np.testing.assert_array_equal(volume.read(0, 6), array)


def test_chunks_that_were_never_written_are_told(array: NDArray[np.uint16], tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        data = file.create_dataset("x", array.shape, array.dtype, chunks=(2, 12, 14))
    with pytest.raises(VolumeError, match=r"v.h5:/x: 3 of 3 chunks were never written. Is the file still being written"):
        open_volume(tmp_path / "v.h5")
    with h5py.File(tmp_path / "v.h5", "a") as file:
        data = file["x"]
        data[:4] = array[:4]
    with open_volume(tmp_path / "v.h5") as volume:
        (warning,) = volume.warnings
    assert "1 of 3 chunks were never written; their voxels are read as the fill value 0" in warning
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("x", array.shape, array.dtype)
    with pytest.raises(VolumeError, match="no data were ever written"):
        open_volume(tmp_path / "w.h5")


def test_a_sparse_tiff_is_an_error(array: NDArray[np.uint16], tmp_path: Path) -> None:
    path = damage.FORMATS["tiff-zlib"](tmp_path, array)
    with tifffile.TiffFile(path, mode="r+b") as opened:
        opened.pages[2].tags["StripByteCounts"].overwrite(0)
    with pytest.raises(VolumeError, match=r"parts of page 2 have no data, the file is damaged or sparse"):
        open_volume(path)


def test_a_chunk_that_is_gone_is_told(process: ReaderProcess, array: NDArray[np.uint16], tmp_path: Path) -> None:
    source = damage.FORMATS["zarr3-crc"](tmp_path, array)
    shutil.rmtree(source / "c/1")
    assert damage.read(process, source).told
