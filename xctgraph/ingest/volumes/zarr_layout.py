"""What tells a Zarr store from other folders and files; light, so that it can be asked of every input."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

SUFFIXES = (".zarr", ".zip")
METADATA = ("zarr.json", ".zgroup", ".zarray")
ZIP_MAGIC = b"PK\x03\x04"


def recognises(path: Path) -> bool:
    """Whether `path` is a folder with Zarr's metadata (or at least its name), or a zip file of one."""
    if path.is_dir():
        return path.suffix.lower() == ".zarr" or has_metadata(path)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        if file.read(4) != ZIP_MAGIC:
            return False
    with zipfile.ZipFile(path) as archive:
        return any(PurePosixPath(name).name in METADATA for name in archive.namelist())


def has_metadata(folder: Path) -> bool:
    """Whether `folder` is a Zarr group or array."""
    return any((folder / name).is_file() for name in METADATA)


def root_of(path: Path) -> tuple[Path, str]:
    """Root of the store that `path` lies in, and the way from it to `path`."""
    below: list[str] = []
    if path.is_dir() and has_metadata(path):
        while path.name and has_metadata(path.parent):
            below.insert(0, path.name)
            path = path.parent
    return path, "/".join(below)
