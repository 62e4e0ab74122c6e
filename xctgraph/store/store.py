"""The store: one folder of parts and manifests, and its projections."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import pyarrow as pa

from xctgraph.store import cypher, files, lock, manifest, parts, upgrade
from xctgraph.store.arrow import table_named
from xctgraph.store.engine import GraphEngine, engine_of
from xctgraph.store.errors import InputError, StoreLocked, StoreNotFound, StoreUnwritable
from xctgraph.store.job import Job
from xctgraph.store.lock import WRITE_LOCK
from xctgraph.store.manifest import Manifest
from xctgraph.store.progress import Progress, silent
from xctgraph.store.projection import Status
from xctgraph.store.statistics import Statistics
from xctgraph.store.transaction import Transaction

if TYPE_CHECKING:
    from xctgraph.store.labels import Labels

Projection: TypeAlias = Statistics | GraphEngine

_PROJECT_SECONDS = 600.0
_COMMITTED = "the parts hold what was committed"


def open_store(path: str | Path, *, create: bool = False, graph: str | None = None, server_seconds: float | None = None) -> Store:
    """Open the store at `path`.

    Parameters
    ----------
    path
        Folder of the store.
    create
        Make an empty store where there is none.
    graph
        None for Ladybug in the store's folder, or the URI of a Neo4j server (`neo4j://`, `bolt://`, `neo4j+s://`, …);
        user and password from the URI or from NEO4J_USERNAME and NEO4J_PASSWORD.
    server_seconds
        Longest time that the server works on one query; as long as it takes where left out. Ladybug and DuckDB answer in this
        process, which may be ended.

    Raises
    ------
    StoreNotFound
        If there is no store and `create` is false.
    StoreError
        If it has a newer format, which an upgrade of xctgraph can read; an older one is brought to the present format.
    InputError
        If `graph` is no URI of a Neo4j server, or the path holds a question mark.
    """
    root = Path(path).expanduser().resolve()
    if "?" in str(root):
        raise InputError(f"{root} holds a question mark, with which DuckDB cannot write its file: choose another folder")
    engine = engine_of(root, graph, server_seconds)
    if root.exists() and not root.is_dir():
        raise StoreNotFound(f"{root} is a file; a store is a folder")
    if not manifest.revisions(root):
        if not create:
            raise StoreNotFound(
                f"there is no store at {root}: create one with `xctgraph ingest … --store {root}`, "
                f"or in Python with open_store({str(root)!r}, create=True)"
            )
        _create(root)
    upgrade.migrate(root)
    return Store(root, engine)


class Store:
    """A store; made by `open_store`. Safe to use from several threads and processes."""

    def __init__(self, root: Path, engine: GraphEngine) -> None:
        self.path = root
        self.engine = engine
        self._statistics = Statistics(root)
        # Manifests never change, so that one is parsed once; a restored backup has another file.
        self._newest: tuple[tuple[int, int, int], Manifest] | None = None

    def manifest(self) -> Manifest:
        """Read the newest complete revision, anew at each call.

        Raises
        ------
        StoreNotFound
            If the store was removed.
        StoreCorrupt
            If the manifest cannot be read.
        """
        numbers = manifest.revisions(self.path)
        if not numbers:
            raise StoreNotFound(f"there is no store at {self.path} any more")
        status = manifest.path_of(self.path, numbers[-1]).stat()
        signature = (numbers[-1], status.st_ino, status.st_mtime_ns)
        if self._newest is None or self._newest[0] != signature:
            self._newest = (signature, manifest.read(self.path, numbers[-1]))
        return self._newest[1]

    def read(
        self,
        table: str,
        *,
        sample: str | None = None,
        t: int | None = None,
        columns: Sequence[str] | None = None,
        revision: Manifest | None = None,
    ) -> pa.Table:
        """Rows of a table straight from the parts.

        Parameters
        ----------
        table
            Name of a table of the schema.
        sample, t
            Sample and scan to read; all where left out.
        columns
            Columns to read; all where left out.
        revision
            What `manifest()` gave, so that several reads see one revision; the newest where left out.

        Returns
        -------
        pyarrow.Table
            In the order of sample and scan, with the schema of the table even where there are no rows.

        Raises
        ------
        InputError
            If there is no such table or column.
        StoreCorrupt
            If a part is missing or cannot be read.
        """
        table_named(table)
        return parts.read(self.path, table, (revision or self.manifest()).select(table, sample=sample, t=t), columns)

    @contextmanager
    def write(self, job: Job | None = None, *, wait_seconds: float = 0.0) -> Iterator[Transaction]:
        """Commit one revision: on a clean end of the block what was put becomes visible at once, on an exception nothing does.

        Parameters
        ----------
        job
            What makes the rows; recorded in `jobs`, and the default of `job_id`.
        wait_seconds
            How long to wait for another writer.

        Raises
        ------
        StoreLocked
            If another writer is at work; the message names it.
        StoreUnwritable
            If there is no permission to write, or no space.
        """
        stays = "nothing of this commit was kept, earlier ones stay"
        with files.explained(self.path, stays), lock.held(self.path / WRITE_LOCK, f"writing to {self.path}", wait_seconds):
            transaction = Transaction(self.path, self.manifest(), job)
            try:
                yield transaction
                transaction.commit()
            except BaseException:
                transaction.abandon()
                raise

    def labels(self, sample: str, t: int) -> Labels:
        """Labels of one scan as runs, without those of dropped features.

        Raises
        ------
        InputError
            If the store does not hold the scan, or its features have no voxels.
        """
        revision = self.manifest()
        shape = parts.read(self.path, "scans", revision.select("scans", sample=sample, t=t), ["n_z", "n_y", "n_x", "has_voxels"])
        if shape.num_rows == 0:
            held = ", ".join(f"{s} t = {','.join(map(str, revision.scans(s)))}" for s in revision.samples()) or "nothing yet"
            raise InputError(f"the store holds no scan t = {t} of sample {sample!r}; it holds {held}")
        n_z, n_y, n_x, has_voxels = (shape[name][0].as_py() for name in shape.column_names)
        if not has_voxels:
            raise InputError(
                f"the features of scan t = {t} of sample {sample!r} have no voxels: they come from a table of another program; "
                "ingest its label volume ([segmentation] method = 'labels') to have them"
            )
        # Here, since numba takes a second to load and most commands need no labels.
        from xctgraph.store.labels import Labels

        runs = parts.read(self.path, "label_runs", revision.select("label_runs", sample=sample, t=t))
        labels = Labels.from_table(runs, (n_z, n_y, n_x))
        dropped = parts.read(self.path, "dropped_features", revision.select("dropped_features", sample=sample, t=t), ["label"])
        return labels.without(dropped["label"].to_numpy()) if dropped.num_rows else labels

    def project(self, *, graph: bool = True, statistics: bool = True, progress: Progress | None = None) -> None:
        """Bring the projections up to date with the newest revision; waits while another process does so.

        Raises
        ------
        EngineError
            If the graph engine cannot be reached, holds another store's graph, or refuses.
        StoreLocked
            If another process has been at it for ten minutes.
        """
        for wanted, projection in ((statistics, self._statistics), (graph, self.engine)):
            if wanted:
                with files.explained(self.path, _COMMITTED):
                    self._project(projection, silent if progress is None else progress, _PROJECT_SECONDS)

    def sql(self, query: str, parameters: Mapping[str, object] | Sequence[object] | None = None) -> pa.Table:
        """Answer one read-only SQL query on the tables of the schema.

        Parameters
        ----------
        query
            SQL of DuckDB, e.g. `"SELECT t, avg(volume) FROM features WHERE kind = $kind GROUP BY t"`.
        parameters
            Values by name (`$kind`) or in order (`?`).

        Raises
        ------
        QueryError
            If it is not one query, writes, reaches outside the tables, or DuckDB refuses it.
        EngineError
            If there is no projection yet and another process is writing.
        """
        self._refresh(self._statistics)
        return self._statistics.query(query, parameters)

    def cypher(self, query: str, /, **parameters: object) -> pa.Table:
        """Answer one read-only Cypher query on the graph.

        Parameters
        ----------
        query
            Cypher, e.g. `"MATCH (f:Feature {kind: $kind}) RETURN f.t AS t, count(*) AS n ORDER BY t"`.
        **parameters
            A value for each `$name` in the query.

        Returns
        -------
        pyarrow.Table
            Columns in the order of RETURN: int64, float64, bool, string, lists of those; null where a column has no value.

        Raises
        ------
        QueryError
            If the query is not one read-only query, parameters do not match it, or the engine refuses it.
        EngineError
            If the engine cannot be reached, or has no complete graph while another process is loading it.
        """
        plain = cypher.check(query, parameters)
        self._refresh(self.engine)
        return self.engine.query(query, plain)

    def py2neo(self) -> Any:
        """A connected `py2neo.Graph` on the Neo4j that the store was opened with, brought to the newest revision first.

        Raises
        ------
        InputError
            If the store was opened without a Neo4j URI, or py2neo is not installed.
        EngineError
            If the server cannot be reached, or holds another store's graph.
        """
        from xctgraph.store import py2neo_graph

        graph = py2neo_graph.connected(self.engine)
        self._refresh(self.engine)
        return graph

    def status(self) -> list[Status]:
        """How far each projection is: its revision, the store's, and whether it is current.

        Raises
        ------
        EngineError
            If the graph engine cannot be reached, or holds another store's graph.
        """
        newest = self.manifest()
        found = []
        for projection in (self._statistics, self.engine):
            held = projection.held()
            revision = held.revision if held is not None and held.complete else None
            current = held is not None and held.shows(newest, projection.format)
            found.append(Status(projection.name, revision, newest.revision, current))
        return found

    def verify(self) -> None:
        """Compare every part with its checksum.

        Raises
        ------
        StoreCorrupt
            If a part is missing or differs.
        """
        parts.verify(self.path, self.manifest().parts)

    @property
    def projections(self) -> tuple[Projection, Projection]:
        """The statistics and the graph engine."""
        return self._statistics, self.engine

    def close(self) -> None:
        """Close the projections."""
        self._statistics.close()
        self.engine.close()

    def _project(self, projection: Projection, report: Progress, wait_seconds: float) -> None:
        name = self.path / f"{projection.name}.lock"
        with lock.held(name, f"loading {projection.name} of {self.path}", wait_seconds):
            wanted = self.manifest()
            held = projection.held()
            if held is None or not held.shows(wanted, projection.format):
                projection.update(wanted, report)

    def _refresh(self, projection: Projection) -> None:
        """Bring a projection up to date for a reader, unless a writer is at work or the folder cannot be written."""
        newest, held = self.manifest(), projection.held()
        if held is not None and (held.shows(newest, projection.format) or lock.is_held(self.path / WRITE_LOCK)):
            return
        usable = held is not None and held.complete
        try:
            with files.explained(self.path, _COMMITTED):
                self._project(projection, silent, 0.0 if usable else _PROJECT_SECONDS)
        except StoreLocked:
            if not usable:
                raise
        except StoreUnwritable:
            if not usable:
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def discard_empty(path: str | Path) -> None:
    """Remove a store that was made and never written to, and its folder where nothing else is in it."""
    root = Path(path).expanduser().resolve()
    if manifest.revisions(root) == [0]:
        with suppress(StoreLocked), lock.held(root / WRITE_LOCK, f"removing the empty store {root}"):
            if manifest.revisions(root) == [0]:
                manifest.path_of(root, 0).unlink(missing_ok=True)
        with suppress(OSError):  # other files are there: not ours to remove
            root.rmdir()


def _create(root: Path) -> None:
    with files.explained(root, "no store was made"):
        root.mkdir(parents=True, exist_ok=True)
        _create_in(root)


def _create_in(root: Path) -> None:
    with lock.held(root / WRITE_LOCK, f"creating the store {root}", wait_seconds=10.0):
        if not manifest.revisions(root):
            manifest.write(root, Manifest(secrets.token_hex(16), 0))
