"""Mappings of an HDF5 virtual dataset: which voxels come from where (HDF5 virtual dataset RFC, `H5Pset_virtual`)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import h5py

from xctgraph.ingest.volumes.hdf5_discovery import get
from xctgraph.store.errors import VolumeError

UNLIMITED = h5py.h5s.UNLIMITED
NUMBER = "%b"
Slab = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""start, stride, count and block along each axis."""


@dataclass(frozen=True)
class Mapping:
    """Part of a virtual dataset, the dataset it comes from, and the part of that; `number` of the block in a series."""

    file_name: str
    dataset: str
    target: h5py.h5s.SpaceID
    source: h5py.h5s.SpaceID
    number: int | None = None


def resolved(data: h5py.Dataset, name: str, home: Path) -> list[Mapping]:
    """Mappings of a virtual dataset in the file `home`; one of a series (`part_%b.h5`) becomes one per member.

    Raises
    ------
    VolumeError
        If a member of a series is missing before its last one: HDF5 would end the volume there.
    """
    found = []
    for source in data.virtual_sources():
        mapping = Mapping(source.file_name, source.dset_name, source.vspace, source.src_space)
        series = NUMBER in source.file_name + source.dset_name
        found += _members(mapping, name, home) if series else [_at(mapping, None)]
    return found


def _at(mapping: Mapping, number: int | None) -> Mapping:
    """The member `number` of a series; %% stands for a percent sign."""
    file_name, dataset = (_numbered(text, number) for text in (mapping.file_name, mapping.dataset))
    return replace(mapping, file_name=file_name, dataset=dataset, number=number)


def _numbered(text: str, number: int | None) -> str:
    return "%".join(part if number is None else part.replace(NUMBER, str(number)) for part in text.split("%%"))


def _members(mapping: Mapping, name: str, home: Path) -> list[Mapping]:
    if NUMBER in mapping.file_name:
        series = home.parent / mapping.file_name
        folder, pattern = series.parent, series.name
        what = f"file {folder}/"
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    else:
        where, _, pattern = mapping.dataset.rpartition("/")
        file = home if mapping.file_name == "." else place(home, mapping.file_name)
        what = f"dataset {mapping.file_name}:{where}/"
        names = []
        if file is not None:
            with h5py.File(file, "r", locking="best-effort") as opened:
                group = get(opened, where or "/")
                names = list(group) if isinstance(group, h5py.Group) else []
    form = re.compile("%".join(re.escape(part).replace(re.escape(NUMBER), "(0|[1-9][0-9]*)") for part in pattern.split("%%")))
    numbers = {int(match[1]) for held in names if (match := form.fullmatch(held))}
    missing = sorted(set(range(max(numbers, default=0) + 1)) - numbers)
    if missing:
        raise VolumeError(
            f"{name} is a virtual dataset of a series of which the {what}{_numbered(pattern, missing[0])} is missing: "
            "HDF5 would show a shorter volume. Copy every member of the series to its place"
        )
    return [_at(mapping, number) for number in sorted(numbers)]


def place(home: Path, name: str) -> Path | None:
    """Where HDF5 finds the source file `name` of a virtual dataset in the file `home`; None if nowhere."""
    beside = home.parent / (Path(name).name if Path(name).is_absolute() else name)
    return next((file for file in (home.parent / name, beside, Path.cwd() / name) if file.is_file()), None)


