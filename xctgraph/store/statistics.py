"""`statistics.duckdb`: self-contained native tables for SQL, published by rename."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from xctgraph.store import ddl, duck, files, projection
from xctgraph.store.cypher import plain
from xctgraph.store.delta import Item, literal, relation
from xctgraph.store.errors import EngineError, QueryError
from xctgraph.store.manifest import Manifest
from xctgraph.store.progress import Progress
from xctgraph.store.projection import Held, Plan
from xctgraph.store.schema import TABLES
from xctgraph.store.table import Table

NAME = "statistics.duckdb"
FORMAT = ddl.fingerprint(ddl.duckdb())

_BATCH = 50_000
_DAMAGED = "Corrupt database file"
_META = "CREATE TABLE _revision (store VARCHAR, revision BIGINT, state VARCHAR, format VARCHAR)"
_ALLOWED = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


class Statistics:
    """The projection of a store that answers SQL."""

    name = "statistics"
    format = FORMAT

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / NAME
        self._lock = threading.Lock()
        self._open: tuple[tuple[int, int], duckdb.DuckDBPyConnection, Held] | None = None

    def held(self) -> Held | None:
        """What the published file holds; None where it is lost or is no such file."""
        opened = self._opened()
        return None if opened is None else opened[1]

    def update(self, wanted: Manifest, progress: Progress) -> None:
        """Publish a file that shows the revision `wanted`; only under the lock of the projections."""
        plan = projection.plan(self._root, self.held(), wanted, FORMAT)
        files.sweep(self._root, NAME)
        try:
            self._publish(plan, wanted, progress)
        except duckdb.Error as error:
            if plan.rebuild:
                raise _refused(error) from error
            # What stands in the file may be at fault.
            try:
                self._publish(projection.rebuild(wanted), wanted, progress)
            except duckdb.Error as again:
                raise _refused(again) from again

    def invalidate(self) -> None:
        """Let the next update make the file anew; only under the lock of the projection."""
        files.remove(self._path)

    def rows(self, item: Item) -> Iterator[pa.RecordBatch]:
        """Rows of a table as the published file holds them, in batches."""
        opened = self._opened()
        if opened is not None:
            with opened[0].cursor() as cursor:
                chosen = ", ".join(f'"{name}"' for name in item.columns)
                yield from cursor.sql(f'SELECT {chosen} FROM store."{item.table}"').to_arrow_reader(_BATCH)

    def _publish(self, plan: Plan, wanted: Manifest, progress: Progress) -> None:
        with files.new_file(self._path) as temporary, tempfile.TemporaryDirectory(prefix="xctgraph-") as spill:
            if not plan.rebuild:
                shutil.copyfile(self._path, temporary)
            with duck.connect(str(temporary), temp_directory=spill) as database:
                if plan.rebuild:
                    for statement in (*ddl.duckdb(), _META):
                        database.execute(statement)
                self._apply(database, plan, progress)
                database.execute("DELETE FROM _revision")
                row = [wanted.store_id, wanted.revision, wanted.state, FORMAT]
                database.execute("INSERT INTO _revision VALUES (?, ?, ?, ?)", row)
                database.execute("CHECKPOINT")

    def query(self, statement: str, parameters: Mapping[str, object] | Sequence[object] | None) -> pa.Table:
        """Answer one read-only SQL query.

        Raises
        ------
        QueryError
            If it is not one query, writes, reaches outside the tables, or DuckDB refuses it.
        EngineError
            If there is no such projection yet.
        """
        opened = self._opened()
        if opened is None:
            raise EngineError(f"there is no {NAME} in {self._root} yet: run `xctgraph graph load --store {self._root}`")
        with opened[0].cursor() as cursor:
            try:
                cursor.execute("USE store")
                _check(cursor, statement)
                # EXPLAIN ANALYZE runs what it explains: it could leave tables and macros in memory.
                cursor.execute("BEGIN TRANSACTION READ ONLY")
                bound = _plain(parameters)
                answer = cursor.sql(statement, params=bound) if bound else cursor.sql(statement)
                return pa.table({}) if answer is None else _integers(answer.to_arrow_table())
            except duckdb.PermissionException as error:
                raise QueryError(f"SQL sees only the tables of the store, no files and no networks: {_first(error)}") from error
            except (duckdb.OutOfMemoryException, duckdb.IOException, duckdb.InternalException, duckdb.FatalException) as error:
                raise EngineError(f"DuckDB could not answer: {error}") from error
            except duckdb.Error as error:
                if _DAMAGED in str(error):
                    raise EngineError(f"DuckDB could not answer: {_first(error)}; {projection.anew(self._root)}") from error
                raise QueryError(f"SQL: {error}") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._open is not None:
                self._open[1].close()
                self._open = None

    def _opened(self) -> tuple[duckdb.DuckDBPyConnection, Held] | None:
        with self._lock:
            try:
                status = self._path.stat()
            except FileNotFoundError:
                return None
            signature = (status.st_ino, status.st_mtime_ns)
            if self._open is None or self._open[0] != signature:
                # The former connection is not closed here: another thread may still read from it.
                self._open = None
                with suppress(duckdb.Error):
                    database = _connect(self._path)
                    self._open = (signature, database, _held(database))
            return None if self._open is None else self._open[1:]

    def _apply(self, database: duckdb.DuckDBPyConnection, plan: Plan, progress: Progress) -> None:
        tables = [t for t in TABLES.values() if t.in_statistics]
        touched = {part.table for part in (*plan.removed, *plan.added)}
        tables = [table for table in tables if table.name in touched]
        for done, table in enumerate(tables):
            progress(f"statistics: {table.name}", done, len(tables))
            self._replace(database, table, plan)
        progress("statistics", len(tables), len(tables))

    def _replace(self, database: duckdb.DuckDBPyConnection, table: Table, plan: Plan) -> None:
        removed = [part for part in plan.removed if part.table == table.name]
        added = [part for part in plan.added if part.table == table.name]
        if removed:
            same = " AND ".join(f'"{table.name}"."{key}" = gone."{key}"' for key in table.key)
            database.execute(f'DELETE FROM "{table.name}" USING {relation(self._root, table, removed)} AS gone WHERE {same}')
        if added:
            database.execute(f'INSERT INTO "{table.name}" SELECT * FROM {relation(self._root, table, added)}')


def items() -> tuple[Item, ...]:
    """Everything the file holds: one item per table."""
    return tuple(
        Item(t.name, t.name, tuple(f'"{name}"' for name in t.names), t.names, t.key) for t in TABLES.values() if t.in_statistics
    )


def _refused(error: duckdb.Error) -> EngineError:
    return EngineError(
        f"DuckDB could not make {NAME}: {_first(error)}; what was committed is safe in the parts: mend this, then run the same "
        "command again"
    )


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    # An instance in memory with the file attached, since connect(path) would give an open instance of the file that had
    # this name before; and so that the settings that lock users out can be made after attaching.
    database = duck.connect(
        memory=duck.answering_memory(),
        # Files in it are open to queries even without external access: a folder of its own, which DuckDB makes when it spills.
        temp_directory=str(Path(tempfile.gettempdir()) / f"xctgraph-{secrets.token_hex(8)}"),
        python_enable_replacements=False,
    )
    try:
        database.execute(f"ATTACH {literal(str(path))} AS store (READ_ONLY)")
        database.execute("SET enable_external_access = false")
        database.execute("SET lock_configuration = true")
    except duckdb.Error:
        database.close()
        raise
    return database


def _held(database: duckdb.DuckDBPyConnection) -> Held:
    row = database.execute("SELECT store, revision, state, format FROM store._revision").fetchone()
    if row is None:
        return Held("", -1, "", "", complete=False)
    return Held(*row)


def _check(cursor: duckdb.DuckDBPyConnection, statement: str) -> None:
    statements = cursor.extract_statements(statement)
    if len(statements) != 1:
        raise QueryError(f"one SQL query at a time: the text holds {len(statements)}")
    try:
        kind = statements[0].type
    except ValueError:
        kind = None  # newer than the enumeration of DuckDB's Python package: UPDATE EXTENSIONS
    if kind not in _ALLOWED:
        name = "this" if kind is None else kind.name
        raise QueryError(f"SQL is read-only: {name} is not allowed; begin with SELECT, FROM, WITH, DESCRIBE, SHOW or EXPLAIN")


def _plain(parameters: Mapping[str, object] | Sequence[object] | None) -> dict[str, object] | list[object]:
    if parameters is None:
        return []
    if isinstance(parameters, Mapping):
        return {name: plain(value, name) for name, value in parameters.items()}
    return [plain(value, str(i + 1)) for i, value in enumerate(parameters)]


def _integers(table: pa.Table) -> pa.Table:
    # DuckDB sums integers in 128 bits, which Arrow knows as decimals only.
    for i, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type) and (field.type.precision, field.type.scale) == (38, 0):
            with suppress(pa.ArrowInvalid):
                table = table.set_column(i, field.name, table.column(i).cast(pa.int64()))
    return table


def _first(error: Exception) -> str:
    return str(error).partition("\n")[0]
