"""Projections against the parts: of every table, label and relationship type the number of rows and a digest of their content."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from xctgraph.store import ddl, delta, files, lock, manifest
from xctgraph.store.delta import Item
from xctgraph.store.errors import StoreError, XctGraphError
from xctgraph.store.health.fault import Fault
from xctgraph.store.health.leftovers import held_if_writable
from xctgraph.store.manifest import Manifest
from xctgraph.store.schema import TABLES
from xctgraph.store.statistics import Statistics, items
from xctgraph.store.store import Projection, Store

Digest = tuple[int, int]
"""Number of rows, and the sum of their hashes: the same rows in any order have the same."""

_WAIT_SECONDS = 600.0


def check(store: Store, projection: Projection, notes: list[str]) -> Iterator[Fault]:
    """Faults of one projection; what is no fault (it is behind, or there is none) goes to `notes`."""
    purpose = f"comparing {projection.name} of {store.path} with its parts"
    with held_if_writable(store.path / f"{projection.name}.lock", purpose, _WAIT_SECONDS) as taken:
        if not taken:
            notes.append(f"{projection.name}: the folder cannot be written, so it may change while it is compared")
        if files.differs_from_checksum(store.path / file_of(projection)):
            # Not opened: sizes that are read from a damaged page can take all memory.
            yield _fault(store, projection, "differs from its checksum")
            return
        try:
            yield from _check(store, projection, notes)
        except (XctGraphError, duckdb.Error, pa.ArrowException) as error:
            yield _fault(store, projection, f"cannot be read: {error}")


def _check(store: Store, projection: Projection, notes: list[str]) -> Iterator[Fault]:
    newest = store.manifest()
    held = projection.held()
    if held is None:
        if (store.path / file_of(projection)).exists():
            yield _fault(store, projection, "is no such file, or damaged")
        elif newest.parts:
            notes.append(f"{projection.name}: nothing loaded yet; the next query loads it")
        return
    if not held.complete:
        yield _fault(store, projection, "its load was interrupted: it is not answered from")
        return
    if held.format != projection.format or held.store_id != newest.store_id:
        notes.append(f"{projection.name}: made by another version, or of another store; the next query makes it anew")
        return
    shown = _revision(store, held.revision)
    if shown is None or shown.state != held.state:
        notes.append(f"{projection.name}: shows revision {held.revision}, which is no longer there; the next query makes it anew")
        return
    if held.state != newest.state:
        notes.append(
            f"{projection.name}: shows revision {held.revision}, the store is at {newest.revision}; the next query loads it"
        )
    for what in compare(store.path, projection, shown):
        yield _fault(store, projection, what)


def compare(root: Path, projection: Projection, shown: Manifest) -> Iterator[str]:
    """What differs between a projection and the parts of the revision that it shows."""
    with tempfile.TemporaryDirectory(prefix="xctgraph-") as folder, delta.connection(Path(folder)) as database:
        for item in items() if isinstance(projection, Statistics) else delta.items():
            chosen = [part for part in shown.parts if part.table == item.table]
            due = _due(database, item, delta.relation(root, TABLES[item.table], chosen))
            found = digest(database, item, projection.rows(item))
            if found[0] != due[0]:
                yield f"holds {found[0]} {item.name} where the parts hold {due[0]}"
            elif found != due:
                yield f"holds {found[0]} {item.name} as the parts do, but some with other values"


def digest(database: duckdb.DuckDBPyConnection, item: Item, batches: Iterable[pa.RecordBatch]) -> Digest:
    """Digest of the rows in `batches`, whose columns are those of the item."""
    rows, total = 0, 0
    for batch in batches:
        with database.cursor() as cursor:
            cursor.register("batch", pa.Table.from_batches([batch]).rename_columns(list(item.columns)))
            n, hashes = _digest_of(cursor, item, "batch")
            cursor.unregister("batch")
        rows, total = rows + n, total + hashes
    return rows, total


def _due(database: duckdb.DuckDBPyConnection, item: Item, relation: str) -> Digest:
    chosen = ", ".join(f'{expression} AS "{name}"' for expression, name in zip(item.expressions, item.columns, strict=True))
    return _digest_of(database, item, f"(SELECT {chosen} FROM {relation} WHERE {item.where})")


def _digest_of(database: duckdb.DuckDBPyConnection, item: Item, relation: str) -> Digest:
    # Engines know one integer type only; a hash of a wider type is another one.
    wide = {"int32": "int64"}
    columns = ", ".join(f'"{name}"::{ddl.DUCKDB[wide.get(type_, type_)]}' for name, type_ in delta.column_types(item).items())
    ((n, hashes),) = database.execute(f"SELECT count(*), coalesce(sum(hash({columns})), 0) FROM {relation}").fetchall()
    return int(n), int(hashes)


def _revision(store: Store, revision: int) -> Manifest | None:
    try:
        return manifest.read(store.path, revision)
    except StoreError:
        return None


def _fault(store: Store, projection: Projection, what: str) -> Fault:
    return Fault(
        "projection",
        file_of(projection),
        what,
        f"`xctgraph doctor --repair --store {store.path}` loads it anew from the parts",
        True,
    )


def file_of(projection: Projection) -> str:
    """File of a projection in the store's folder; the name of a server's."""
    return {"statistics": "statistics.duckdb", "ladybug": "graph.lbug"}.get(projection.name, projection.name)


def rebuild(store: Store, projection: Projection) -> None:
    """Load a projection anew from the parts."""
    with (
        files.explained(store.path, "the parts hold what was committed"),
        lock.held(store.path / f"{projection.name}.lock", f"loading {projection.name} of {store.path}", _WAIT_SECONDS),
    ):
        projection.invalidate()
    statistics = isinstance(projection, Statistics)
    store.project(statistics=statistics, graph=not statistics)