def mapped(mapping: Mapping, shape: tuple[int, ...], where: str, name: str) -> Iterator[Slab]:
    """What a mapping gives of the virtual dataset, given the shape that its source `where` has.

    Raises
    ------
    VolumeError
        If the source is smaller than what is mapped of it.
    """
    source, target = list(_slabs(mapping.source)), list(_slabs(mapping.target))
    if not source:
        # All of the source, of whatever shape it had: HDF5 keeps none.
        fits = points(target) == math.prod(shape)
    else:
        fits = all(
            len(slab[0]) == len(shape) and all(end <= size for end, size in zip(_ends(slab), shape, strict=True))
            for slab in source
        )
    if not fits:
        raise VolumeError(
            f"{name} is a virtual dataset that maps {where}, which has another shape than it says: {shape}. Was that file "
            "written to its end? Write or copy it again"
        )
    for slab in target:
        axis = _unlimited(slab)
        if axis is None:
            yield slab
        elif mapping.number is not None:
            yield _with(slab, axis, slab[0][axis] + mapping.number * slab[1][axis], 1, slab[3][axis])
        else:
            yield from _filled(slab, axis, _available(source[0], shape) if source else 0)


def covered(shape: tuple[int, ...], regions: Sequence[Slab]) -> int:
    """Voxels in the union of the regions."""
    space = h5py.h5s.create_simple(shape)
    space.select_none()
    for start, stride, count, block in regions:
        space.select_hyperslab(start, count, stride, block, op=h5py.h5s.SELECT_OR)
    return int(space.get_select_npoints())


def _slabs(space: h5py.h5s.SpaceID) -> Iterator[Slab]:
    """What is selected, as regular slabs; nothing for all of a dataset whose shape is not kept."""
    kind = space.get_select_type()
    ones = (1,) * space.get_simple_extent_ndims()
    if kind == h5py.h5s.SEL_ALL and ones:
        yield (0,) * len(ones), ones, ones, space.get_simple_extent_dims()
    elif kind == h5py.h5s.SEL_HYPERSLABS and space.is_regular_hyperslab():
        start, stride, count, block = (tuple(int(n) for n in part) for part in space.get_regular_hyperslab())
        yield start, stride, count, block
    elif kind == h5py.h5s.SEL_HYPERSLABS:
        for first, last in space.get_select_hyper_blocklist():
            yield tuple(map(int, first)), ones, ones, tuple(int(b - a) + 1 for a, b in zip(first, last, strict=True))


def _ends(slab: Slab) -> list[int]:
    """Behind the last slice along each axis; 0 where it is unlimited."""
    return [
        0 if UNLIMITED in (count, block) else start + (count - 1) * stride + block
        for start, stride, count, block in zip(*slab, strict=True)
    ]


def points(slabs: Sequence[Slab]) -> int:
    """Voxels of all slabs together, each counted as often as it is in one; of unlimited slabs, those of one block."""
    return sum(math.prod((1 if n == UNLIMITED else n) * size for n, size in zip(slab[2], slab[3], strict=True)) for slab in slabs)


def _unlimited(slab: Slab) -> int | None:
    return next((axis for axis, pair in enumerate(zip(slab[2], slab[3], strict=True)) if UNLIMITED in pair), None)


def _available(slab: Slab, shape: tuple[int, ...]) -> int:
    """Slices that an unlimited selection takes of a source of this shape."""
    axis = _unlimited(slab)
    if axis is None:
        return 0
    start, stride, _, block = (part[axis] for part in slab)
    left = max(0, shape[axis] - start)
    return left if block == UNLIMITED else left // stride * block + min(left % stride, block)


def _filled(slab: Slab, axis: int, n: int) -> Iterator[Slab]:
    """The first `n` slices of an unlimited selection."""
    start, stride, _, block = (part[axis] for part in slab)
    if block == UNLIMITED:
        block = max(n, 1)
    if n // block:
        yield _with(slab, axis, start, n // block, block)
    if n % block:
        yield _with(slab, axis, start + n // block * stride, 1, n % block)


def _with(slab: Slab, axis: int, start: int, count: int, block: int) -> Slab:
    """The slab with other values along `axis`."""

    def put(values: tuple[int, ...], value: int) -> tuple[int, ...]:
        return (*values[:axis], value, *values[axis + 1 :])

    return put(slab[0], start), slab[1], put(slab[2], count), put(slab[3], block)
