"""The watch itself: look at the folder, ingest what is finished, tell of it, wait."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from xctgraph.ingest import config, pipeline, volumes
from xctgraph.ingest.resources import Resources
from xctgraph.ingest.volumes import hdf5
from xctgraph.ingest.volumes.open_volume import split_source
from xctgraph.ingest.watch import finished
from xctgraph.ingest.watch.event import Event, Kind
from xctgraph.ingest.watch.finished import Signature
from xctgraph.ingest.watch.places import assign, scans_in
from xctgraph.store import Store
from xctgraph.store.errors import EngineError, InputError, ScanExists, StoreLocked, VolumeError
from xctgraph.store.progress import Progress, silent

TRIES = 4
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """When a watch ends by itself: once the sample has `until` scans, or after `idle_s` seconds in which nothing changed."""

    until: int | None = None
    idle_s: float | None = None


@dataclass
class _Seen:
    """A scan as last seen: its files with their signature, since when they have not changed, and what has been done with it."""

    path: Path
    t: int | None = None
    signature: Signature = ()
    since: float = 0.0
    linked: list[Path] = field(default_factory=list)
    done: bool = False
    failures: int = 0
    not_before: float = 0.0
    told: str = ""

    def look(self, now: float) -> bool:
        """Take note of the files; whether they have changed, and thereby deserve another try."""
        found = finished.signature([*finished.files_of(self.path), *self.linked])
        if found == self.signature:
            return False
        self.signature, self.since = found, now
        self.done, self.failures, self.not_before, self.told = False, 0, 0.0, ""
        return True


def watch(
    store: Store,
    dataset: config.Dataset,
    folder: Path,
    *,
    limits: Limits | None = None,
    replace: bool = False,
    resources: Resources | None = None,
    progress: Progress = silent,
) -> Iterator[Event]:
    """Ingest every scan that is finished in a folder, and go on as others appear; the projections are current after each.

    Scans that the dataset lists come first. A scan that cannot be ingested is told of, tried again at growing intervals and
    when its files change, and never ends the watch. The same watch started again goes on where the last one ended.

    Parameters
    ----------
    dataset
        Settings for all scans; `dataset.watch` says which entries of the folder are scans and when one is finished
        (`watch.finished`).
    limits
        When to end; without, the watch goes on until it is interrupted.
    replace
        Make scans anew that are there with other content or parameters.
    resources
        Threads and memory to use, as in `pipeline.ingest`.

    Yields
    ------
    Event
        At every change in the life of a scan.

    Raises
    ------
    InputError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"--watch {folder}: there is no such folder; make it, or name the one that scans are written to")
    limits = limits or Limits()
    if dataset.scan:
        for result in pipeline.ingest(store, dataset, replace=replace, live=True, resources=resources, progress=progress):
            yield _told(Path(next(scan.path for scan in dataset.scan if scan.t == result.t)).name, result, 0.0)
    yield from _Watch(store, dataset, folder, limits, replace, resources, progress).run()


