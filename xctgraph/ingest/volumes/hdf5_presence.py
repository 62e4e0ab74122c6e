"""Whether the data of an HDF5 dataset are there: HDF5 reads what is not as fill values, without a word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py

from xctgraph.ingest.volumes import hdf5_virtual
from xctgraph.ingest.volumes.hdf5_discovery import get
from xctgraph.store.errors import VolumeError

MOST_NESTED = 8
COPY = "Copy it to its place, or write the volume with its voxels in one file"


@dataclass
class Presence:
    """Every file that holds voxels, and doubts that are no errors."""

    files: dict[Path, None] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def check(data: h5py.Dataset, name: str, path: Path) -> Presence:
    """Follow a dataset to its bytes: chunks, raw files, sources of a virtual dataset and theirs.

    Parameters
    ----------
    data : h5py.Dataset
    name, path
        The dataset as the user names it, and the file that was named.

    Raises
    ------
    VolumeError
        If a source file, a source dataset or a raw file is missing or too short; a virtual dataset has no source for part of
        its voxels and no fill value of its own; nothing was ever written; a compression filter is missing.
    """
    found = Presence()
    found.files[path.resolve()] = None
    _check(data, name, Path(data.file.filename).parent, found, 0, set())
    if len(found.warnings) > 3:
        found.warnings[2:] = [f"{name}: {len(found.warnings) - 2} more of its sources have chunks that were never written"]
    return found


def _check(data: h5py.Dataset, name: str, raw_home: Path, found: Presence, depth: int, seen: set[tuple[str, str]]) -> None:
    home = Path(data.file.filename)
    found.files[home.resolve()] = None
    if data.is_virtual:
        if depth >= MOST_NESTED:
            raise VolumeError(f"{name}: virtual datasets lead to one another more than {MOST_NESTED} deep. {COPY}")
        _check_sources(data, name, home, found, depth, seen)
        return
    check_filters(data, name)
    if data.external:
        _check_raw(data, name, raw_home, found)
    else:
        found.warnings += _check_allocation(data, name)


def _check_sources(data: h5py.Dataset, name: str, home: Path, found: Presence, depth: int, seen: set[tuple[str, str]]) -> None:
    regions: list[hdf5_virtual.Slab] = []
    mappings = hdf5_virtual.resolved(data, name, home)
    # A file is opened once, however many parts of it are mapped.
    for file_name in dict.fromkeys(mapping.file_name for mapping in mappings):
        source = home if file_name == "." else hdf5_virtual.place(home, file_name)
        if source is None:
            raise VolumeError(
                f"{name} is a virtual dataset whose source file {home.parent / file_name} is missing: HDF5 would show it as fill "
                "values. Copy the source file beside it"
            )
        try:
            file = h5py.File(source, "r", locking="best-effort")
        except OSError as error:
            raise VolumeError(
                f"{name} is a virtual dataset whose source file {source} cannot be opened as HDF5, it is damaged or still being "
                f"written: {error}"
            ) from error
        with file:
            for mapping in mappings:
                if mapping.file_name != file_name:
                    continue
                item = get(file, mapping.dataset)
                where = f"{source}:/{mapping.dataset.strip('/')}"
                if not isinstance(item, h5py.Dataset):
                    raise VolumeError(
                        f"{name} is a virtual dataset whose source {where} is not there: HDF5 would show it as fill values. "
                        f"{source} holds: {', '.join(list(file)[:10]) or 'nothing'}. Write that file again, or correct the name"
                    )
                regions += hdf5_virtual.mapped(mapping, item.shape, where, name)
                if (key := (str(source), mapping.dataset)) not in seen:
                    # HDF5 looks for raw files of sources in the working directory.
                    _check(item, where, Path.cwd(), found, depth + 1, seen)
                    seen.add(key)
    mapped, whole = hdf5_virtual.covered(data.shape, regions), math.prod(data.shape)
    if mapped < whole:
        what = f"{name} is a virtual dataset that has a source for {mapped} of its {whole} voxels only"
        # HDF5 leaves gaps as they were in memory where other parts are mapped twice: it only counts.
        twice = hdf5_virtual.points(regions) > mapped
        if twice or data.id.get_create_plist().fill_value_defined() != h5py.h5d.FILL_VALUE_USER_DEFINED:
            raise VolumeError(
                f"{what}: HDF5 would show the others as {'whatever was in memory' if twice else data.fillvalue}. Map every part "
                "once; where parts are meant to be empty, write the dataset with a fill value"
            )
        found.warnings.append(f"{what}; the others are read as the fill value {data.fillvalue}")


def _check_raw(data: h5py.Dataset, name: str, home: Path, found: Presence) -> None:
    left = math.prod(data.shape) * data.dtype.itemsize
    for raw, offset, size in data.external:
        file, part = home / raw, min(left, size)
        if not file.is_file():
            raise VolumeError(f"{name} keeps its voxels in the raw file {file}, which is missing. {COPY}")
        if file.stat().st_size < offset + part:
            raise VolumeError(
                f"{name} keeps its voxels in the raw file {file}, which is cut off: they reach to byte {offset + part}, the file "
                f"has {file.stat().st_size}. Copy it again"
            )
        found.files[file.resolve()] = None
        left -= part


def check_filters(data: h5py.Dataset, name: str) -> None:
    """Refuse a dataset whose compression cannot be decoded here."""
    properties = data.id.get_create_plist()
    for index in range(properties.get_nfilters()):
        code, _, _, label = properties.get_filter(index)
        if not h5py.h5z.filter_avail(code):
            filter_name = label.decode("ascii", "replace") or "unnamed"
            raise VolumeError(
                f"{name} is compressed with the HDF5 filter {code} ({filter_name}), which is not available here. "
                "Install its plugin and set HDF5_PLUGIN_PATH, or rewrite the file: h5repack -f GZIP=4 IN OUT"
            )


def _check_allocation(data: h5py.Dataset, name: str) -> Sequence[str]:
    """A file whose writer stopped looks whole."""
    stored = data.id.get_num_chunks() if data.chunks else int(data.id.get_storage_size() > 0)
    chunks = [math.ceil(size / chunk) for size, chunk in zip(data.shape, data.chunks or data.shape, strict=True)]
    missing = math.prod(chunks) - stored
    if missing <= 0:
        return ()
    what = f"{missing} of {math.prod(chunks)} chunks were never written" if data.chunks else "no data were ever written"
    undefined = data.id.get_create_plist().fill_value_defined() == h5py.h5d.FILL_VALUE_UNDEFINED
    if stored == 0 or undefined:
        raise VolumeError(f"{name}: {what}. Is the file still being written, or did its writer stop?")
    return (
        f"{name}: {what}; their voxels are read as the fill value {data.fillvalue}. Some programs leave out chunks that hold "
        "nothing else, but a file whose writer stopped looks the same: check it if this is more than you expect",
    )
