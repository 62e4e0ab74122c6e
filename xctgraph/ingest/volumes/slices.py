"""Folders of TIFF slices."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from xctgraph.ingest.volumes.axes import Axes
from xctgraph.ingest.volumes.base import FileVolume, Selection
from xctgraph.ingest.volumes.tiff import DECODERS, page_end, pages_chunk
from xctgraph.store.errors import VolumeError

SUFFIXES = (".tif", ".tiff")
log = logging.getLogger(__name__)


def recognises(path: Path) -> bool:
    """Whether `path` is a folder."""
    return path.is_dir()


class SlicesVolume(FileVolume):
    """A folder of single-page TIFF files in natural order (slice2 before slice10), one per slice.

    Raises
    ------
    VolumeError
        If there are none, they are of several sets, or one differs from the others in shape or type, is damaged or has
        several pages; it is named. All headers are read at once, no pixels.
    """

    def __init__(self, path: Path, axes: Axes) -> None:
        files = slice_files(path)
        with ThreadPoolExecutor(DECODERS) as pool:
            headers = list(pool.map(_header, files))
        usual = Counter(headers).most_common(1)[0][0]
        for file, header in zip(files, headers, strict=True):
            if header != usual:
                raise VolumeError(
                    f"{file} has shape {header[0]} and type {header[1]}, but {headers.count(usual)} of the {len(headers)} slices "
                    f"in {path} have shape {usual[0]} and type {usual[1]}. Remove it from the folder or export it again"
                )
        super().__init__(path, (len(files), *usual[0]), np.dtype(usual[1]), axes)
        self.files = files
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
    numbers = np.array([[int(part) for part in re.findall(r"\d+", file.name)][:9] for file in files]) if len(sets) == 1 else None
    if numbers is None or numbers.size == 0 or len(files) < 3:
        return
    steps = np.diff(numbers, axis=0)
    running = np.flatnonzero(steps.any(axis=0))
    if len(running) == 1 and len(np.unique(steps[:, running[0]])) > 1:
        first = int(np.flatnonzero(steps[:, running[0]] != np.bincount(steps[:, running[0]]).argmax())[0])
        log.warning("%s: slices are missing between %s and %s", folder, files[first].name, files[first + 1].name)


def _header(file: Path) -> tuple[tuple[int, ...], str]:
    try:
        with tifffile.TiffFile(file) as tiff:
            page = tiff.pages.first
            pages, end, header = len(tiff.pages), page_end(page), (page.shape, str(page.dtype))
    except (tifffile.TiffFileError, OSError, ValueError, IndexError) as error:
        raise VolumeError(f"{file} cannot be read as TIFF, it is damaged: {error}") from error
    if pages > 1:
        raise VolumeError(
            f"{file} has {pages} pages: in a folder each file is one slice. Give the file itself if it is the volume"
        )
    if len(header[0]) != 2:
        raise VolumeError(f"{file} has shape {header[0]}: colour images are not read, convert them to grey values")
    if end > file.stat().st_size:
        raise VolumeError(f"{file} is cut off: its data reach to byte {end}, the file has {file.stat().st_size}. Copy it again")
    return header
