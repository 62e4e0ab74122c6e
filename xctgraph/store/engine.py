"""What a graph engine must do, and which engine a URI names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import pyarrow as pa

from xctgraph.store.delta import Item
from xctgraph.store.errors import InputError
from xctgraph.store.manifest import Manifest
from xctgraph.store.progress import Progress
from xctgraph.store.projection import Held

SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")


class GraphEngine(Protocol):
    """A projection of a store that answers Cypher."""

    name: str
    format: str

    def held(self) -> Held | None:
        """What the engine holds of this store; None where it holds nothing.

        Raises
        ------
        EngineError
            If it cannot be reached, or holds another store's graph.
        """

    def update(self, wanted: Manifest, progress: Progress) -> None:
        """Bring the graph to the revision `wanted`; only under the lock of the projections.

        Raises
        ------
        EngineError
            If the engine refuses, or edges name nodes that do not exist.
        """

    def invalidate(self) -> None:
        """Let the next update load everything anew; only under the lock of the projection."""

    def rows(self, item: Item) -> Iterator[pa.RecordBatch]:
        """Every node or edge of `item` as the engine holds it, with the item's columns in their order, in batches."""

    def query(self, statement: str, parameters: Mapping[str, object]) -> pa.Table:
        """Answer one checked, read-only Cypher query with plain parameters.

        Raises
        ------
        QueryError
            If the engine refuses the query.
        EngineError
            If it cannot be reached, or holds no complete graph.
        """

    def close(self) -> None:
        """Close files and connections."""


def engine_of(root: Path, graph: str | None, server_seconds: float | None = None) -> GraphEngine:
    """The engine that `graph` names: None for Ladybug in the store's folder, or the URI of a Neo4j server.

    A server works on one query for `server_seconds`, or as long as it takes.

    Raises
    ------
    InputError
        If `graph` is no URI of a Neo4j server.
    """
    # Each engine is imported where it is used: the Neo4j driver alone takes a third of a second.
    if graph is None:
        from xctgraph.store.engine_ladybug import LadybugEngine

        return LadybugEngine(root)
    parts = urlsplit(graph)
    if parts.scheme not in SCHEMES or not parts.hostname:
        valid = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise InputError(f"{_hidden(graph)!r} is no address of a graph server: give HOST[:PORT] after one of {valid}")
    from xctgraph.store.engine_neo4j import Neo4jEngine

    return Neo4jEngine(root, graph, server_seconds)


def _hidden(uri: str) -> str:
    before, at, after = uri.rpartition("@")
    return f"{before.partition('://')[0]}://…@{after}" if at else uri
