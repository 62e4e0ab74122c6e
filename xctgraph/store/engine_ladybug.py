"""Ladybug, the embedded graph engine: `graph.lbug` in the store's folder, published by rename."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ladybug
import pyarrow as pa
import pyarrow.parquet as pq

from xctgraph.store import ddl, delta, files, limits, projection, results
from xctgraph.store.delta import Difference, Item, escaped
from xctgraph.store.errors import EngineError, QueryError, nearest
from xctgraph.store.manifest import Manifest
from xctgraph.store.progress import Progress
from xctgraph.store.projection import Held, Plan

NAME = "graph.lbug"
FORMAT = ddl.fingerprint([ladybug.__version__, *ddl.ladybug()])

# The pool is a limit, not an allocation. A COPY likes about 12 MB of it per column and thread, 0.8 GiB per thread for features;
# with less it spills.
_POOL_OF_A_THREAD = 800 << 20
_LEAST_POOL, _MOST_POOL = 96 << 20, 4 << 30
# Address space is reserved per open database; the default of 8 TiB allows 15 of them in a process.
_MOST_ADDRESSES = 1 << 40
# A variable-length pattern without this setting stops at 30 steps, silently where it has no upper bound.
_LONGEST_PATH = 10_000
# What C++ throws on a damaged page: sizes beyond memory, places beyond the file.
_FAILURES = (RuntimeError, MemoryError, IndexError, ValueError, OverflowError)
_USER_ERRORS = tuple(
    f"{kind} exception" for kind in ("Parser", "Binder", "Catalog", "Conversion", "Overflow", "Runtime", "Function")
)


class _PoolFull(EngineError):
    """A question for which the memory of an open file was too little."""


class LadybugEngine:
    """The projection of a store that answers Cypher without a server."""

    name = "ladybug"
    format = FORMAT

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / NAME
        self._lock = threading.Lock()
        self._open: _Published | None = None

    def held(self) -> Held | None:
        """What the published file holds; None where it is lost or is no such file."""
        published = self._published()
        return None if published is None else published.held

    def update(self, wanted: Manifest, progress: Progress) -> None:
        """Publish a file that shows the revision `wanted`.

        New rows are appended to a copy of the file and changed nodes updated in it; where rows are gone, or edges changed, the
        file is made anew: Ladybug's files never shrink.

        Raises
        ------
        EngineError
            If edges name nodes that do not exist, or Ladybug fails.
        """
        files.sweep(self._root, NAME)
        plan = projection.plan(self._root, self.held(), wanted, FORMAT)
        if not plan.rebuild:
            # What stands in the file may be at fault; a rebuild either succeeds or names what is wrong in the parts.
            with suppress(EngineError):
                if self._publish(plan, wanted, progress):
                    return
        progress(f"{NAME}: building anew", 0, 0)
        self._publish(projection.rebuild(wanted), wanted, progress)

    def invalidate(self) -> None:
        """Let the next update make the file anew; only under the lock of the projection."""
        files.remove(self._path)

    def rows(self, item: Item) -> Iterator[pa.RecordBatch]:
        """Every node or edge of `item` as the published file holds it."""
        published = self._published()
        if published is None:
            return
        with tempfile.TemporaryDirectory(prefix="xctgraph-") as folder:
            path = Path(folder) / "rows.parquet"
            with published.connection() as connection:
                _run(connection, f"COPY ({delta.all_rows(item)}) TO {_file(path)}")
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches()

    def query(self, statement: str, parameters: Mapping[str, object]) -> pa.Table:
        """Answer one checked, read-only Cypher query with plain parameters."""
        try:
            return self._answer(statement, parameters)
        except _PoolFull:
            # What earlier questions left in the pool cannot always be freed: once more with a new one.
            with self._lock:
                self._open = None
            return self._answer(statement, parameters)

    def _answer(self, statement: str, parameters: Mapping[str, object]) -> pa.Table:
        published = self._published()
        if published is None:
            raise EngineError(f"there is no {NAME} in {self._root} yet: run `xctgraph graph load --store {self._root}`")
        with published.connection() as connection:
            try:
                answer = connection.execute(statement, dict(parameters))
                if isinstance(answer, list):
                    raise QueryError("one query at a time: the text holds several statements")
                names = answer.get_column_names()
                table = answer.get_as_arrow()
                answer.close()
                table.validate(full=True)  # a damaged page can hold text that is none
            except QueryError:
                raise
            except _FAILURES as error:
                raise _translated(self._root, error) from error
        return results.table(names, table.columns)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    def _published(self) -> _Published | None:
        with self._lock:
            try:
                status = self._path.stat()
            except FileNotFoundError:
                return None
            signature = (status.st_ino, status.st_mtime_ns)
            if self._open is None or self._open.signature != signature:
                # The former database is closed with its last query, which another thread may be at.
                self._open = _open_published(self._path, signature)
            return self._open

    def _publish(self, plan: Plan, wanted: Manifest, progress: Progress) -> bool:
        """Publish a new file, or an extended copy of the old one; false, with nothing done, where that takes a rebuild."""
        prefix = f"{NAME}{files.TEMPORARY}"
        with tempfile.TemporaryDirectory(prefix=prefix, dir=self._root) as folder, delta.connection(Path(folder)) as database:
            difference = Difference(database, self._root, plan.removed, plan.added)
            if not plan.rebuild and _takes_away(difference):
                return False
            with files.new_file(self._path) as temporary:
                if not plan.rebuild:
                    shutil.copyfile(self._path, temporary)
                with _writer(temporary) as connection:
                    if plan.rebuild:
                        for statement in ddl.ladybug():
                            _run(connection, statement)
                    _fill(connection, difference, Path(folder), progress)
                    for item in delta.items():
                        found, due = _count(connection, item), delta.expected(database, self._root, item, wanted.parts)
                        if found != due:
                            raise EngineError(f"{NAME} holds {found} {item.name} where the parts hold {due}")
                    _mark(connection, wanted)
                # Its pages have none of their own.
                files.write_checksum(self._path, temporary)
        return True


@dataclass
class _Published:
    """A published file, open for reading, and its idle connections."""

    signature: tuple[int, int]
    database: ladybug.Database
    held: Held
    idle: list[ladybug.Connection]

    @contextmanager
    def connection(self) -> Iterator[ladybug.Connection]:
        try:
            connection = self.idle.pop()
        except IndexError:
            connection = _reader(self.database)
        try:
            yield connection
        finally:
            self.idle.append(connection)

    def close(self) -> None:
        while self.idle:
            self.idle.pop().close()
        self.database.close()


def _open_published(path: Path, signature: tuple[int, int]) -> _Published | None:
    try:
        database = ladybug.Database(
            str(path), buffer_pool_size=_pool(), max_db_size=_addresses(), max_num_threads=limits.workers(), read_only=True
        )
    except _FAILURES:
        return None
    connection = _reader(database)
    try:
        answer = connection.execute(f"MATCH (m:{ddl.META}) RETURN m.store, m.revision, m.state, m.format, m.complete")
        rows = answer.get_all()
        answer.close()
    except _FAILURES:
        rows = []
    published = _Published(signature, database, Held("", -1, "", "", complete=False), [connection])
    if len(rows) != 1:
        published.close()
        return None
    published.held = Held(*rows[0])
    return published


def _reader(database: ladybug.Database) -> ladybug.Connection:
    connection = ladybug.Connection(database)
    _run(connection, f"CALL var_length_extend_max_depth={_LONGEST_PATH}")
    return connection


@contextmanager
def _writer(path: Path) -> Iterator[ladybug.Connection]:
    pool = min(_pool(), (limits.workers() + 1) * _POOL_OF_A_THREAD)  # more is not used to write faster
    threads = max(1, min(limits.workers(), pool // _POOL_OF_A_THREAD))
    try:
        database = ladybug.Database(str(path), buffer_pool_size=pool, max_db_size=_addresses(), max_num_threads=threads)
    except RuntimeError as error:
        raise EngineError(f"Ladybug cannot write {path}: {error}") from error
    connection = ladybug.Connection(database)
    try:
        yield connection
    finally:
        connection.close()
        database.close()


def _pool() -> int:
    return limits.share(0.5, _LEAST_POOL, min(_MOST_POOL, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2))


def _addresses() -> int:
    """Largest file that a database may become: it reserves as many addresses, where `ulimit -v` says so of those left."""
    left = limits.addresses_left()
    return _MOST_ADDRESSES if left is None else min(_MOST_ADDRESSES, 1 << max(26, (left // 4).bit_length() - 1))


def _fill(connection: ladybug.Connection, difference: Difference, folder: Path, progress: Progress) -> None:
    for done, item in enumerate(difference.items):
        progress(f"{NAME}: {item.name}", done, len(difference.items))
        path = folder / f"{item.name}.parquet"
        if difference.write(difference.inserted(item), path):
            try:
                _run(connection, f"COPY `{item.name}` FROM {_file(path)}")
            except EngineError as error:
                raise _dangling(item, error) from error
        path.unlink()
        changed = difference.changed_properties(item)
        if changed:
            names = [item.keys[0], *changed]
            renamed = ", ".join(f'"{name}" AS c{i}' for i, name in enumerate(names))
            difference.write(f"SELECT {renamed} FROM ({difference.changed(item)})", path)
            assignments = ", ".join(f"n.`{name}` = c{i}" for i, name in enumerate(names) if i)
            source = f"LOAD FROM {_file(path)}"
            _run(connection, f"{source} MATCH (n:`{item.name}` {{`{names[0]}`: c0}}) SET {assignments}")
            path.unlink()
    progress(NAME, len(difference.items), len(difference.items))


def _file(path: Path) -> str:
    text = escaped(str(path)).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


def _takes_away(difference: Difference) -> bool:
    return any(
        difference.count(difference.deleted(item)) or (item.ends and difference.count(difference.changed(item)))
        for item in difference.items
    )


def _count(connection: ladybug.Connection, item: Item) -> object:
    pattern = f"(:`{item.name}`)" if item.ends is None else f"()-[:`{item.name}`]->()"
    ((count,),) = _run(connection, f"MATCH {pattern} RETURN count(*)")
    return count


def _mark(connection: ladybug.Connection, wanted: Manifest) -> None:
    _run(connection, f"MATCH (m:{ddl.META}) DELETE m")
    values = {"store": wanted.store_id, "revision": wanted.revision, "state": wanted.state, "format": FORMAT}
    named = ", ".join(f"{name}: ${name}" for name in values)
    _run(connection, f"CREATE (:{ddl.META} {{{named}, complete: true}})", values)


def _run(connection: ladybug.Connection, statement: str, parameters: dict[str, object] | None = None) -> list[list[Any]]:
    try:
        answer = connection.execute(statement, parameters or {})
        rows: list[list[Any]] = answer.get_all()
        answer.close()
    except _FAILURES as error:
        raise EngineError(f"Ladybug: {error or type(error).__name__}{_remedy(error)}") from error
    return rows


def _remedy(error: Exception) -> str:
    """What to do where the pool was too small."""
    if "buffer pool is full" not in str(error):
        return ""
    allowed = limits.memory()
    return (
        f" {allowed / 1e9:.2f} GB are allowed, which is too little for a graph of this size: give --memory "
        f"{2 * allowed / 1e9:.1f}GB. What was committed is safe in the parts, SQL answers from them, and `xctgraph graph load` "
        "makes the graph"
    )


def _dangling(item: Item, error: EngineError) -> EngineError:
    if item.ends is not None and "Unable to find primary key" in str(error):
        return delta.dangling(item, str(error).rstrip(".").rpartition(" ")[2])
    return error


def _valid_names(text: str) -> str:
    """What an unknown label, type or property may be."""
    if found := re.search(r"Table (\w+) does not exist", text):
        return f" {nearest(found[1], {item.name for item in delta.items()})}"
    if found := re.search(r"Cannot find property (\w+) for", text):
        return f" {nearest(found[1], {name for item in delta.items() for name in item.columns})}"
    return ""


def _translated(root: Path, error: Exception) -> QueryError | EngineError:
    text = str(error)
    if not isinstance(error, RuntimeError) or "Invalid UTF8" in text:
        told = text or type(error).__name__
        return EngineError(f"Ladybug could not answer: {told}; if the answer is not that large, {projection.anew(root)}")
    if "read-only" in text:
        return QueryError(f"queries are read-only: {text}")
    if text.startswith(_USER_ERRORS):
        return QueryError(f"Cypher: {text}{_valid_names(text)}")
    if "buffer pool is full" in text:
        return _PoolFull(
            f"Ladybug could not answer within {_pool() / 1e9:.1f} GB: ask about one sample, scan or kind, in SQL "
            f"(`xctgraph sql`), or allow more memory ({limits.MEMORY}; up to {_MOST_POOL / 1e9:.1f} GB are used) ({text})"
        )
    return EngineError(f"Ladybug could not answer: {text}")
