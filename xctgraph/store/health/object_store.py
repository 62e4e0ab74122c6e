"""Backups in an object store (s3://BUCKET/FOLDER): parts are immutable, so that each goes there once; the manifest goes last."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from xctgraph.store import files, manifest
from xctgraph.store.errors import InputError, StoreCorrupt, StoreError, StoreNotFound
from xctgraph.store.health import backup
from xctgraph.store.health.backup import Copied
from xctgraph.store.health.leftovers import BACKUP_LOCK, held_if_writable
from xctgraph.store.progress import Progress, silent
from xctgraph.store.remote import need_packages
from xctgraph.store.store import Store


class _Place(NamedTuple):
    fs: Any
    root: str

    def sizes(self) -> dict[str, int]:
        """Bytes of every object, by its name below the root."""
        self.fs.invalidate_cache()
        found: dict[str, dict[str, Any]] = self.fs.find(self.root, detail=True)
        return {name.removeprefix(self.root).lstrip("/"): int(entry["size"]) for name, entry in found.items()}


def back_up(store: Store, url: str, *, progress: Progress = silent) -> Copied:
    """Copy the newest revision to an object store, also while a writer is at work; again to the same place copies what is new.

    Every part is compared with its checksum before it goes, and with its size there; the manifest goes last, so that a backup
    that was cut off leaves the one before it.

    Raises
    ------
    InputError
        If the place holds the backup of another store.
    StoreCorrupt
        If a part of the store is missing or differs from its checksum.
    StoreError
        If the object store cannot be reached or written, or holds a newer revision.
    MissingExtra
        If the packages for object stores are not installed.
    """
    with _reached(url) as place, held_if_writable(store.path / BACKUP_LOCK, f"copying {store.path}", backup.WAIT_SECONDS):
        wanted = store.manifest()
        there = place.sizes()
        newest = max(manifest.numbers(there), default=None)
        if newest is not None:
            other = _read(place, newest)
            if other.store_id != wanted.store_id:
                raise InputError(f"{url} holds another store ({other.store_id}, not {wanted.store_id}): give a place of its own")
            if newest > wanted.revision:
                raise StoreError(
                    f"{url} holds revision {newest}, newer than revision {wanted.revision} of {store.path}: restore "
                    "from it, or back up to another place"
                )
        n_copied = 0
        for done, part in enumerate(wanted.parts):
            progress(f"copying to {url}", done, len(wanted.parts))
            if there.get(part.path) == part.bytes:
                continue
            path = store.path / part.path
            if not path.is_file() or files.sha256(path) != part.sha256:
                raise StoreCorrupt(
                    f"{path} is missing or differs from its checksum: `xctgraph doctor --store {store.path}` says what is damaged"
                )
            place.fs.put_file(str(path), f"{place.root}/{part.path}")
            n_copied += 1
        arrived = place.sizes()
        if short := [part.path for part in wanted.parts if arrived.get(part.path) != part.bytes]:
            raise StoreError(
                f"{len(short)} parts did not arrive whole at {url} (the first is {short[0]}): run the same command again"
            )
        name = manifest.path_of(store.path, wanted.revision).name
        place.fs.put_file(str(store.path / name), f"{place.root}/{name}")
    n_there = len(wanted.parts) - n_copied
    return Copied(wanted.revision, n_copied, n_there, sum(part.bytes for part in wanted.parts))


def restore(url: str, destination: Path, *, overwrite: bool = False, progress: Progress = silent) -> Copied:
    """Make a store from a backup in an object store, after all its checksums were found right; see `backup.restore`.

    Raises
    ------
    StoreNotFound
        If there is no backup at the place.
    StoreError
        If the object store cannot be reached.
    """
    beside = destination.expanduser().resolve().parent
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{destination.name}{files.TEMPORARY}", dir=beside) as name:
        with _reached(url) as place:
            newest = max(manifest.numbers(place.sizes()), default=None)
            if newest is None:
                raise StoreNotFound(f"there is no backup at {url}: give a place that `xctgraph backup` wrote to")
            wanted = _read(place, newest)
            for done, part in enumerate(wanted.parts):
                progress(f"fetching from {url}", done, len(wanted.parts))
                (Path(name) / part.path).parent.mkdir(parents=True, exist_ok=True)
                place.fs.get_file(f"{place.root}/{part.path}", str(Path(name) / part.path))
            held = manifest.path_of(Path(name), newest)
            place.fs.get_file(f"{place.root}/{held.name}", str(held))
        return backup.restore(Path(name), destination, overwrite=overwrite, progress=progress)


def _read(place: _Place, revision: int) -> manifest.Manifest:
    with tempfile.TemporaryDirectory() as folder:
        path = manifest.path_of(Path(folder), revision)
        place.fs.get_file(f"{place.root}/{path.name}", str(path))
        return manifest.read(Path(folder), revision)


@contextmanager
def _reached(url: str) -> Iterator[_Place]:
    need_packages(url)
    import fsspec

    try:
        fs, root = fsspec.core.url_to_fs(url)
        yield _Place(fs, root.rstrip("/"))
    except (InputError, StoreError):
        raise
    # Whatever the client of an object store raises.
    except Exception as error:
        raise StoreError(
            f"{url}: the object store did not do what was asked ({type(error).__name__}: {error}). Are bucket, endpoint "
            "(AWS_ENDPOINT_URL) and credentials right? What was there stays; run the same command again"
        ) from error
