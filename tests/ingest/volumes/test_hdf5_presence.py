"""Virtual and external datasets of HDF5: data that are not there are never read as fill values in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from xctgraph.ingest.volumes import FileVolume, open_volume
from xctgraph.store.errors import VolumeError

SHAPE = (12, 6, 10)
Array = NDArray[np.uint16]
Selection = tuple[slice, ...]


@pytest.fixture
def array(rng: np.random.Generator) -> Array:
    return rng.integers(1, 1000, SHAPE, dtype=np.uint16)


def _write(path: Path, name: str, array: Array, **options: object) -> None:
    with h5py.File(path, "a") as file:
        file.create_dataset(name, data=array, **options)


def _virtual(path: Path, parts: list[tuple[Selection, h5py.VirtualSource]], fill: int | None = None) -> None:
    layout = h5py.VirtualLayout(SHAPE, np.uint16)
    for selection, source in parts:
        layout[selection] = source
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("volume", layout, fillvalue=fill)


def _series(path: Path, file: str, dataset: str, depth: int) -> None:
    """A virtual dataset without end along z, of blocks of `depth` slices from a numbered series."""
    space, block = h5py.h5s.create_simple(SHAPE, (h5py.h5s.UNLIMITED, *SHAPE[1:])), h5py.h5s.create_simple((depth, *SHAPE[1:]))
    blocks = space.copy()
    blocks.select_hyperslab((0, 0, 0), (h5py.h5s.UNLIMITED, 1, 1), (depth, 1, 1), (depth, *SHAPE[1:]))
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_virtual(blocks, file.encode(), dataset.encode(), block)
    with h5py.File(path, "w") as opened:
        h5py.h5d.create(opened.id, b"volume", h5py.h5t.NATIVE_UINT16, space, dcpl=properties)


def _read(path: Path) -> tuple[Array, tuple[str, ...], set[str]]:
    with open_volume(path) as volume:
        assert isinstance(volume, FileVolume)
        return volume.read(0, volume.shape[0]), volume.warnings, {file.name for file in volume.files}


LAYOUTS: dict[str, Callable[[int], Selection]] = {
    "blocks": lambda k: (slice(3 * k, 3 * k + 3), slice(None), slice(None)),
    "interleaved": lambda k: (slice(k, None, 4), slice(None), slice(None)),
    "quarters": lambda k: (slice(None), slice(3 * (k // 2), 3 * (k // 2) + 3), slice(5 * (k % 2), 5 * (k % 2) + 5)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_voxel_of_a_virtual_dataset_has_a_source(
    layout: str, tmp_path: Path, array: Array, rng: np.random.Generator
) -> None:
    parts = []
    for k in range(4):
        selection = LAYOUTS[layout](k)
        _write(tmp_path / f"{k}.h5", "d", array[selection])
        parts.append((selection, h5py.VirtualSource(f"{k}.h5", "d", array[selection].shape)))
    _virtual(tmp_path / "v.h5", parts)
    read, warnings, files = _read(tmp_path / "v.h5")
    np.testing.assert_array_equal(read, array)
    assert not warnings
    assert files == {"v.h5", "0.h5", "1.h5", "2.h5", "3.h5"}
    left_out = int(rng.integers(4))
    mapped = np.zeros(SHAPE, bool)
    others = [part for k, part in enumerate(parts) if k != left_out]
    for selection, _ in others:
        mapped[selection] = True
    _virtual(tmp_path / "v.h5", others)
    words = f"v.h5:/volume is a virtual dataset that has a source for {mapped.sum()} of its {array.size} voxels only"
    with pytest.raises(VolumeError, match=f"{words}: HDF5 would show the others as 0. Map every part once"):
        open_volume(tmp_path / "v.h5")
    _virtual(tmp_path / "v.h5", others, fill=7)
    read, warnings, _ = _read(tmp_path / "v.h5")
    np.testing.assert_array_equal(read, np.where(mapped, array, 7))
    assert len(warnings) == 1
    assert f"{words}; the others are read as the fill value 7" in warnings[0]
    # A part that is mapped twice does not make up for one that is not: HDF5 would show what was in memory.
    _virtual(tmp_path / "v.h5", [*others, others[0]], fill=7)
    with pytest.raises(VolumeError, match=f"{words}: HDF5 would show the others as whatever was in memory"):
        open_volume(tmp_path / "v.h5")


def test_what_is_wrong_with_a_source_is_named(tmp_path: Path, array: Array) -> None:
    whole = (slice(None),) * 3
    _virtual(tmp_path / "v.h5", [(whole, h5py.VirtualSource("s.h5", "d", SHAPE))])
    _write(tmp_path / "s.h5", "other", array)
    with pytest.raises(VolumeError, match=r"source .*s.h5:/d is not there: .* holds: other. Write that file again"):
        open_volume(tmp_path / "v.h5")
    _write(tmp_path / "s.h5", "d", array[:7])
    with pytest.raises(VolumeError, match=r"s.h5:/d, which has another shape than it says: \(7, 6, 10\). Was that file written"):
        open_volume(tmp_path / "v.h5")
    (tmp_path / "s.h5").unlink()
    _virtual(tmp_path / "s.h5", [(whole, h5py.VirtualSource("gone.h5", "d", SHAPE))])
    with h5py.File(tmp_path / "s.h5", "a") as file:
        file["d"] = file["volume"]
    with pytest.raises(VolumeError, match=r"s.h5:/d is a virtual dataset whose source file .*gone.h5 is missing"):
        open_volume(tmp_path / "v.h5")
    _write(tmp_path / "gone.h5", "d", array)
    np.testing.assert_array_equal(_read(tmp_path / "v.h5")[0], array)
    assert _read(tmp_path / "v.h5")[2] == {"v.h5", "s.h5", "gone.h5"}
    (tmp_path / "s.h5").write_bytes(b"no HDF5")
    with pytest.raises(VolumeError, match=r"source file .*s.h5 cannot be opened as HDF5, it is damaged"):
        open_volume(tmp_path / "v.h5")


def test_part_of_a_source_must_be_there(tmp_path: Path, array: Array) -> None:
    source = h5py.VirtualSource("s.h5", "d", (20, *SHAPE[1:]))[4:16]
    _virtual(tmp_path / "v.h5", [((slice(None),) * 3, source)])
    _write(tmp_path / "s.h5", "d", np.pad(array, ((4, 4), (0, 0), (0, 0))))
    np.testing.assert_array_equal(_read(tmp_path / "v.h5")[0], array)
    (tmp_path / "s.h5").unlink()
    _write(tmp_path / "s.h5", "d", np.pad(array, ((4, 0), (0, 0), (0, 0)))[:15])
    with pytest.raises(VolumeError, match=r"s.h5:/d, which has another shape than it says: \(15, 6, 10\)"):
        open_volume(tmp_path / "v.h5")


def test_chunks_that_a_source_lacks_are_a_warning_as_in_any_file(tmp_path: Path, array: Array) -> None:
    _virtual(tmp_path / "v.h5", [((slice(None),) * 3, h5py.VirtualSource("s.h5", "d", SHAPE))])
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("d", SHAPE, np.uint16, chunks=(3, *SHAPE[1:]))[:3] = array[:3]
    _, warnings, _ = _read(tmp_path / "v.h5")
    assert len(warnings) == 1
    assert "s.h5:/d: 3 of 4 chunks were never written" in warnings[0]
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("d", SHAPE, np.uint16, chunks=(3, *SHAPE[1:]))
    with pytest.raises(VolumeError, match=r"s.h5:/d: 4 of 4 chunks were never written. Is the file still being written"):
        open_volume(tmp_path / "v.h5")


def test_virtual_datasets_that_lead_in_a_circle_are_refused(tmp_path: Path) -> None:
    for name, other in (("a.h5", "b.h5"), ("b.h5", "a.h5")):
        _virtual(tmp_path / name, [((slice(None),) * 3, h5py.VirtualSource(other, "volume", SHAPE))])
    with pytest.raises(VolumeError, match="virtual dataset"):
        open_volume(tmp_path / "a.h5")


@pytest.mark.parametrize(("file", "dataset"), [("part_%b.h5", "d"), ("parts.h5", "entry/d%b"), ("100%%_%b.h5", "d")])
def test_a_series_needs_every_member(file: str, dataset: str, tmp_path: Path, array: Array, rng: np.random.Generator) -> None:
    depth = 3
    names = [(file.replace("%b", str(k)).replace("%%", "%"), dataset.replace("%b", str(k))) for k in range(4)]
    for k, (source, name) in enumerate(names):
        _write(tmp_path / source, name, array[depth * k : depth * (k + 1)])
    _series(tmp_path / "v.h5", file, dataset, depth)
    read, _, files = _read(tmp_path / "v.h5")
    np.testing.assert_array_equal(read, array)
    assert files == {"v.h5", *(source for source, _ in names)}
    lost, name = names[int(rng.integers(1, 3))]
    with h5py.File(tmp_path / lost, "a") as opened:
        del opened[name]
    if "%b" in file:
        (tmp_path / lost).unlink()
    with pytest.raises(VolumeError, match=r"HDF5 would show a shorter volume. Copy every member") as caught:
        open_volume(tmp_path / "v.h5")
    assert f"{lost if '%b' in file else name} is missing" in str(caught.value)


def test_a_source_without_end_fills_what_it_holds(tmp_path: Path, array: Array) -> None:
    """Two halves that grow side by side: where one is shorter, HDF5 fills the rest."""
    with h5py.File(tmp_path / "v.h5", "w") as file:
        space = h5py.h5s.create_simple(SHAPE, (h5py.h5s.UNLIMITED, *SHAPE[1:]))
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        for k in range(2):
            target, source = space.copy(), h5py.h5s.create_simple((12, 6, 5), (h5py.h5s.UNLIMITED, 6, 5))
            target.select_hyperslab((0, 0, 5 * k), (1, 1, 1), None, (h5py.h5s.UNLIMITED, 6, 5))
            source.select_hyperslab((0, 0, 0), (1, 1, 1), None, (h5py.h5s.UNLIMITED, 6, 5))
            properties.set_virtual(target, f"{k}.h5".encode(), b"d", source)
        h5py.h5d.create(file.id, b"volume", h5py.h5t.NATIVE_UINT16, space, dcpl=properties)
    for k in range(2):
        _write(tmp_path / f"{k}.h5", "d", array[..., 5 * k : 5 * k + 5], maxshape=(None, 6, 5))
    np.testing.assert_array_equal(_read(tmp_path / "v.h5")[0], array)
    (tmp_path / "1.h5").unlink()
    _write(tmp_path / "1.h5", "d", array[:8, :, 5:], maxshape=(None, 6, 5))
    with pytest.raises(VolumeError, match=f"has a source for {12 * 6 * 5 + 8 * 6 * 5} of its {array.size} voxels only"):
        open_volume(tmp_path / "v.h5")


def test_raw_files_lie_beside_the_file_and_are_whole(tmp_path: Path, array: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    half = array.nbytes // 2
    raw = [tmp_path / "a.raw", tmp_path / "b.raw"]
    raw[0].write_bytes(b"header" + array.tobytes()[:half])
    raw[1].write_bytes(array.tobytes()[half:])
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_dataset("d", SHAPE, np.uint16, external=[("a.raw", 6, half), ("b.raw", 0, half)])
    monkeypatch.chdir("/")
    read, _, files = _read(tmp_path / "v.h5")
    np.testing.assert_array_equal(read, array)
    assert files == {"v.h5", "a.raw", "b.raw"}
    raw[1].write_bytes(array.tobytes()[half:-1])
    with pytest.raises(
        VolumeError, match=rf"raw file .*b.raw, which is cut off: they reach to byte {half}, the file has {half - 1}"
    ):
        open_volume(tmp_path / "v.h5")
    raw[1].unlink()
    with pytest.raises(VolumeError, match=r"raw file .*b.raw, which is missing. Copy it to its place"):
        open_volume(tmp_path / "v.h5")
