"""Neo4j, the graph server: a projection kept in a database of its own, changed over Bolt in batches of columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import neo4j
import pyarrow as pa

from xctgraph.store import manifest, neo4j_load, neo4j_read, projection
from xctgraph.store.delta import Item
from xctgraph.store.errors import EngineError
from xctgraph.store.manifest import Manifest
from xctgraph.store.neo4j_connection import Connection
from xctgraph.store.neo4j_load import FORMAT, ContentDiffers, Mark
from xctgraph.store.progress import Progress
from xctgraph.store.projection import Held

_EMPTY = "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS"


class Neo4jEngine:
    """The projection of a store on a Neo4j server; the database holds this store's graph and nothing else."""

    name = "neo4j"
    format = FORMAT

    def __init__(self, root: Path, uri: str, server_seconds: float | None = None) -> None:
        self._root = root
        self._seconds = server_seconds
        self.connection = Connection(uri)

    @property
    def address(self) -> str:
        """URI of the server, without user and password."""
        return self.connection.address

    def held(self) -> Held | None:
        """What the database holds of this store; None where it is empty.

        Raises
        ------
        EngineError
            If the server cannot be reached, or the database holds anything else.
        """
        mark = self._mark()
        return None if mark is None else mark.held

    def update(self, wanted: Manifest, progress: Progress) -> None:
        """Bring the database to the revision `wanted` by the difference of rows, or by a full load.

        The database is marked incomplete meanwhile; a load that was interrupted, by a kill of either side at any instant, goes
        on where it stopped.

        Raises
        ------
        EngineError
            If the server cannot be reached or refuses, or edges name nodes that do not exist.
        """
        mark = self._mark()
        neo4j_load.prepare(self.connection, progress)
        stopped = None if mark is None else neo4j_load.interrupted(self._root, mark)
        held = None if mark is None else mark.held
        if stopped is not None and self._load(stopped, progress):
            held = self.held()
            if held is not None and held.shows(wanted, FORMAT):
                return
        plan = projection.plan(self._root, held, wanted, FORMAT)
        if not plan.rebuild and self._load(neo4j_load.begin(self.connection, wanted, held, plan), progress):
            return
        plan = projection.rebuild(wanted)
        neo4j_load.run(self.connection, self._root, neo4j_load.begin(self.connection, wanted, None, plan), progress)

    def invalidate(self) -> None:
        """Let the next update load everything anew; only under the lock of the projection."""
        mark = self._mark()
        if mark is not None:
            begun_by_nobody = {"store": mark.held.store_id, "complete": False, "step": None}
            neo4j_load.set_mark(self.connection, begun_by_nobody)

    def rows(self, item: Item) -> Iterator[pa.RecordBatch]:
        """Every node or edge of `item` as the database holds it."""
        with self.connection.session(write=False) as session:
            yield from neo4j_read.rows(session, item)

    def query(self, statement: str, parameters: Mapping[str, object]) -> pa.Table:
        """Answer one checked, read-only Cypher query with plain parameters."""
        with self.connection.session(write=False) as session:
            mark = self._own(session)
            if mark is None or not mark.held.complete:
                raise EngineError(
                    f"the graph at {self.address} is being loaded, or its load was interrupted: "
                    f"run `xctgraph graph load --to {self.address} --store {self._root}`, which goes on where it stopped"
                )
            return neo4j_read.answer(session, statement, parameters, self._seconds)

    def close(self) -> None:
        """Close the connections."""
        self.connection.close()

    def _load(self, load: neo4j_load.Load, progress: Progress) -> bool:
        """Run a load; false where what stands in the database may be at fault, so that it has to be loaded anew."""
        try:
            neo4j_load.run(self.connection, self._root, load, progress)
        except ContentDiffers:
            return False
        return True

    def _mark(self) -> Mark | None:
        with self.connection.session(write=False) as session:
            return self._own(session)

    def _own(self, session: neo4j.Session) -> Mark | None:
        rows = [record.values() for record in session.run(neo4j_load.READ_MARKS)]
        if not rows:
            (count,) = session.run("MATCH (n) RETURN count(n)").single(strict=True)
            if count:
                raise EngineError(
                    f"the database at {self.address} holds {count} nodes that xctgraph did not load; {self._remedy()}"
                )
            return None
        if len(rows) > 1 or rows[0][0] != self._store_id():
            raise EngineError(f"the database at {self.address} holds the graph of another store; {self._remedy()}")
        return Mark.of(rows[0])

    def _remedy(self) -> str:
        return f"name another database (…/NAME at the end of the URI), or empty this one, if nobody needs it, with {_EMPTY}"

    def _store_id(self) -> str:
        newest = manifest.newest(self._root)
        return "" if newest is None else newest.store_id
