"""Folders of TIFF slices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from xctgraph.ingest.volumes.axes import Axes
from xctgraph.ingest.volumes.base import FileVolume, Selection
from xctgraph.ingest.volumes.tiff import DECODERS, doubts, orientation, page_end, pages_chunk
from xctgraph.store.errors import VolumeError

SUFFIXES = (".tif", ".tiff")


def recognises(path: Path) -> bool:
    """Whether `path` is a folder."""
    return path.is_dir()


class SlicesVolume(FileVolume):
    """A folder of single-page TIFF files in natural order (slice2 before slice10), one per slice.

    Raises
    ------
    VolumeError
        If there are none, they are of several sets, two have one number, or one differs from the others in shape, type or
        what its grey values mean, is damaged or has several pages; it is named. All headers are read at once, no pixels.
    """

    def __init__(self, path: Path, axes: Axes) -> None:
        files = slice_files(path)
        with ThreadPoolExecutor(DECODERS) as pool:
            headers = list(pool.map(_header, files))
        usual = Counter(headers).most_common(1)[0][0]
        for file, header in zip(files, headers, strict=True):
            if header != usual:
                raise VolumeError(
                    f"{file} has {header}, but {headers.count(usual)} of the {len(headers)} slices in {path} have {usual}. "
                    "Remove it from the folder or export it again"
                )
        super().__init__(path, (len(files), *usual.shape), np.dtype(usual.type), axes)
        self.files = files
        self.warnings = (*_gaps(path, files), *doubts(str(path), usual.photometric, usual.orientation))
        self.chunk_z = pages_chunk(axes, self.shape, self.dtype)

    def _fill(self, out: NDArray[Any], selection: Selection) -> None:
        def decode(index: int) -> None:
            try:
                out[index - selection[0].start] = tifffile.imread(self.files[index], maxworkers=1)[selection[1:]]
            except (OSError, ValueError, RuntimeError, IndexError) as error:
                raise VolumeError(f"{self.files[index]} cannot be decoded, it is damaged: {error}") from error

        with ThreadPoolExecutor(DECODERS) as pool:
            list(pool.map(decode, range(selection[0].start, selection[0].stop)))


def slice_files(folder: Path) -> tuple[Path, ...]:
    """TIFF files of a folder in natural order, hidden files left out.

    Raises
    ------
    VolumeError
        If there are none, or several numbered sets (`slice_0001.tif` and `mask_0001.tif`).
    """
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    files = sorted((entry for entry in entries if entry.suffix.lower() in SUFFIXES), key=lambda file: natural(file.name))
    if not files:
        kinds = Counter("folders" if entry.is_dir() else entry.suffix.lower() or "no extension" for entry in entries)
        held = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) or "nothing"
        raise VolumeError(f"{folder} holds no TIFF slices (.tif, .tiff). It holds: {held}. Give the folder that holds the slices")
    _check_one_set(folder, files)
    return tuple(files)


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Sort key of the natural order: numbers by value, so that slice2 comes before slice10."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name) if part)


def _check_one_set(folder: Path, files: Sequence[Path]) -> None:
    patterns = [re.sub(r"\d+", "#", file.name) for file in files]
    sets = Counter(patterns)
    if len(sets) > 1 and max(sets.values()) > 1:
        listed = ", ".join(f"{count} {pattern}" for pattern, count in sets.most_common(10))
        raise VolumeError(
            f"{folder} holds TIFF files of several sets: {listed}. Put the slices of one volume in a folder of its own"
        )


def _gaps(folder: Path, files: Sequence[Path]) -> tuple[str, ...]:
    """A warning where the numbers of the slices skip some.

    Raises
    ------
    VolumeError
        If two slices have the same number.
    """
    if len({re.sub(r"\d+", "#", file.name) for file in files}) > 1:
        return ()
    columns = list(zip(*([int(part) for part in re.findall(r"\d+", file.name)] for file in files), strict=True))
    steps = [[after - before for before, after in pairwise(column)] for column in columns]
    for k, pair in enumerate(pairwise(files)):
        if columns and not any(column[k] for column in steps):
            numbers = ", ".join(str(column[k]) for column in columns)
            raise VolumeError(
                f"{folder}: slice {numbers} is given twice, by {pair[0].name} and {pair[1].name}. Remove from the folder the one "
                "that is no slice of this volume"
            )
    # Of numbers that run together, such as slice and height, one that is even says that none is missing.
    running = [column for column in steps if min(column, default=0) > 0]
    if len(files) < 3 or not running or any(len(set(column)) == 1 for column in running):
        return ()
    usual = Counter(running[0]).most_common(1)[0][0]
    first = next(k for k, step in enumerate(running[0]) if step != usual)
    return (f"{folder}: slices are missing between {files[first].name} and {files[first + 1].name}",)


class _Header(NamedTuple):
    shape: tuple[int, ...]
    type: str
    photometric: str
    orientation: int

    def __str__(self) -> str:
        turned = f", Orientation {self.orientation}" if self.orientation != 1 else ""
        return f"shape {self.shape}, type {self.type}, {self.photometric}{turned}"


def _header(file: Path) -> _Header:
    try:
        with tifffile.TiffFile(file) as tiff:
            page = tiff.pages.first
            pages, end = len(tiff.pages), page_end(page)
            header = _Header(page.shape, str(page.dtype), tifffile.PHOTOMETRIC(page.photometric).name, orientation(page))
    except (tifffile.TiffFileError, OSError, ValueError, IndexError) as error:
        raise VolumeError(f"{file} cannot be read as TIFF, it is damaged: {error}") from error
    if pages > 1:
        raise VolumeError(
            f"{file} has {pages} pages: in a folder each file is one slice. Give the file itself if it is the volume"
        )
    if len(header.shape) != 2:
        raise VolumeError(f"{file} has shape {header.shape}: colour images are not read, convert them to grey values")
    if end > file.stat().st_size:
        raise VolumeError(f"{file} is cut off: its data reach to byte {end}, the file has {file.stat().st_size}. Copy it again")
    return header
