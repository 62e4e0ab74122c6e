"""A Neo4j server without an installation: its jars from Maven, one process, a folder for its data."""

from xctgraph.store.neo4j_server.jars import ServerUnavailable, fetch, missing_tool
from xctgraph.store.neo4j_server.process import Process, running

__all__ = ["Process", "ServerUnavailable", "fetch", "missing_tool", "running"]
