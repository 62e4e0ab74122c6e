"""Loads into a Neo4j database that go on where an earlier one stopped.

The mark of the revision (one node) also holds how far a load has come: the step, and the rows of it that are done. A batch and
the new position are one transaction, so that after a kill of either side the position is exactly what the database holds. Rows
come in the same order each time, since parts never change.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import neo4j
import pyarrow as pa
import pyarrow.compute as pc
from neo4j.exceptions import ConstraintError

from xctgraph.store import ddl, delta, manifest, projection
from xctgraph.store.delta import Difference, Item
from xctgraph.store.errors import EngineError, StoreError
from xctgraph.store.manifest import Manifest
from xctgraph.store.neo4j_connection import BatchTooLarge, Connection
from xctgraph.store.neo4j_steps import Step, steps
from xctgraph.store.progress import Progress
from xctgraph.store.projection import Held, Plan
from xctgraph.store.rates import Rate

FORMAT = ddl.fingerprint(ddl.neo4j())
BATCH = 10_000
FROM_NOTHING = -1
EMPTYING, BEGUN, WRITTEN = "emptying", "begun", "written"
"""Positions that are no step: the database is emptied; nothing is done yet; all rows are there."""

_PROPERTIES = ("store", "revision", "state", "format", "complete", "base", "base_state", "step", "rows")
READ_MARKS = f"MATCH (m:{ddl.META}) RETURN " + ", ".join(f"m.{name}" for name in _PROPERTIES)
_MOVE = (
    f"MATCH (m:{ddl.META} {{store: $store}}) WITH m, m.state AS state, m.step AS step, m.rows AS rows "
    "SET m.step = $step, m.rows = $rows RETURN state, step, rows"
)
_INDEX_SECONDS = 7200
_MANY_ROWS = 1000

Rows: TypeAlias = dict[str, list[object]]


class ContentDiffers(EngineError):
    """The database does not hold what the load expects there; one from nothing either succeeds or names what is wrong."""


@dataclass(frozen=True)
class Mark:
    """What a database says about itself: what it holds or should hold, what the load started from, how far it has come."""

    held: Held
    base: int | None
    base_state: str | None
    step: str | None
    rows: int | None

    @classmethod
    def of(cls, values: Sequence[object]) -> Mark:
        """The mark in a row of `READ_MARKS`."""
        return cls(Held(*values[:5]), *values[5:])  # type: ignore[arg-type]  # a damaged mark shows no revision


@dataclass(frozen=True)
class Load:
    """A load that is begun: the revision it leads to, its plan, and its position."""

    wanted: Manifest
    plan: Plan
    step: str
    rows: int


def values(wanted: Manifest, base: Held | None, step: str, *, complete: bool) -> dict[str, object]:
    """Properties of the mark, by name."""
    start = (FROM_NOTHING, "") if base is None else (base.revision, base.state)
    return dict(
        zip(_PROPERTIES, (wanted.store_id, wanted.revision, wanted.state, FORMAT, complete, *start, step, 0), strict=True)
    )


def begin(connection: Connection, wanted: Manifest, base: Held | None, plan: Plan) -> Load:
    """Mark the database as one that is loaded, from `base` or from nothing."""
    step = EMPTYING if base is None else BEGUN
    set_mark(connection, values(wanted, base, step, complete=False))
    return Load(wanted, plan, step, 0)


def interrupted(root: Path, mark: Mark) -> Load | None:
    """The load that `mark` tells of, if it can go on; None where its parts or its revision are no longer there."""
    held = mark.held
    if held.complete or held.format != FORMAT or mark.step is None or mark.rows is None or mark.base is None:
        return None
    try:
        wanted = manifest.read(root, held.revision)
    except StoreError:
        return None
    if mark.base == FROM_NOTHING:
        plan = projection.rebuild(wanted)
    else:
        base = Held(held.store_id, mark.base, mark.base_state or "", FORMAT)
        plan = projection.plan(root, base, wanted, FORMAT)
        if plan.rebuild:
            return None
    if wanted.state != held.state or not all((root / part.path).is_file() for part in plan.added):
        return None
    return Load(wanted, plan, mark.step, mark.rows)


def run(connection: Connection, root: Path, load: Load, progress: Progress) -> None:
    """Do what is missing of a load, count what is there, and mark the revision complete.

    Raises
    ------
    ContentDiffers
        If the database does not hold what it should; also if edges of the parts name nodes that do not exist.
    EngineError
        If the server refuses or stays away, or another process loads the same database.
    """
    position = (load.step, load.rows)
    if load.step == EMPTYING:
        _empty(connection, progress)
        position = (BEGUN, 0)
        _move(connection, load.wanted, (EMPTYING, 0), position)
    with tempfile.TemporaryDirectory(prefix="xctgraph-") as folder, delta.connection(Path(folder)) as database:
        if position[0] != WRITTEN:
            difference = Difference(database, root, load.plan.removed, load.plan.added)
            position = _apply(connection, difference, load.wanted, position, progress)
            _move(connection, load.wanted, position, (WRITTEN, 0))
        _resample(connection)
        progress("neo4j: counting", 0, 0)
        for item in delta.items():
            found, due = _count(connection, item), delta.expected(database, root, item, load.wanted.parts)
            if found != due:
                raise ContentDiffers(
                    f"the graph at {connection.address} holds {found} {item.name} where the parts hold {due}: another program "
                    f"changes it; empty the database and load it anew"
                )
    with connection.session(write=True) as session:
        query = f"MATCH (m:{ddl.META} {{store: $store}}) SET m.complete = true REMOVE m.base, m.base_state, m.step, m.rows"
        session.run(query, store=load.wanted.store_id).consume()


def prepare(connection: Connection, progress: Progress) -> None:
    """Make constraints and indexes where they are not there, and wait until they are filled."""
    progress("neo4j: constraints and indexes", 0, 0)
    with connection.session(write=True) as session:
        for statement in ddl.neo4j():
            session.run(statement).consume()
        session.run(f"CALL db.awaitIndexes({_INDEX_SECONDS})").consume()


def _resample(connection: Connection) -> None:
    """Let the server count its indexes again, soon: until then it plans look-ups of readers as if these were as before."""
    with connection.session(write=True) as session:
        session.run("CALL db.resampleOutdatedIndexes()").consume()


def set_mark(connection: Connection, properties: Mapping[str, object]) -> None:
    """Write the mark; a property that is None is removed."""
    query = f"MERGE (m:{ddl.META} {{store: $store}}) SET m += $values"
    connection.write(lambda tx: tx.run(query, store=properties["store"], values=dict(properties)).consume())


def _apply(
    connection: Connection, difference: Difference, wanted: Manifest, position: tuple[str, int], progress: Progress
) -> tuple[str, int]:
    todo = steps(difference)
    names = [step.name for step in todo]
    if position[0] not in (BEGUN, *names):
        raise ContentDiffers(f"the load of {connection.address} stopped at {position[0]!r}, which this version does not know")
    first = 0 if position[0] == BEGUN else names.index(position[0])
    done = sum(step.n_rows for step in todo[:first]) + position[1]
    rate = Rate(progress, sum(step.n_rows for step in todo), done)
    for step in todo[first:]:
        start = position[1] if step.name == position[0] else 0
        with _ahead(step, difference.batches(f"{step.query} OFFSET {start}", BATCH)) as batches:
            for rows in batches:
                rate.report(f"neo4j: {step.name}")
                position = _write(connection, wanted, step, rows, position)
                rate.done += len(next(iter(rows.values())))
    rate.report("neo4j")
    return position


def _write(connection: Connection, wanted: Manifest, step: Step, rows: Rows, position: tuple[str, int]) -> tuple[str, int]:
    """Write a batch, in halves where the server has not the memory for it; the new position."""
    n_rows = len(next(iter(rows.values())))
    after = (step.name, (position[1] if position[0] == step.name else 0) + n_rows)
    statement = step.statement(list(rows))
    columns = {f"c{i}": values for i, values in enumerate(rows.values())}

    def work(transaction: neo4j.Transaction) -> None:
        if _moved(transaction, connection, wanted, position, after):
            return
        (count,) = transaction.run(statement, columns).single(strict=True)
        if step.exact and count != n_rows:
            raise _missing(transaction, step.item, columns)

    try:
        connection.write(work)
    except BatchTooLarge:
        if n_rows == 1:
            raise
        for half in (slice(0, n_rows // 2), slice(n_rows // 2, n_rows)):
            part = {name: values[half] for name, values in rows.items()}
            position = _write(connection, wanted, step, part, position)
        return position
    except EngineError as error:
        if isinstance(error.__cause__, ConstraintError):
            raise ContentDiffers(str(error)) from error
        raise
    return after


def _move(connection: Connection, wanted: Manifest, before: tuple[str, int], after: tuple[str, int]) -> None:
    connection.write(lambda tx: _moved(tx, connection, wanted, before, after))


def _moved(
    transaction: neo4j.Transaction,
    connection: Connection,
    wanted: Manifest,
    before: tuple[str, int],
    after: tuple[str, int],
) -> bool:
    """Move the position; true where it was moved already, by a commit whose answer was lost."""
    row = transaction.run(_MOVE, store=wanted.store_id, step=after[0], rows=after[1]).single()
    if row is None or row[0] != wanted.state or (row[1], row[2]) not in (before, after):
        raise EngineError(
            f"another process loads the graph at {connection.address} at the same time: let it end, then run this again"
        )
    return (row[1], row[2]) == after != before


def _empty(connection: Connection, progress: Progress) -> None:
    """Delete what a load makes, edges first: a scan would take those to all its features along in one transaction."""
    items = sorted(delta.items(), key=lambda item: item.ends is None)
    counts = [_count(connection, item) for item in items]
    progress("neo4j: emptying", 0, 0)
    rate = Rate(progress, sum(counts))
    for item, count in zip(items, counts, strict=True):
        if item.ends is None:
            what, delete = f"(x:`{item.name}`)", "DETACH DELETE"
        else:
            what, delete = f"(:`{item.ends[0]}`)-[x:`{item.name}`]->(:`{item.ends[1]}`)", "DELETE"
        limit, deleted = BATCH, count
        while deleted:
            query = f"MATCH {what} WITH x LIMIT $limit {delete} x RETURN count(*)"
            try:
                deleted = _delete_some(connection, query, limit)
            except BatchTooLarge:
                if limit == 1:
                    raise
                limit //= 2
                continue
            rate.report(f"neo4j: emptying {item.name}", deleted)


def _delete_some(connection: Connection, query: str, limit: int) -> int:
    return connection.write(lambda tx: int(tx.run(query, limit=limit).single(strict=True)[0]))


def _count(connection: Connection, item: Item) -> int:
    pattern = f"(:`{item.name}`)" if item.ends is None else f"()-[:`{item.name}`]->()"
    with connection.session(write=False) as session:
        (count,) = session.run(f"MATCH {pattern} RETURN count(*)").single(strict=True)
    return int(count)


def _missing(transaction: neo4j.Transaction, item: Item, columns: Mapping[str, object]) -> ContentDiffers:
    for column, end in zip(("c0", "c1"), item.ends or (), strict=False):
        query = f"UNWIND $ids AS id WITH id WHERE NOT EXISTS {{ MATCH (:`{end}` {{`{ddl.key_of(end)}`: id}}) }} RETURN id LIMIT 1"
        missing = transaction.run(query, ids=columns[column]).single()
        if missing is not None:
            return ContentDiffers(str(delta.dangling(item, missing[0])))
    return ContentDiffers(f"an edge of {item.name} that should change is not there")


def plain(column: pa.Array) -> list[object]:
    """Values of a column as Python objects, quicker than `to_pylist`."""
    if column.null_count == len(column) or pa.types.is_string(column.type):
        return list(column.to_pylist())
    if not column.null_count:
        return list(column.to_numpy(zero_copy_only=False).tolist())
    zero = pa.scalar(0).cast(column.type)
    found = list(pc.fill_null(column, zero).to_numpy(zero_copy_only=False).tolist())
    for index in pc.indices_nonzero(column.is_null()).to_pylist():
        found[index] = None
    return found


@contextmanager
def _ahead(step: Step, batches: Iterator[pa.RecordBatch]) -> Iterator[Iterator[Rows]]:
    """Rows as Python values, made by a thread while the server is at work on those before."""

    def following() -> Rows | None:
        batch = next(batches, None)
        return None if batch is None else _rows(step, batch)

    def each(thread: ThreadPoolExecutor) -> Iterator[Rows]:
        future = thread.submit(following)
        while (rows := future.result()) is not None:
            future = thread.submit(following)
            yield rows

    with ThreadPoolExecutor(1) as thread:
        yield each(thread)


def _rows(step: Step, batch: pa.RecordBatch) -> Rows:
    """Values by column; in a large batch a column without any is left out where that makes no difference."""
    # Each choice of columns is a statement that the server has to compile, which small batches do not repay.
    sparse = step.sparse and batch.num_rows >= _MANY_ROWS
    named = zip(step.columns, batch.columns, strict=True)
    return {name: plain(column) for name, column in named if not sparse or column.null_count < batch.num_rows}