class _Watch:
    def __init__(
        self,
        store: Store,
        dataset: config.Dataset,
        folder: Path,
        limits: Limits,
        replace: bool,
        resources: Resources | None,
        progress: Progress,
    ) -> None:
        self._store = store
        self._dataset = dataset
        self._folder = folder
        self._limits = limits
        self._replace = replace
        self._resources = resources
        self._progress = progress
        self._rules = dataset.watch
        self._seen: dict[str, _Seen] = {}
        self._active = time.monotonic()

    def run(self) -> Iterator[Event]:
        pause = min(1.0, max(0.05, self._rules.settle_s / 4))
        while True:
            self._look()
            for name, seen in list(self._seen.items()):
                if self._is_complete():
                    return
                yield from self._attend(name, seen)
            if self._is_complete() or self._is_idle():
                return
            time.sleep(pause)

    def _is_complete(self) -> bool:
        wanted = self._limits.until
        return wanted is not None and len(self._store.manifest().scans(self._dataset.sample.id)) >= wanted

    def _is_idle(self) -> bool:
        return self._limits.idle_s is not None and time.monotonic() - self._active >= self._limits.idle_s

    def _look(self) -> None:
        """Take note of what is in the folder; a scan that has gone away is forgotten, what was ingested of it stays."""
        try:
            paths = scans_in(self._folder, self._rules.pattern)
        except OSError as error:
            # A network mount that is away comes back.
            log.warning("%s cannot be read: %s", self._folder, error)
            return
        names = [path.relative_to(self._folder).as_posix() for path in paths]
        held = self._held()
        here = [path.resolve() for path in paths]
        known = {name: held[path] for name, path in zip(names, here, strict=True) if path in held}
        elsewhere = [t for path, t in held.items() if path not in here]
        first = self._rules.first_t if self._rules.first_t is not None else max(elsewhere, default=-1) + 1
        places = assign(names, known, first)
        self._seen = {
            name: self._seen.get(name, _Seen(path, since=time.monotonic())) for name, path in zip(names, paths, strict=True)
        }
        for name, seen in self._seen.items():
            seen.t = places[name]
            if seen.look(time.monotonic()):
                self._active = time.monotonic()

    def _held(self) -> dict[Path, int]:
        """Scan index by file, of the sample's scans in the store."""
        rows = self._store.read("scans", sample=self._dataset.sample.id, columns=["t", "path"]).to_pylist()
        return {split_source(row["path"])[0].resolve(): row["t"] for row in rows}

    def _attend(self, name: str, seen: _Seen) -> Iterator[Event]:
        """Do what can be done about one scan now."""
        now = time.monotonic()
        settled = now - seen.since >= self._rules.settle_s or finished.is_marked(seen.path)
        if seen.done or not settled or now < seen.not_before:
            return
        if seen.t is None:
            seen.done = True
            yield Event("left out", name, None, "it came after a scan that stands behind it in the order of names was ingested: "
                        "give it a name behind the others, or ingest the folder anew into another store")  # fmt: skip
            return
        reason = finished.unfinished(seen.path, [*finished.files_of(seen.path), *seen.linked], self._rules)
        if not reason and self._links_elsewhere(seen):
            return
        if reason:
            if reason != seen.told:
                seen.told = reason
                yield Event("waiting", name, seen.t, reason)
            return
        before = seen.signature
        started = time.monotonic()
        event = self._ingest(name, seen)
        # What was read may be half of the old and half of the new file: it is looked at again.
        if before != finished.signature([*finished.files_of(seen.path), *seen.linked]):
            seen.done = False
        self._active = time.monotonic()
        yield event if event.result is None else _told(name, event.result, self._active - started)

    def _links_elsewhere(self, seen: _Seen) -> bool:
        """Whether the file links to others not looked at so far; from now on they belong to the scan."""
        if seen.path.is_dir() or not hdf5.recognises(seen.path):
            return False
        try:
            with volumes.open_apart(self._described(seen).path, axes=self._dataset.sample.axes) as volume:
                files: tuple[Path, ...] = getattr(volume, "files", ())
                linked = [file for file in files if file != seen.path.resolve() and file not in seen.linked]
        except (VolumeError, OSError):
            return False  # ingesting it says what is wrong
        if linked:
            seen.linked += linked
            seen.look(time.monotonic())
        return bool(linked)

    def _ingest(self, name: str, seen: _Seen) -> Event:
        dataset = self._dataset.model_copy(update={"scan": [self._described(seen)]})
        try:
            (result,) = pipeline.ingest(
                self._store, dataset, replace=self._replace, resources=self._resources, progress=self._progress
            )
        except Exception as error:  # a bad file must not end a beamtime's watch, whatever a library makes of it
            log.debug("%s", name, exc_info=True)
            return self._failed(name, seen, error)
        seen.done = True
        return Event("added", name, seen.t, result=result)

    def _described(self, seen: _Seen) -> config.Scan:
        """The scan as the dataset lists it, or else as found."""
        for scan in self._dataset.scan:
            if split_source(scan.path)[0].resolve() == seen.path.resolve():
                return scan
        dataset = f":{self._rules.dataset}" if self._rules.dataset and not seen.path.is_dir() else ""
        return config.Scan(t=seen.t or 0, path=f"{seen.path.absolute()}{dataset}")

    def _failed(self, name: str, seen: _Seen, error: Exception) -> Event:
        seen.failures += 1
        # Another writer, a server or a disk can come back at any time; a file that is bad each time has to change.
        lasting = isinstance(error, InputError | ScanExists)
        seen.done = lasting and (seen.failures >= TRIES or isinstance(error, ScanExists))
        wait = max(1.0, self._rules.settle_s) * 2 ** min(seen.failures - 1, 6)
        seen.not_before = time.monotonic() + wait
        known = isinstance(error, InputError | ScanExists | StoreLocked | EngineError)
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        kind: Kind = "left out" if seen.done else "failed"
        return Event(kind, name, seen.t, reason if seen.done else f"{reason}; tried again in {wait:g} s, or when it changes")


def _told(name: str, result: pipeline.ScanResult, seconds: float) -> Event:
    kind: Kind = {"add": "added", "replace": "replaced", "skip": "unchanged"}[result.action]  # type: ignore[assignment]
    return Event(kind, name, result.t, seconds=seconds, result=result)
