"""Which scans a folder holds, and which t each of them is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from xctgraph.ingest.volumes.registry import readers
from xctgraph.ingest.volumes.slices import SUFFIXES, natural
from xctgraph.ingest.watch.finished import is_temporary

_ZARR = ("zarr.json", ".zgroup", ".zattrs", ".zarray")


def scans_in(folder: Path, pattern: str) -> list[Path]:
    """Files of a known format, folders that hold TIFF slices and Zarr folders that match the pattern, in natural order.

    Hidden names and those of `finished.TEMPORARY` are left out.
    """
    found = [path for path in folder.glob(pattern) if _is_scan(path, folder)]
    return sorted(found, key=lambda path: [natural(part) for part in path.relative_to(folder).parts])


def assign(names: Iterable[str], known: Mapping[str, int], first_t: int) -> dict[str, int | None]:
    """Scan index of each name: its own where it is in the store, else one more than that of the name before it.

    The k-th name of a fresh folder gets `first_t + k`, whether or not the scans before it could be read: one that is repaired
    later finds its place free. None where that place is taken: the name came after a later one had been ingested.

    Parameters
    ----------
    names
        In natural order.
    known
        Scan index of the names that the store holds.
    first_t
        Scan index of the first name, where that is not in the store.
    """
    taken = set(known.values())
    found: dict[str, int | None] = {}
    following = first_t
    for name in names:
        t = known.get(name, following)
        if name not in known and t in taken:
            found[name] = None
            continue
        found[name] = t
        following = t + 1
    return found


def _is_scan(path: Path, folder: Path) -> bool:
    if any(is_temporary(part) for part in path.relative_to(folder).parts):
        return False
    if path.is_dir():
        with os.scandir(path) as entries:
            return any(entry.name in _ZARR or entry.name.lower().endswith(SUFFIXES) for entry in entries)
    return path.is_file() and any(path.suffix.lower() in reader.suffixes for reader in readers())
