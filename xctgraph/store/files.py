"""Files that appear whole or not at all, and their checksums."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TEMPORARY = ".tmp-"


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(temporary: Path, path: Path) -> None:
    """Give a finished file its name; it is on the disk before and after."""
    sync(temporary)
    temporary.replace(path)
    sync(path.parent)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that gets its name when the block ends well and is removed when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        yield temporary
        publish(temporary, path)
    finally:
        remove(temporary)


def temporary_beside(path: Path) -> Path:
    """A free name in the folder of `path`, recognisable as temporary."""
    return path.with_name(f"{path.name}{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}")


def remove(path: Path) -> None:
    """Remove a file and the side files that engines write beside it, where they exist."""
    for file in (path, *(path.with_name(path.name + suffix) for suffix in (".wal", ".shadow", ".tmp"))):
        with suppress(FileNotFoundError):
            file.unlink()


def sweep(folder: Path, name: str) -> None:
    """Remove temporary files and folders that an interrupted process left beside `folder/name`; only under its lock."""
    for file in folder.glob(f"{name}{TEMPORARY}*"):
        if file.is_dir():
            shutil.rmtree(file, ignore_errors=True)
        else:
            remove(file)
