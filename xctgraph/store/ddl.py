"""Data definition statements of the three engines, made from the schema."""

from __future__ import annotations

import hashlib

from xctgraph.store.schema import DERIVED_EDGES, TABLES
from xctgraph.store.table import Column, Table

META = "XctGraph"
"""Label of the one node that says which store and revision a graph shows."""

DUCKDB = {"int64": "BIGINT", "int32": "INTEGER", "float64": "DOUBLE", "bool": "BOOLEAN", "string": "VARCHAR"}
# Sums and products of INT32 properties overflow in Ladybug; Neo4j has 64 bit integers only.
_LADYBUG = {"int64": "INT64", "int32": "INT64", "float64": "DOUBLE", "bool": "BOOL", "string": "STRING"}


def node_tables() -> tuple[Table, ...]:
    """Tables whose rows become nodes."""
    return tuple(table for table in TABLES.values() if table.node)


def edge_tables() -> tuple[Table, ...]:
    """Tables whose rows become relationships."""
    return tuple(table for table in TABLES.values() if table.edge)


def key_of(label: str) -> str:
    """The property that identifies a node with `label`."""
    return next(table.key[0] for table in node_tables() if table.node == label)


def node_columns(table: Table) -> tuple[Column, ...]:
    """Properties of the nodes of a table, the key first."""
    return tuple(sorted(table.graph_columns, key=lambda c: c.name not in table.key))


def duckdb() -> list[str]:
    """Statements that create the empty tables and comments of `statistics.duckdb`."""
    statements = []
    for table in TABLES.values():
        if table.in_statistics:
            columns = ", ".join(f'"{c.name}" {DUCKDB[c.type]}{"" if c.nullable else " NOT NULL"}' for c in table.columns)
            statements.append(f'CREATE TABLE "{table.name}" ({columns})')
            statements.append(f'COMMENT ON TABLE "{table.name}" IS {_literal(table.meaning)}')
            statements += [f'COMMENT ON COLUMN "{table.name}"."{c.name}" IS {_literal(describe(c))}' for c in table.columns]
    return statements


def ladybug() -> list[str]:
    """Statements that create the empty node and relationship tables of `graph.lbug`."""
    statements = []
    for table in node_tables():
        columns = ", ".join(f"`{c.name}` {_LADYBUG[c.type]}" for c in node_columns(table))
        statements.append(f"CREATE NODE TABLE `{table.node}` ({columns}, PRIMARY KEY (`{table.key[0]}`))")
    for table in edge_tables():
        columns = "".join(f", `{c.name}` {_LADYBUG[c.type]}" for c in table.graph_columns)
        statements.append(f"CREATE REL TABLE `{table.edge}` (FROM `{table.edge_from}` TO `{table.edge_to}`{columns})")
    statements += [f"CREATE REL TABLE `{e.name}` (FROM `{e.edge_from}` TO `{e.edge_to}`)" for e in DERIVED_EDGES]
    statements.append(
        f"CREATE NODE TABLE `{META}` "
        "(store STRING, revision INT64, state STRING, format STRING, complete BOOL, PRIMARY KEY (store))"
    )
    return statements


def neo4j() -> list[str]:
    """Statements that create the constraints and indexes of a Neo4j database, where they do not exist."""
    statements = [
        f"CREATE CONSTRAINT xctgraph_{table.name}_key IF NOT EXISTS FOR (n:`{table.node}`) REQUIRE n.`{table.key[0]}` IS UNIQUE"
        for table in node_tables()
    ]
    statements.append(f"CREATE CONSTRAINT xctgraph_meta_key IF NOT EXISTS FOR (n:`{META}`) REQUIRE n.store IS UNIQUE")
    statements.append("CREATE INDEX xctgraph_features_scan IF NOT EXISTS FOR (n:`Feature`) ON (n.sample, n.t)")
    return statements


def describe(column: Column) -> str:
    """Meaning, unit, frame and time of knowledge of a column in one line."""
    parts = [column.meaning]
    if column.unit:
        parts.append(f"[{column.unit}]")
    if column.frame:
        parts.append(f"({column.frame} frame)")
    if column.known_at != "t":
        parts.append(f"known at {column.known_at}")
    return " ".join(parts)


def fingerprint(statements: list[str]) -> str:
    """What tells a projection made with these statements from one made with others."""
    return hashlib.sha256("\n".join(statements).encode()).hexdigest()[:16]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
