"""Neo4j, the graph server: a projection kept in a database of its own, changed over Bolt in batches of columns."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import neo4j
import pyarrow as pa
from neo4j.exceptions import AuthError, ClientError, ConfigurationError, DriverError, Neo4jError

from xctgraph.store import ddl, delta, manifest, projection, results
from xctgraph.store.arrow import TYPES
from xctgraph.store.delta import Difference, Item
from xctgraph.store.errors import EngineError, InputError, QueryError
from xctgraph.store.manifest import Manifest
from xctgraph.store.progress import Progress
from xctgraph.store.projection import Held, Plan

FORMAT = ddl.fingerprint(ddl.neo4j())
BATCH = 10_000

_FETCH = 20_000
_CONNECT_SECONDS = 10.0
_ROWS = "UNWIND range(0, size($c0) - 1) AS i"
_USER_ERRORS = ("Neo.ClientError.Statement.", "Neo.ClientError.Procedure.", "Neo.ClientError.Schema.")
_EMPTY = "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS"
_EMPTY_OURS = _EMPTY.replace("(n)", f"(n:{'|'.join(table.node for table in ddl.node_tables())})", 1)
_META = f"MATCH (m:{ddl.META}) RETURN m.store, m.revision, m.state, m.format, m.complete"


class Neo4jEngine:
    """The projection of a store on a Neo4j server; the database holds this store's graph and nothing else."""

    name = "neo4j"
    format = FORMAT

    def __init__(self, root: Path, uri: str) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._opened: neo4j.Driver | None = None
        parts = urlsplit(uri)
        host = parts.netloc.rpartition("@")[2]
        self.address = urlunsplit((parts.scheme, host, "", parts.query, ""))
        self._database = parts.path.strip("/") or None
        user = unquote(parts.username) if parts.username else os.environ.get("NEO4J_USERNAME")
        password = unquote(parts.password) if parts.password else os.environ.get("NEO4J_PASSWORD", "")
        self._auth = (user, password) if user else None

    def held(self) -> Held | None:
        """What the database holds of this store; None where it is empty.

        Raises
        ------
        EngineError
            If the server cannot be reached, or the database holds anything else.
        """
        with self._session(write=False) as session:
            return self._own(session)

    def update(self, wanted: Manifest, progress: Progress) -> None:
        """Bring the database to the revision `wanted` by the difference of rows, or by a full load.

        The database is marked incomplete meanwhile; a load that does not end is started over by the next.

        Raises
        ------
        EngineError
            If the server cannot be reached or refuses, or edges name nodes that do not exist.
        """
        with self._session(write=True) as session:
            held = self._own(session)
            for statement in ddl.neo4j():
                session.run(statement).consume()
            session.run("CALL db.awaitIndexes(300)").consume()
            plan = projection.plan(self._root, held, wanted, FORMAT)
            _mark(session, wanted, complete=False)
            applied = False
            if not plan.rebuild:
                # What stands in the database may be at fault; a full load either succeeds or names what is wrong in the parts.
                with suppress(EngineError):
                    self._apply(session, plan, wanted, progress)
                    applied = True
            if not applied:
                progress("neo4j: emptying", 0, 0)
                session.run(_EMPTY_OURS).consume()
                self._apply(session, projection.rebuild(wanted), wanted, progress)
            _mark(session, wanted, complete=True)

    def invalidate(self) -> None:
        """Let the next update load everything anew; only under the lock of the projection."""
        with self._session(write=True) as session:
            self._own(session)
            session.run(f"MATCH (m:{ddl.META}) SET m.complete = false").consume()

    def rows(self, item: Item) -> Iterator[pa.RecordBatch]:
        """Every node or edge of `item` as the database holds it."""
        schema = pa.schema([(name, TYPES[type_]) for name, type_ in delta.column_types(item).items()])
        with self._session(write=False) as session:
            for rows in _chunks(session.run(delta.all_rows(item))):
                columns = [pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def query(self, statement: str, parameters: Mapping[str, object]) -> pa.Table:
        """Answer one checked, read-only Cypher query with plain parameters."""
        with self._session(write=False) as session:
            held = self._own(session)
            if held is None or not held.complete:
                raise EngineError(
                    f"the graph at {self.address} is being loaded, or its load was interrupted: "
                    f"run `xctgraph graph load --to {self.address} --store {self._root}`"
                )
            with session.begin_transaction() as transaction:
                answer = transaction.run(statement, dict(parameters))
                return results.from_rows(answer.keys(), _chunks(answer))

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _apply(self, session: neo4j.Session, plan: Plan, wanted: Manifest, progress: Progress) -> None:
        with tempfile.TemporaryDirectory(prefix="xctgraph-") as folder, delta.connection(Path(folder)) as database:
            difference = Difference(database, self._root, plan.removed, plan.added)
            steps = _steps(difference)
            total = sum(difference.count(query) for _, query, _ in steps)
            done = 0
            for item, query, statement in steps:
                for batch in difference.batches(query, BATCH):
                    progress(f"neo4j: {item.name}", done, total)
                    columns = {f"c{i}": column.to_pylist() for i, column in enumerate(batch.columns)}
                    record = session.run(statement, columns).single(strict=True)
                    if record[0] != batch.num_rows and item.ends is not None:
                        raise _dangling(session, item, columns)
                    done += batch.num_rows
            progress("neo4j", total, total)
            for item in delta.items():
                found, due = _count(session, item), delta.expected(database, self._root, item, wanted.parts)
                if found != due:
                    raise EngineError(
                        f"the graph at {self.address} holds {found} {item.name} where the parts hold {due}: "
                        f"another program changes it; empty the database with {_EMPTY} and load it anew"
                    )

    def _own(self, session: neo4j.Session) -> Held | None:
        rows = [record.values() for record in session.run(_META)]
        if not rows:
            (count,) = session.run("MATCH (n) RETURN count(n)").single(strict=True)
            if count:
                raise EngineError(
                    f"the database at {self.address} holds {count} nodes that xctgraph did not load; {self._remedy()}"
                )
            return None
        if len(rows) > 1 or rows[0][0] != self._store_id():
            raise EngineError(f"the database at {self.address} holds the graph of another store; {self._remedy()}")
        return Held(*rows[0])

    def _remedy(self) -> str:
        return f"name another database (…/NAME at the end of the URI), or empty this one, if nobody needs it, with {_EMPTY}"

    def _store_id(self) -> str:
        newest = manifest.newest(self._root)
        return "" if newest is None else newest.store_id

    def _driver(self) -> neo4j.Driver:
        with self._lock:
            if self._opened is None:
                try:
                    self._opened = neo4j.GraphDatabase.driver(
                        self.address, auth=self._auth, connection_timeout=_CONNECT_SECONDS, notifications_min_severity="OFF"
                    )
                except (ConfigurationError, ValueError) as error:
                    raise InputError(f"{self.address!r} is no address of a Neo4j server: {error}") from error
            return self._opened

    @contextmanager
    def _session(self, *, write: bool) -> Iterator[neo4j.Session]:
        mode = neo4j.WRITE_ACCESS if write else neo4j.READ_ACCESS
        try:
            with self._driver().session(database=self._database, default_access_mode=mode, fetch_size=_FETCH) as session:
                yield session
        except (Neo4jError, DriverError) as error:
            raise self._translated(error, write=write) from error

    def _translated(self, error: Neo4jError | DriverError, *, write: bool) -> EngineError | QueryError:
        if isinstance(error, AuthError):
            who = f"user {self._auth[0]!r}" if self._auth else "a client without user and password"
            return EngineError(
                f"Neo4j at {self.address} refuses {who}: give neo4j://USER:PASSWORD@HOST, or NEO4J_USERNAME and NEO4J_PASSWORD"
            )
        if isinstance(error, DriverError):
            return EngineError(
                f"Neo4j at {self.address} cannot be reached: {error}; is the server running, and the address right?"
            )
        code, text = str(error.code), str(error.message)
        if code == "Neo.ClientError.Statement.AccessMode":
            return QueryError(f"queries are read-only: {text}")
        if code == "Neo.ClientError.Database.DatabaseNotFound":
            return EngineError(f"Neo4j at {self.address} has no database {self._database!r}: create it, or leave its name out")
        if isinstance(error, ClientError) and code.startswith(_USER_ERRORS) and not write:
            return QueryError(f"Cypher: {text}")
        return EngineError(f"Neo4j at {self.address} could not do it: {text} ({code})")


def _steps(difference: Difference) -> list[tuple[Item, str, str]]:
    """Queries of rows and the statements that apply them, in an order in which each finds what it needs."""
    nodes = [item for item in difference.items if item.ends is None]
    edges = [item for item in difference.items if item.ends is not None]
    steps = [(item, difference.deleted(item), _delete_nodes(item)) for item in nodes]
    steps += [(item, difference.deleted_between_kept(item), _delete_edges(item)) for item in edges]
    for items, create in ((nodes, _create_nodes), (edges, _create_edges)):
        for item in items:
            steps.append((item, difference.inserted(item), create(item)))
            names = difference.changed_properties(item)
            if names:
                chosen = ", ".join(f'"{name}"' for name in (*item.keys, *names))
                steps.append((item, f"SELECT {chosen} FROM ({difference.changed(item)})", _change(item, names)))
    return steps


def _delete_nodes(item: Item) -> str:
    return f"{_ROWS} MATCH (n:`{item.name}` {{`{item.keys[0]}`: $c0[i]}}) DETACH DELETE n RETURN count(*)"


def _delete_edges(item: Item) -> str:
    return f"{_ROWS} {_ends(item)} MATCH (a)-[e:`{item.name}`]->(b) DELETE e RETURN count(*)"


def _create_nodes(item: Item) -> str:
    properties = ", ".join(f"`{name}`: $c{i}[i]" for i, name in enumerate(item.columns))
    return f"{_ROWS} CREATE (:`{item.name}` {{{properties}}}) RETURN count(*)"


def _create_edges(item: Item) -> str:
    properties = ", ".join(f"`{name}`: $c{i + 2}[i]" for i, name in enumerate(item.properties))
    return f"{_ROWS} {_ends(item)} CREATE (a)-[:`{item.name}` {{{properties}}}]->(b) RETURN count(*)"


def _change(item: Item, names: Sequence[str]) -> str:
    keys = len(item.keys)
    assignments = ", ".join(f"x.`{name}` = $c{i + keys}[i]" for i, name in enumerate(names))
    if item.ends is None:
        return f"{_ROWS} MATCH (x:`{item.name}` {{`{item.keys[0]}`: $c0[i]}}) SET {assignments} RETURN count(*)"
    return f"{_ROWS} {_ends(item)} MATCH (a)-[x:`{item.name}`]->(b) SET {assignments} RETURN count(*)"


def _ends(item: Item) -> str:
    # Both ends are looked up first: a walk along the edges of one would be slow where that is a scan with all its features.
    a, b = item.ends or ("", "")
    return f"MATCH (a:`{a}` {{`{ddl.key_of(a)}`: $c0[i]}}) MATCH (b:`{b}` {{`{ddl.key_of(b)}`: $c1[i]}})"


def _mark(session: neo4j.Session, wanted: Manifest, *, complete: bool) -> None:
    values = {"revision": wanted.revision, "state": wanted.state, "format": FORMAT, "complete": complete}
    query = f"MERGE (m:{ddl.META} {{store: $store}}) SET m += $values"
    session.run(query, store=wanted.store_id, values=values).consume()


def _count(session: neo4j.Session, item: Item) -> int:
    pattern = f"(:`{item.name}`)" if item.ends is None else f"()-[:`{item.name}`]->()"
    (count,) = session.run(f"MATCH {pattern} RETURN count(*)").single(strict=True)
    return int(count)


def _dangling(session: neo4j.Session, item: Item, columns: Mapping[str, object]) -> EngineError:
    for column, end in zip(("c0", "c1"), item.ends or (), strict=True):
        query = f"UNWIND $ids AS id WITH id WHERE NOT EXISTS {{ MATCH (:`{end}` {{`{ddl.key_of(end)}`: id}}) }} RETURN id LIMIT 1"
        missing = session.run(query, ids=columns[column]).single()
        if missing is not None:
            return delta.dangling(item, missing[0])
    return EngineError(f"an edge of {item.name} that should change is not there")


def _chunks(answer: neo4j.Result) -> Iterator[list[list[object]]]:
    while records := answer.fetch(_FETCH):
        yield [record.values() for record in records]
