"""Directories of a TIFF file held against one another: damage that a reader would pass over in silence.

TIFF has no checksum, but it says most things several times (TIFF 6.0, sections 2 and 8): every page repeats size and type, byte
counts follow from both, and pages share no bytes.
"""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from xctgraph.store.errors import VolumeError

Integers = NDArray[np.int64]
Layout = tuple[tuple[int, ...] | None, ...]
REDUCED, WIDTH, LENGTH, BITS, COMPRESSION, SAMPLES = 254, 256, 257, 258, 259, 277
OFFSETS, COUNTS, TILE = (273, 324), (279, 325), (323, 322)
# Tags that decide how bytes become voxels; a reader takes those of the first page for all.
NAMES = {
    WIDTH: "ImageWidth", LENGTH: "ImageLength", BITS: "BitsPerSample", COMPRESSION: "Compression",
    262: "PhotometricInterpretation", 266: "FillOrder", SAMPLES: "SamplesPerPixel", 278: "RowsPerStrip",
    284: "PlanarConfiguration", 317: "Predictor", 322: "TileWidth", 323: "TileLength", 339: "SampleFormat",
}  # fmt: skip
PLACES = {273: "StripOffsets", 279: "StripByteCounts", 324: "TileOffsets", 325: "TileByteCounts"}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WHOLE = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}


class Form:
    """Byte order and widths of a file: TIFF or BigTIFF."""

    def __init__(self, start: bytes) -> None:
        self.order = "<" if start[:2] == b"II" else ">"
        self.big = start[2:4] in (b"+\0", b"\0+")
        word = "u8" if self.big else "u4"
        self.count = np.dtype(self.order + ("u8" if self.big else "u2"))
        self.offset = np.dtype(self.order + word)
        fields = [("code", "u2"), ("type", "u2"), ("n", word), ("value", word)]
        self.tag = np.dtype([(name, self.order + kind) for name, kind in fields])
        self.header = 16 if self.big else 8

    def number(self, data: mmap.mmap, at: int, dtype: np.dtype[np.uint64]) -> int:
        """A whole number at a byte of the file."""
        return int(np.frombuffer(data, dtype, 1, at)[0])


@dataclass(frozen=True)
class Directory:
    """The tags of one page: `start` is its first byte in the file."""

    path: Path
    data: mmap.mmap
    form: Form
    start: int

    @cached_property
    def n_tags(self) -> int:
        """Number of its tags."""
        return self.form.number(self.data, self.start, self.form.count)

    @cached_property
    def stop(self) -> int:
        """Byte behind it."""
        return self.start + self.form.count.itemsize + self.n_tags * self.form.tag.itemsize + self.form.offset.itemsize

    @cached_property
    def following(self) -> int:
        """Where the next directory starts; 0 for the last one."""
        return self.form.number(self.data, self.stop - self.form.offset.itemsize, self.form.offset)

    @cached_property
    def tags(self) -> dict[int, tuple[int, int, int]]:
        """Type, number of values and first byte of the values of each tag."""
        first = self.start + self.form.count.itemsize
        found = {}
        rows = np.frombuffer(self.data, self.form.tag, self.n_tags, first)
        inline = self.form.offset.itemsize
        for k, (code, kind, n, value) in enumerate(rows.tolist()):
            at = first + (k + 1) * self.form.tag.itemsize - inline
            found[code] = (kind, n, at if _SIZES.get(kind, 1) * n <= inline else value)
        return found

    def numbers(self, *codes: int) -> Integers | None:
        """Values of the first of the tags that is there; None without it.

        Raises
        ------
        VolumeError
            If they are no whole numbers, or lie outside the file.
        """
        for code in codes:
            if code not in self.tags:
                continue
            kind, n, at = self.tags[code]
            if kind not in _WHOLE or not 0 <= at <= len(self.data) - _SIZES[kind] * n:
                raise VolumeError(
                    f"{self.path}: tag {code} of the page at byte {self.start} holds no whole numbers: the file is damaged. "
                    "Copy it again"
                )
            return np.frombuffer(self.data, self.form.order + _WHOLE[kind], n, at).astype(np.int64)
        return None

    @cached_property
    def layout(self) -> Layout:
        """Values of the tags in `NAMES`, and how many those in `PLACES` have."""
        values = tuple(None if (found := self.numbers(code)) is None else tuple(found.tolist()) for code in NAMES)
        return values + tuple((self.tags[code][1],) if code in self.tags else None for code in PLACES)

    def sign(self) -> bytes:
        """Its first tags, up to the height of the page: tags stand in the order of their codes."""
        first, n = self.start + self.form.count.itemsize, sum(code <= LENGTH for code in self.tags)
        return self.data[first : first + n * self.form.tag.itemsize]

    def spans(self) -> Integers:
        """First byte and byte behind each strip or tile, shape (n, 2)."""
        offsets, counts = self.numbers(*OFFSETS), self.numbers(*COUNTS)
        if offsets is None or counts is None or len(offsets) != len(counts):
            return np.empty((0, 2), np.int64)
        return np.stack([offsets, offsets + counts], axis=1)

    def values(self) -> Integers:
        """As `spans`, of the values that stand outside the directory."""
        sizes = [(at, at + _SIZES.get(kind, 1) * n) for kind, n, at in self.tags.values()]
        outside = [span for span in sizes if not self.start <= span[0] < self.stop and span[0] < span[1]]
        return np.array(outside, np.int64).reshape(-1, 2)


