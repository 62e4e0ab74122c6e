"""Backups: one revision of a store as a store of its own, and a store made from one."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from xctgraph.store import files, lock, manifest, parts
from xctgraph.store.errors import InputError, StoreCorrupt, StoreError, StoreNotFound
from xctgraph.store.health.leftovers import BACKUP_LOCK, held_if_writable
from xctgraph.store.manifest import Manifest
from xctgraph.store.parts import Part
from xctgraph.store.progress import Progress, silent
from xctgraph.store.store import Store

WAIT_SECONDS = 600.0


@dataclass(frozen=True)
class Copied:
    """A revision that was copied: files copied now, files that were there already, bytes of all."""

    revision: int
    n_copied: int
    n_there: int
    n_bytes: int


def back_up(store: Store, destination: Path, *, link: bool = False, progress: Progress = silent) -> Copied:
    """Copy the newest revision into the folder `destination`, also while a writer is at work.

    The backup is a store: it can be opened, examined and asked. A second one into the same folder copies what is new; parts
    of older backups stay until `gc` is run there. Every file is compared with its checksum; the manifest comes last, so a
    backup that was cut off leaves the one before it.

    Parameters
    ----------
    link
        Make hard links in place of copies: at once and without space, but damage to a file's content is damage to both.

    Raises
    ------
    InputError
        If `destination` is inside the store, is no folder of backups of this store, or cannot hold links to it.
    StoreCorrupt
        If a part of the store is missing or differs from its checksum; the backup that was there stays.
    StoreError
        If `destination` holds a newer revision.
    """
    target = destination.expanduser().resolve()
    if target == store.path or store.path in target.parents:
        raise InputError(f"{target} lies in the store {store.path}: give a folder outside, best on another disk")
    with ExitStack() as stack:
        stack.enter_context(files.explained(target, "the backup that was there stays"))
        _make_folder(target, store.manifest())
        stack.enter_context(lock.held(target / lock.WRITE_LOCK, f"writing to {target}", 0.0))
        # Garbage collection leaves the revision alone while this is held.
        stack.enter_context(held_if_writable(store.path / BACKUP_LOCK, f"copying {store.path}", WAIT_SECONDS))
        wanted = store.manifest()
        newest = manifest.revisions(target)[-1:]
        if newest and newest[0] > wanted.revision:
            raise StoreError(
                f"{target} holds revision {newest[0]}, newer than revision {wanted.revision} of {store.path}: restore from it, "
                "or back up into another folder"
            )
        copied = _copy(store.path, target, wanted.parts, link=link, progress=progress)
        _publish_copy(target, wanted)
    return Copied(wanted.revision, *copied)


def restore(source: Path, destination: Path, *, overwrite: bool = False, progress: Progress = silent) -> Copied:
    """Make a store from a backup (or from any store), after all its checksums were found right.

    Parameters
    ----------
    overwrite
        Where `destination` holds a store: make the backup's content its newest revision, in one commit. What was there stays as
        older revisions until it is collected as garbage.

    Raises
    ------
    StoreNotFound
        If there is no store at `source`.
    StoreCorrupt
        If a part of it is missing or differs from its checksum; nothing was changed.
    InputError
        If `destination` holds a store and `overwrite` is false, or holds anything else.
    StoreLocked
        If a writer is at work in `destination`.
    """
    origin, target = source.expanduser().resolve(), destination.expanduser().resolve()
    if not manifest.revisions(origin):
        raise StoreNotFound(f"there is no backup or store at {origin}: give a folder that `xctgraph backup` made")
    if origin == target:
        raise InputError(f"{origin} is given both as backup and as store: give another folder for the store with --store")
    wanted = manifest.read(origin, manifest.revisions(origin)[-1])
    progress("comparing the backup with its checksums", 0, 0)
    parts.verify(origin, wanted.parts)
    there = manifest.revisions(target)
    if there and not overwrite:
        raise InputError(f"{target} is a store at revision {there[-1]}: give --overwrite to make the backup its newest revision")
    with ExitStack() as stack:
        stack.enter_context(files.explained(target, "what was there stays"))
        if not there:
            _make_folder(target, wanted)
        stack.enter_context(lock.held(target / lock.WRITE_LOCK, f"writing to {target}", 0.0))
        there = manifest.revisions(target)
        copied = _copy(origin, target, wanted.parts, link=False, progress=progress)
        if there:
            wanted = replace(
                wanted,
                revision=max(there[-1], wanted.revision) + 1,
                previous=there[-1],
                created_at=datetime.now(UTC).isoformat(),
                format=manifest.FORMAT,
            )
        _publish_copy(target, wanted)
    return Copied(wanted.revision, *copied)


def _make_folder(target: Path, wanted: Manifest) -> None:
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file: give a folder")
    there = manifest.revisions(target)
    # A first backup that was cut off has left parts, and no manifest.
    ours = re.compile(rf"{parts.FOLDER}|.*\.lock.*|.*{re.escape(files.TEMPORARY)}.*")
    strange = [] if there or not target.exists() else [path for path in target.iterdir() if not ours.fullmatch(path.name)]
    if strange:
        raise InputError(f"{target} holds {strange[0].name!r}, which is none of a store's: give an empty or new folder")
    if there:
        other = manifest.read(target, there[-1]).store_id
        if other != wanted.store_id:
            raise InputError(f"{target} holds another store ({other}, not {wanted.store_id}): give a folder of its own")
    target.mkdir(parents=True, exist_ok=True)


def _copy(source: Path, target: Path, wanted: Sequence[Part], *, link: bool, progress: Progress) -> tuple[int, int, int]:
    n_copied = 0
    for done, part in enumerate(wanted):
        progress("copying", done, len(wanted))
        path = target / part.path
        if path.is_file() and path.stat().st_size == part.bytes and files.sha256(path) == part.sha256:
            continue
        with files.new_file(path) as temporary:
            _place(source / part.path, temporary, link=link)
            if temporary.stat().st_size != part.bytes or files.sha256(temporary) != part.sha256:
                raise StoreCorrupt(
                    f"{source / part.path} differs from its checksum, or was changed by the copy: "
                    f"`xctgraph doctor --store {source}` says what is damaged"
                )
        n_copied += 1
    progress("copying", len(wanted), len(wanted))
    return n_copied, len(wanted) - n_copied, sum(part.bytes for part in wanted)


def _place(path: Path, temporary: Path, *, link: bool) -> None:
    try:
        if link:
            os.link(path, temporary)
        else:
            shutil.copyfile(path, temporary)
    except FileNotFoundError as error:
        raise StoreCorrupt(
            f"{path} is missing: `xctgraph doctor --store {path.parents[3]}` says what is damaged, and what can be done"
        ) from error
    except OSError as error:
        if link and not isinstance(error, PermissionError):
            raise InputError(f"no hard link to {path} can be made in {temporary.parent} ({error}): leave --link out") from error
        raise


def _publish_copy(target: Path, wanted: Manifest) -> None:
    there = manifest.revisions(target)
    if there and there[-1] == wanted.revision:
        if manifest.read(target, wanted.revision).state == wanted.state:
            return
        raise StoreError(
            f"{target} holds another revision {wanted.revision} (the two stores went different ways): give another folder"
        )
    manifest.write(target, wanted)
