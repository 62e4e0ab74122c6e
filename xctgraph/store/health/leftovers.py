"""Files that a killed process left behind, and the locks that tell which files a living one still needs."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from pathlib import Path

from xctgraph.store import files, lock, parts
from xctgraph.store.errors import StoreLocked

BACKUP_LOCK = "backup.lock"
PROJECTION_LOCKS = ("statistics.lock", "ladybug.lock", "neo4j.lock")
LOCKS = (lock.WRITE_LOCK, *PROJECTION_LOCKS, BACKUP_LOCK)

# A lock file is made under another name first, and linked within moments.
_LINKING_SECONDS = 60.0
# Scans that were measured, but not taken into the store: the same ingest, run again, goes on from them.
MEASURED = "measured"
_MEASURED_SECONDS = 86_400.0
_OF_LOCK = {
    lock.WRITE_LOCK: "manifest-*.json",
    "statistics.lock": "statistics.duckdb",
    "ladybug.lock": "graph.lbug",
}


@contextmanager
def free_locks(root: Path, purpose: str, *, take: bool) -> Iterator[dict[str, bool]]:
    """Which of `LOCKS` nobody holds; with `take` they are held while the block runs, so that nobody starts meanwhile."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(_free(root / name, purpose, take=take)) for name in LOCKS}


@contextmanager
def held_if_writable(path: Path, purpose: str, wait_seconds: float) -> Iterator[bool]:
    """Hold a lock that keeps others from changing what is read; false where locks cannot be made, so that nobody changes it.

    Raises
    ------
    StoreLocked
        If another process holds it for longer than `wait_seconds`.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(lock.held(path, purpose, wait_seconds, on_full_disk=True))
            taken = True
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            taken = False
        yield taken


def find(root: Path, referenced: AbstractSet[str] | None, free: Mapping[str, bool]) -> list[Path]:
    """Temporary files, parts that no manifest lists, whose writer is dead, and scans measured a day ago and never taken in.

    Parameters
    ----------
    referenced
        Paths of the parts that any manifest lists; None where a manifest cannot be read: then every part may be in it.
    free
        Result of `free_locks`: files that the holder of a lock may be writing are left out.
    """
    found = [path for name, stem in _OF_LOCK.items() if free[name] for path in root.glob(f"{stem}*{files.TEMPORARY}*")]
    oldest = time.time() - _LINKING_SECONDS
    found += [path for path in root.glob(f"*.lock{files.TEMPORARY}*") if _modified(path) < oldest]
    if free[lock.WRITE_LOCK]:
        for path in (root / parts.FOLDER).glob("*/*/*"):
            if files.TEMPORARY in path.name or (
                referenced is not None and path.suffix == ".parquet" and path.relative_to(root).as_posix() not in referenced
            ):
                found.append(path)
        oldest = time.time() - _MEASURED_SECONDS
        found += [path for path in (root / MEASURED).glob("*") if _modified(path) < oldest]
    return sorted(found)


def stale_locks(root: Path) -> list[Path]:
    """Lock files of processes that certainly run no more."""
    return sorted(path for path in root.glob("*.lock") if lock.stale(path))


def size(path: Path) -> int:
    """Bytes of a file or folder; 0 where it is gone."""
    try:
        return sum(file.stat().st_size for file in path.rglob("*")) if path.is_dir() else path.stat().st_size
    except FileNotFoundError:
        return 0


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove_empty_folders(root: Path) -> None:
    """Remove folders of parts that hold nothing; only under the write lock."""
    for folder in sorted((root / parts.FOLDER).glob("*/*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


@contextmanager
def _free(path: Path, purpose: str, *, take: bool) -> Iterator[bool]:
    if not take:
        yield not lock.is_held(path)
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(lock.held(path, purpose, on_full_disk=True))
        except StoreLocked:
            free = False
        else:
            free = True
        yield free


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()