def check_list(path: Path) -> None:
    """Follow the list of pages to its end.

    Raises
    ------
    VolumeError
        If it breaks off: a reader would take the file for a shorter one.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _chain(data, path)


def check(path: Path, stack: tifffile.TiffPageSeries) -> None:
    """Hold the pages of a file against one another and against the series that is read of them.

    Raises
    ------
    VolumeError
        If the list of pages leaves out one that is in the file; a page differs from the others in what decides its voxels; byte
        counts contradict size and type; the bytes of two pages overlap; a page is in no image or an image lacks one.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        directories = _chain(data, path)
        pages = _alike(directories, path)
        whole = (stack.dataoffset, stack.dataoffset + stack.nbytes) if stack.dataoffset is not None and len(pages) == 1 else None
        for index, page in enumerate(pages):
            _check_byte_counts(page, index, path, stack.nbytes if whole else None)
        _check_overlap(directories, path, whole)
        _check_left_out(directories, path, whole)
    if whole is None and len(stack) != len(pages) and len({item.parent for item in stack if item is not None}) == 1:
        raise VolumeError(
            f"{path}: its description speaks of {len(stack)} pages in the volume, but the file has {len(pages)}. It is damaged, "
            "or was changed by a program that did not change the description: write it again"
        )


def _chain(data: mmap.mmap, path: Path) -> list[Directory]:
    form = Form(data[:4])
    at = form.number(data, form.header - form.offset.itemsize, form.offset)
    found: list[Directory] = []
    seen: set[int] = set()
    while at:
        directory = Directory(path, data, form, at)
        if at + form.count.itemsize > len(data) or directory.stop > len(data) or at in seen:
            raise VolumeError(f"{path} is cut off: its list of pages breaks off after {len(found)} pages. Copy it again")
        seen.add(at)
        found.append(directory)
        at = directory.following
    return found


def _alike(directories: Sequence[Directory], path: Path) -> list[Directory]:
    """The pages of full size. Smaller ones that say so (thumbnails, levels of a pyramid) don't count."""
    usual = Counter(directory.layout for directory in directories).most_common(1)[0][0]
    pages = []
    for index, directory in enumerate(directories):
        differing = [k for k, (a, b) in enumerate(zip(directory.layout, usual, strict=True)) if a != b]
        if not differing:
            pages.append(directory)
        elif not _is_reduced(directory, usual):
            k = differing[0]
            name = [*NAMES.values(), *(f"values of {place}:" for place in PLACES.values())][k]
            raise VolumeError(
                f"{path} holds pages of different shape, type or compression, which make no volume: page {index} has {name} "
                f"{_shown(directory.layout[k])}, most have {_shown(usual[k])}. The file is damaged, or holds several images: "
                "write the volume alone"
            )
    return pages


def _is_reduced(directory: Directory, usual: Layout) -> bool:
    flag = directory.numbers(REDUCED)
    smaller = [(a or (0,))[0] < (b or (0,))[0] for a, b in zip(directory.layout[:2], usual[:2], strict=True)]
    return flag is not None and bool(flag[0] & 1) and all(smaller)


