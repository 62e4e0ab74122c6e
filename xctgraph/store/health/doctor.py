"""Examining a store, and mending what can be mended without touching the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from xctgraph.store import files, lock, manifest, recovery
from xctgraph.store import parts as store_parts
from xctgraph.store.errors import InputError, StoreCorrupt, StoreError, StoreNotFound, XctGraphError
from xctgraph.store.health import leftovers, parts, projections, rows
from xctgraph.store.health.fault import FROM_BACKUP, Fault
from xctgraph.store.manifest import Manifest
from xctgraph.store.progress import Progress, silent
from xctgraph.store.projection import Held
from xctgraph.store.store import Store


@dataclass(frozen=True)
class Report:
    """What an examination found; `revision` is None where the newest manifest cannot be read."""

    revision: int | None
    n_parts: int
    n_rows: int
    faults: tuple[Fault, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def healthy(self) -> bool:
        """Whether there is no fault."""
        return not self.faults


def examine(store: Store, *, progress: Progress = silent) -> Report:
    """Compare manifest, parts, rows and projections of the newest revision with each other; nothing is changed.

    Raises
    ------
    StoreNotFound
        If the store was removed meanwhile.
    StoreError
        If it has a newer format.
    StoreUnwritable
        If no space is left for the locks and files that engines make as they read.
    """
    with files.explained(store.path, "nothing was changed"):
        return _examined(store, progress)


def _examined(store: Store, progress: Progress) -> Report:
    notes: list[str] = []
    faults: list[Fault] = []
    try:
        newest = store.manifest()
    except StoreNotFound:
        raise
    except StoreCorrupt as error:
        faults.append(_unreadable(store.path, error))
        faults += _leftovers(store)
        return Report(None, 0, 0, tuple(faults))
    faults += _lost_manifests(store, newest)
    notes += _unreadable_older(store.path)
    progress("parts", 0, 0)
    damaged = list(parts.check(store.path, newest.parts))
    faults += [fault for _, fault in damaged]
    progress("rows", 0, 0)
    faults += rows.check(store.path, newest.parts, {part.table for part, _ in damaged})
    if damaged:
        faults.append(_way_back(store.path, newest.revision))
        notes.append("projections are not compared: parts that they show are damaged")
    else:
        for projection in store.projections:
            progress(projection.name, 0, 0)
            faults += projections.check(store, projection, notes)
    faults += _leftovers(store)
    return Report(newest.revision, len(newest.parts), sum(part.rows for part in newest.parts), tuple(faults), tuple(notes))


def repair(store: Store, report: Report, *, to_revision: int | None = None, progress: Progress = silent) -> list[str]:
    """Remove leftovers, load faulty projections anew and, only where told, go back to an older revision; tell what was done.

    Parts and manifests that can be read are never changed or removed.

    Parameters
    ----------
    to_revision
        An older revision whose content becomes the newest revision.

    Raises
    ------
    InputError
        If `to_revision` is not a revision that is there with all its parts.
    StoreLocked
        If another writer is at work.
    """
    done = []
    if to_revision is not None:
        done += _go_back(store, to_revision)
    with (
        files.explained(store.path, "nothing that the store needs was touched"),
        leftovers.free_locks(store.path, f"repairing {store.path}", take=True) as free,
    ):
        for path in leftovers.stale_locks(store.path):
            lock.clear(path)
            done.append(f"removed {path.name}, the lock of a process that runs no more")
        if free[lock.WRITE_LOCK]:
            done += _publish_again(store.path)
        left = leftovers.find(store.path, _referenced(store), free)
        n_bytes = sum(map(leftovers.size, left))
        for path in left:
            leftovers.remove(path)
        if left:
            done.append(f"removed {len(left)} files ({n_bytes} bytes) that killed processes had left")
    faulty = {fault.where for fault in report.faults if fault.kind == "projection"}
    for projection in store.projections:
        # The difference to an older revision may need the part that is damaged.
        if to_revision is not None or projections.file_of(projection) in faulty:
            progress(f"{projection.name}: loading anew", 0, 0)
            projections.rebuild(store, projection)
            done.append(f"loaded {projection.name} anew from the parts")
    return done


def _lost_manifests(store: Store, newest: Manifest) -> Iterator[Fault]:
    root = store.path
    if lock.is_held(root / lock.WRITE_LOCK):  # a commit is on its way
        return
    again = recovery.rebuilt(root, newest)
    for held in again:
        yield Fault(
            "manifest",
            manifest.path_of(root, held.revision).name,
            f"is missing, but all parts of revision {held.revision} are there: it was deleted, or its writer killed as it ended",
            f"`xctgraph doctor --repair --store {root}` makes it again from what the parts record",
            True,
        )
    last = again[-1] if again else newest
    if later := recovery.kept(root, last, _held(store)):
        yield Fault(
            "manifest",
            f"manifest-{last.revision + 1}.json or later",
            f"is missing: a projection or a job shows a revision newer than {last.revision}; the {len(later)} parts that were "
            f"written for it are kept, but without the manifest the store is at revision {last.revision}",
            f"{FROM_BACKUP}, or put the manifest back if you have a copy; what you ingest now hides these parts",
        )


def _unreadable_older(root: Path) -> Iterator[str]:
    """The newest revision does not need them: no faults."""
    for revision in manifest.revisions(root)[:-1]:
        try:
            manifest.read(root, revision)
        except StoreCorrupt as error:
            name = manifest.path_of(root, revision).name
            yield f"{name}, of an older revision, cannot be read; nobody can go back to it: {error}"


def _publish_again(root: Path) -> list[str]:
    try:
        newest = manifest.newest(root)
    except StoreCorrupt:
        return []
    again = [] if newest is None else recovery.rebuilt(root, newest)
    for held in again:
        manifest.write(root, held)
    return [f"made {manifest.path_of(root, held.revision).name} again from what its parts record" for held in again]


def _held(store: Store) -> Iterator[Held | None]:
    for projection in store.projections:
        try:
            yield projection.held()
        except XctGraphError:  # a server that is not there shows nothing; its own check says so
            yield None


def _leftovers(store: Store) -> Iterator[Fault]:
    root = store.path
    remedy = f"`xctgraph doctor --repair --store {root}` or `xctgraph gc --store {root}` removes it"
    for path in leftovers.stale_locks(root):
        owner = lock.owner(path)
        who = f"the lock of {owner}" if owner is not None else "a lock that names nobody"
        yield Fault("leftover", path.name, f"{who}, which runs no more; the next who needs it takes it over", remedy, True)
    with leftovers.free_locks(root, "examining", take=False) as free:
        left = leftovers.find(root, _referenced(store), free)
    if left:
        n_bytes = sum(map(leftovers.size, left))
        names = ", ".join(path.relative_to(root).as_posix() for path in left[:3]) + (", …" if len(left) > 3 else "")
        yield Fault("leftover", names, f"{len(left)} files ({n_bytes} bytes) that killed processes left", remedy, True)


def _referenced(store: Store) -> set[str] | None:
    root = store.path
    listed: set[str] = set()
    for revision in manifest.revisions(root):
        try:
            listed |= {part.path for part in manifest.read(root, revision).parts}
        except StoreCorrupt:
            return None
    return listed | recovery.kept(root, store.manifest(), _held(store))


def _unreadable(root: Path, error: StoreError) -> Fault:
    newest = manifest.revisions(root)[-1]
    return Fault("manifest", f"manifest-{newest}.json", f"cannot be read: {error}", _remedy(root, newest))


def _way_back(root: Path, newest: int) -> Fault:
    return Fault("manifest", f"manifest-{newest}.json", "lists parts that are missing or damaged", _remedy(root, newest))


def _remedy(root: Path, newest: int) -> str:
    for revision in reversed(manifest.revisions(root)):
        if revision < newest and (held := _whole(root, revision)) is not None:
            return (
                f"{FROM_BACKUP}, or `xctgraph doctor --repair --to-revision {revision} --store {root}` goes back to revision "
                f"{revision} of {held.created_at}; lost would be {_lost(root, held)}"
            )
    return f"{FROM_BACKUP}; no older revision is there with all its parts"


def _whole(root: Path, revision: int) -> Manifest | None:
    try:
        held = manifest.read(root, revision)
        store_parts.verify(root, held.parts)
    except StoreError:
        return None
    return held


def _lost(root: Path, held: Manifest) -> str:
    """What later revisions wrote, by the names of the parts, since their manifests may be unreadable."""
    listed = {part.path for part in held.parts}
    scans, samples = set(), set()
    for path in (root / store_parts.FOLDER).glob("*/*/*.parquet"):
        scan, revision, *_ = path.stem.split("-")
        if path.relative_to(root).as_posix() not in listed and revision[:1] == "r" and int(revision[1:]) > held.revision:
            sample = store_parts.sample_of(path.parent.name) or "no sample"
            samples.add(sample)
            if scan != "all":
                scans.add((sample, int(scan[1:])))
    named = [f"{sample} t = {t}" for sample, t in sorted(scans)] + sorted(samples - {sample for sample, _ in scans})
    return f"what later revisions wrote of {', '.join(named)}" if named else "nothing that later revisions wrote"


def _go_back(store: Store, revision: int) -> list[str]:
    root = store.path
    stays = "the store is as it was"
    with files.explained(root, stays), lock.held(root / lock.WRITE_LOCK, f"going back in {root}"):
        numbers = manifest.revisions(root)
        held = _whole(root, revision) if revision in numbers else None
        if held is None:
            whole = [str(number) for number in numbers[:-1] if _whole(root, number) is not None]
            raise InputError(
                f"revision {revision} is not there with all its parts: valid are {', '.join(whole) or 'none, restore a backup'}"
            )
        lost = _lost(root, held)
        now = datetime.now(UTC).isoformat()
        manifest.write(root, replace(held, revision=numbers[-1] + 1, previous=revision, created_at=now, format=manifest.FORMAT))
    return [f"went back to revision {revision}, which is now revision {numbers[-1] + 1}; left behind: {lost}"]
