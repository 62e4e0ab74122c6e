"""Garbage: revisions that no reader needs any more, their parts, and what killed processes left."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from xctgraph.store import files, lock, manifest, recovery
from xctgraph.store.errors import InputError, StoreCorrupt
from xctgraph.store.health import leftovers
from xctgraph.store.manifest import Manifest
from xctgraph.store.store import Store

GRACE_SECONDS = 3600.0


@dataclass(frozen=True)
class Collected:
    """What was removed, or would be in a dry run: revisions, parts, leftovers, bytes; `kept` says what waits, and why."""

    revisions: tuple[int, ...]
    n_parts: int
    n_leftovers: int
    n_bytes: int
    kept: tuple[str, ...]


def collect(store: Store, *, grace_seconds: float = GRACE_SECONDS, dry_run: bool = False) -> Collected:
    """Remove revisions that were superseded longer ago than the grace period, parts that only they list, and leftovers.

    What the newest revision, a reader within the grace period, a projection, a backup or a running writer needs stays: files that
    the holder of a lock may need are left to the next run.

    Parameters
    ----------
    grace_seconds
        A reader may hold a revision for this long after the next one was published.
    dry_run
        Remove nothing; tell what would go.

    Raises
    ------
    StoreCorrupt
        If the newest manifest cannot be read.
    EngineError
        If the graph engine cannot be reached or holds another store's graph.
    StoreUnwritable
        If there is no permission to remove files.
    """
    if grace_seconds < 0:
        raise InputError(f"a grace period of {grace_seconds} s is not valid: it must be 0 or more")
    root = store.path
    with (
        files.explained(root, "nothing that the store needs was touched"),
        leftovers.free_locks(root, f"collecting garbage of {root}", take=not dry_run) as free,
    ):
        kept = [f"{_holder(root / name)} is at work: what it may need stays" for name, is_free in free.items() if not is_free]
        newest = store.manifest()
        nobody_reads = all(free[name] for name in (*leftovers.PROJECTION_LOCKS, leftovers.BACKUP_LOCK))
        old = _superseded(root, grace_seconds) if nobody_reads else []
        # The difference of a projection to a newer revision is found from the one that it shows.
        held_by = [projection.held() for projection in store.projections]
        shown = {held.revision for held in held_by if held is not None}
        old = [revision for revision in old if revision not in shown]
        staying = [number for number in manifest.revisions(root) if number not in old]
        if len(staying) > 1:
            kept.append(f"{len(staying) - 1} older revisions are within the grace period, or shown by a projection")
        needed = _parts(root, staying)
        if needed is None:
            kept.append("a manifest within the grace period cannot be read: all parts stay, see `xctgraph doctor`")
        if needed is not None and (lost := recovery.kept(root, newest, held_by)):
            needed |= lost
            kept.append(f"{len(lost)} parts of revisions whose manifest is missing, see `xctgraph doctor`")
        going = _parts_of_old(root, old, needed)
        left = [path for path in leftovers.find(root, needed, free) if path not in going]
        n_bytes = sum(map(leftovers.size, (*going, *left, *(manifest.path_of(root, revision) for revision in old))))
        if not dry_run:
            # Manifests first: one whose parts are gone must not be there.
            for path in (*(manifest.path_of(root, revision) for revision in old), *sorted(going), *left):
                leftovers.remove(path)
            if free[lock.WRITE_LOCK]:
                leftovers.remove_empty_folders(root)
    return Collected(tuple(old), len(going), len(left), n_bytes, tuple(kept))


def _superseded(root: Path, grace_seconds: float) -> list[int]:
    numbers = manifest.revisions(root)
    latest = time.time() - grace_seconds
    return [number for number, following in pairwise(numbers) if manifest.path_of(root, following).stat().st_mtime <= latest]


def _parts(root: Path, revisions: list[int]) -> set[str] | None:
    found: set[str] = set()
    for revision in revisions:
        try:
            found |= {part.path for part in manifest.read(root, revision).parts}
        except StoreCorrupt:
            return None
    return found


def _parts_of_old(root: Path, old: list[int], needed: set[str] | None) -> set[Path]:
    if needed is None:
        return set()
    listed: set[str] = set()
    for revision in old:
        held = _read(root, revision)
        listed |= {part.path for part in held.parts} if held is not None else set()
    return {path for name in listed - needed if (path := root / name).exists()}


def _read(root: Path, revision: int) -> Manifest | None:
    try:
        return manifest.read(root, revision)
    except StoreCorrupt:
        return None


def _holder(path: Path) -> str:
    owner = lock.owner(path)
    return f"a process that holds {path.name}" if owner is None else str(owner)