def _shown(value: tuple[int, ...] | None) -> str:
    return "none" if value is None else ", ".join(map(str, value))


def _check_byte_counts(page: Directory, index: int, path: Path, whole: int | None) -> None:
    """An uncompressed page holds as many bytes as size and type ask for."""
    counts, compression, bits = page.numbers(*COUNTS), page.numbers(COMPRESSION), page.numbers(BITS)
    size, tile = (page.numbers(LENGTH), page.numbers(WIDTH)), (page.numbers(TILE[0]), page.numbers(TILE[1]))
    if counts is None or size[0] is None or size[1] is None or (compression is not None and compression[0] != 1):
        return
    length, width = int(size[0][0]), int(size[1][0])
    n_tiles = 1
    per_pixel = 1 if bits is None else int(bits.sum())
    if tile[0] is not None and tile[1] is not None:
        tile_length, tile_width = max(1, int(tile[0][0])), max(1, int(tile[1][0]))
        n_tiles = -(-length // tile_length) * -(-width // tile_width)
        length, width = tile_length, tile_width
    wanted = n_tiles * length * -(-width * per_pixel // 8)
    # Where one directory stands for all pages, the count is that of one or of all.
    if int(counts.sum()) not in (wanted, whole):
        raise VolumeError(
            f"{path}: page {index} holds {int(counts.sum())} bytes, but its size and type ({per_pixel} bits) make {wanted}: the "
            "file is damaged. Copy it again"
        )


def _check_overlap(directories: Sequence[Directory], path: Path, whole: tuple[int, int] | None) -> None:
    data = _data(directories, whole)
    values = [directory.values() for directory in directories]
    own = np.array([(directory.start, directory.stop) for directory in directories], np.int64).reshape(-1, 2)
    others = np.concatenate([np.array([(0, directories[0].form.header)]), own, *values])
    spans = np.concatenate([data, others])
    is_data = np.arange(len(spans)) < len(data)
    order = np.lexsort([spans[:, 1], spans[:, 0]])
    reached, by_data = np.maximum.accumulate(spans[order, 1]), is_data[order]
    reached_by_data = np.maximum.accumulate(np.where(by_data, spans[order, 1], 0))
    starts = spans[order, 0][1:]
    overlap = np.where(by_data[1:], starts < reached[:-1], starts < reached_by_data[:-1])
    if overlap.any():
        at = int(starts[np.flatnonzero(overlap)[0]])
        raise VolumeError(
            f"{path}: two parts of the file claim the bytes from {at}, so that the place of a page is wrong: the file is "
            "damaged. Copy it again"
        )


def _data(directories: Sequence[Directory], whole: tuple[int, int] | None) -> Integers:
    """Bytes of all pages, in the order of the file; parts that equal each other are compressed once."""
    if whole is not None:
        return np.array([whole], np.int64)
    spans = np.concatenate([directory.spans() for directory in directories])
    compressed = any((found := directory.numbers(COMPRESSION)) is not None and found[0] != 1 for directory in directories)
    return np.unique(spans, axis=0) if compressed else spans


def _check_left_out(directories: Sequence[Directory], path: Path, whole: tuple[int, int] | None) -> None:
    """Look between what the list of pages reaches for a page like those in it: its link was lost."""
    form, data = directories[0].form, directories[0].data
    spans = _data(directories, whole)
    reached = np.concatenate([spans, [(directory.start, directory.stop) for directory in directories]])
    reached = reached[np.argsort(reached[:, 0])]
    stops = np.maximum.accumulate(reached[:, 1])
    gaps = list(zip([form.header, *stops.tolist()], [*reached[:, 0].tolist(), len(data)], strict=True))
    known = set(spans[:, 0].tolist())
    for sign in {directory.sign() for directory in directories}:
        for start, stop in gaps:
            at = data.find(sign, start, stop) - form.count.itemsize
            if at < start:
                continue
            lost = Directory(path, data, form, at)
            if lost.stop <= len(data) and not known & set(lost.spans()[:, 0].tolist()):
                raise VolumeError(
                    f"{path}: the list of pages leaves out a page at byte {at}, which is like the {len(directories)} in it: the "
                    "file is damaged. Copy it again"
                )
