"""The graph as py2neo shows it, for notebooks that were written for py2neo."""

from __future__ import annotations

from typing import Any

from xctgraph.store.engine import GraphEngine
from xctgraph.store.engine_neo4j import Neo4jEngine
from xctgraph.store.errors import InputError


def connected(engine: GraphEngine) -> Any:
    """A connected `py2neo.Graph` on the database of the engine; its user may write there, see docs/py2neo.md.

    Raises
    ------
    InputError
        If the engine is not Neo4j, or py2neo is not installed.
    EngineError
        If the server cannot be reached, or the database holds another store's graph.
    """
    if not isinstance(engine, Neo4jEngine):
        raise InputError(
            f"py2neo speaks to Neo4j, but this store is open on {engine.name}: give open_store(…, graph='neo4j://…') its URI"
        )
    try:
        from py2neo import Graph
    except ModuleNotFoundError as error:
        raise InputError("py2neo is not installed: pip install 'xctgraph[py2neo]'") from error
    engine.held()  # tells what is wrong better than py2neo does
    connection = engine.connection
    name = {"name": connection.database} if connection.database else {}
    return Graph(connection.address, auth=connection.auth, **name)
