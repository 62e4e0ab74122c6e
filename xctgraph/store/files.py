"""Files that appear whole or not at all, and their checksums."""

from __future__ import annotations

import errno
import getpass
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from xctgraph.store.errors import StoreUnwritable, XctGraphError

TEMPORARY = ".tmp-"
NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


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


@contextmanager
def explained(folder: Path, what_stays: str) -> Iterator[None]:
    """Turn what the system says when the store's folder cannot be written into an error that names the remedy.

    Raises
    ------
    StoreUnwritable
        If there is no permission or no space.
    """
    try:
        yield
    except OSError as error:
        named = [str(name) for name in (error.filename, error.filename2) if name is not None]
        inside = not named or any(name.startswith(str(folder)) for name in named)
        if isinstance(error, XctGraphError) or not inside:
            raise
        if error.errno in NO_SPACE:
            # A folder that is yet to become a backup holds nothing that could be collected.
            room = f" (`xctgraph gc --store {folder}` removes old revisions)" if any(folder.glob("manifest-*.json")) else ""
            raise StoreUnwritable(
                f"no space is left to write to {folder} ({error}): {what_stays}; make room{room}, then run the same command again"
            ) from error
        if error.errno in _FORBIDDEN and error.filename is not None:
            path = Path(os.fsdecode(error.filename))
            unreadable = path.is_file() and not os.access(path, os.R_OK)
            raise forbidden("read" if unreadable else "write", folder, f"{error}: {what_stays}") from error
        raise


def forbidden(what: str, folder: Path, told: str) -> StoreUnwritable:
    """The error that there is no permission to "read" or "write"."""
    return StoreUnwritable(
        f"user {_user()} may not {what} the store {folder}: {told}; get {what} permission for the folder and all in it, "
        "or work on a copy"
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name
        return str(os.getuid())


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


def write_checksum(path: Path, of: Path) -> None:
    """Keep the checksum of a file `of` that is about to get the name `path`."""
    with new_file(_checksum_of(path)) as temporary:
        temporary.write_text(sha256(of), encoding="utf-8")


def differs_from_checksum(path: Path) -> bool:
    """Whether the file is another than its checksum says; false where none was kept."""
    try:
        return _checksum_of(path).read_text(encoding="utf-8") != sha256(path)
    except FileNotFoundError:
        return False


def _checksum_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def temporary_beside(path: Path) -> Path:
    """A free name in the folder of `path`, recognisable as temporary."""
    return path.with_name(f"{path.name}{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}")


def remove(path: Path) -> None:
    """Remove a file and the files beside it that engines write, or that hold its checksum, where they exist."""
    for file in (path, *(path.with_name(path.name + suffix) for suffix in (".wal", ".shadow", ".tmp", ".sha256"))):
        with suppress(FileNotFoundError):
            file.unlink()


def sweep(folder: Path, name: str) -> None:
    """Remove temporary files and folders that an interrupted process left beside `folder/name`; only under its lock."""
    for file in folder.glob(f"{name}*{TEMPORARY}*"):
        if file.is_dir():
            shutil.rmtree(file, ignore_errors=True)
        else:
            remove(file)
