"""Multipage TIFF files: BigTIFF, ImageJ hyperstacks, OME, compressed or not."""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from xctgraph.ingest.volumes import tiff_pages, tiff_voxel_size
from xctgraph.ingest.volumes.axes import ORDERS, Axes
from xctgraph.ingest.volumes.base import FileVolume, Selection
from xctgraph.store.errors import VolumeError

SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
DECODERS = 4
SLAB_BYTES = 256 * 2**20


def recognises(path: Path) -> bool:
    """Whether `path` starts like a TIFF or BigTIFF file."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) in MAGIC


class TiffVolume(FileVolume):
    """One series of pages of equal shape in a TIFF file. Uncompressed pages that lie behind one another are mapped.

    Raises
    ------
    VolumeError
        If the file is damaged or cut off, its pages differ, hold colours or several channels, or it has one page; see
        `tiff_pages.check` for what a file can contradict itself in.
    """

    def __init__(self, path: Path, axes: Axes) -> None:
        try:
            self._tiff = _open(path)
        except (tifffile.TiffFileError, struct.error, OSError, ValueError, IndexError) as error:
            raise VolumeError(f"{path} cannot be read as TIFF, it is damaged: {error}") from error
        try:
            tiff_pages.check_list(path)
            self._series = _only_stack(self._tiff, path)
            shape = tuple(
                size for size, axis in zip(self._series.shape, self._series.axes, strict=True) if size > 1 or axis in "YX"
            )
            shape = (1,) * (3 - len(shape)) + shape
            super().__init__(path, shape, self._series.dtype, axes)
            if self._series.kind == "shaped":
                stated = "".join(axis.lower() for axis in self._series.axes)
                axes.agree_with(stated if stated in ORDERS else None, str(path))
            if self._series.keyframe.is_volumetric:
                raise VolumeError(
                    f"{path} keeps several slices in one page (ImageDepth or TileDepth), which is not supported: write a page "
                    "for each slice, with tifffile without `tile` or with one of two numbers"
                )
            tiff_pages.check(path, self._series)
            self.voxel_size_um = tiff_voxel_size.find(self._tiff, axes)
            keyframe = self._series.keyframe
            self.warnings = doubts(str(path), tifffile.PHOTOMETRIC(keyframe.photometric).name, orientation(keyframe))
            self.chunk_z = pages_chunk(axes, self.shape, self.dtype)
            self._file_shape = shape
            self._offset = self._series.dataoffset
            _check_length(self._series, path)
        except (tifffile.TiffFileError, struct.error, IndexError) as error:
            self._tiff.close()
            raise VolumeError(f"{path} is damaged or cut off: {error}. Copy it again") from error
        except BaseException:
            self._tiff.close()
            raise
        self._lock = threading.RLock()

    def _fill(self, out: NDArray[Any], selection: Selection) -> None:
        if self._offset is not None:
            dtype = self._series.dtype.newbyteorder(self._tiff.byteorder)
            out[...] = np.memmap(self.path, dtype, "r", self._offset, self._file_shape)[selection]
            return
        pages = range(*selection[0].indices(self._file_shape[0]))
        with ThreadPoolExecutor(DECODERS) as pool:
            list(pool.map(lambda page: self._decode(page, out[page - selection[0].start], selection[1:]), pages))

    def _decode(self, index: int, out: NDArray[Any], selection: tuple[slice, slice]) -> None:
        page = self._series[index]
        if page is None:
            raise VolumeError(f"{self.path}: page {index} is missing")
        out[...] = page.asarray(lock=self._lock, maxworkers=1).reshape(self._file_shape[1:])[selection]

    def close(self) -> None:
        """Close the file."""
        self._tiff.close()


def orientation(page: tifffile.TiffPage) -> int:
    """The tag Orientation: 1 if row 0 is the top and column 0 the left."""
    return int(page.tags.valueof("Orientation", default=1))


def doubts(name: str, photometric: str, turned: int) -> tuple[str, ...]:
    """Warnings about what a file says of its pages and nobody applies."""
    found = []
    if photometric == "MINISWHITE":
        found.append(f"{name} says that 0 is white (WhiteIsZero): grey values are read as they are stored")
    if photometric == "PALETTE":
        found.append(f"{name} holds colours of a palette: their indices are read as grey values")
    if turned != 1:
        found.append(
            f"{name} says that its rows and columns are turned or mirrored (Orientation = {turned}): they are read as stored"
        )
    return tuple(found)


def _open(path: Path) -> tifffile.TiffFile:
    tiff = tifffile.TiffFile(path)
    try:
        single_pages = tiff.is_shaped and len(tiff.series) > 1 and len({(item.shape, item.dtype) for item in tiff.series}) == 1
    except BaseException:
        tiff.close()
        raise
    if single_pages:
        # Written page by page by tifffile, which describes each page as an array of its own.
        tiff.close()
        tiff = tifffile.TiffFile(path, is_shaped=False)
    return tiff


def pages_chunk(axes: Axes, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> int:
    """Slices to read at once: any number where a page is a slice; otherwise many, as each slab decodes every page."""
    if axes.order[0] == "z":
        return 1
    return max(1, min(shape[0], SLAB_BYTES // (shape[1] * shape[2] * dtype.itemsize)))


def _only_stack(tiff: tifffile.TiffFile, path: Path) -> tifffile.TiffPageSeries:
    series = list(tiff.series)
    for item in series:
        if "S" in item.axes:
            raise VolumeError(f"{path} holds colour images (shape {item.shape}, axes {item.axes}): convert it to grey values")
    stacks = [item for item in series if sum(size > 1 for size in item.shape) >= 3]
    if len(stacks) == 1:
        return stacks[0]
    if len(series) == 1:
        raise VolumeError(
            f"{path} holds a single image of shape {series[0].shape}, not a volume: give the folder of the slices instead"
        )
    listed = ", ".join(f"{item.shape} {item.dtype} {_compression(item)} from page {item.pages[0].index}" for item in series[:10])
    raise VolumeError(f"{path} holds pages of different shape, type or compression, which make no volume: {listed}")


def _compression(series: tifffile.TiffPageSeries) -> str:
    """How the pages are compressed, as in `(LZW)`."""
    return f"({tifffile.COMPRESSION(series.keyframe.compression).name})"


def _check_length(series: tifffile.TiffPageSeries, path: Path) -> None:
    size = path.stat().st_size
    end = series.dataoffset + series.nbytes if series.dataoffset is not None else max(page_end(page) for page in series.pages)
    if end > size:
        raise VolumeError(f"{path} is cut off: its pages reach to byte {end}, the file has {size}. Copy it again")


def page_end(page: tifffile.TiffPage | tifffile.TiffFrame | None) -> int:
    """First byte behind the data of a page; 0 for none.

    Raises
    ------
    VolumeError
        If parts of the page have no data: tifffile would read them as zeros.
    """
    if page is None:
        return 0
    if 0 in page.dataoffsets or 0 in page.databytecounts or len(page.dataoffsets) != len(page.databytecounts):
        raise VolumeError(
            f"{page.parent.filename}: parts of page {page.index} have no data, the file is damaged or sparse. Write it again "
            "in full"
        )
    spans: Sequence[int] = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    return max(spans, default=0)
