"""Differences between two revisions as rows: which nodes and edges appeared, disappeared or changed.

Only parts that one revision has and the other has not are read; DuckDB compares their rows out of core.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa

from xctgraph.store import ddl, duck, parts
from xctgraph.store.errors import EngineError
from xctgraph.store.parts import Part
from xctgraph.store.schema import DERIVED_EDGES, TABLES
from xctgraph.store.table import Table, Type


@dataclass(frozen=True)
class Item:
    """What one COPY loads: the nodes of a label, or the edges of a type, as a selection from a table.

    `columns` begin with the `keys`: the key of a node, source and target of an edge. `ends` are the labels that an edge joins.
    """

    name: str
    table: str
    expressions: tuple[str, ...]
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    where: str = "true"
    ends: tuple[str, str] | None = None

    @property
    def properties(self) -> tuple[str, ...]:
        """Columns that are not keys."""
        return self.columns[len(self.keys) :]


@cache
def items() -> tuple[Item, ...]:
    """Everything a graph holds: nodes first, then edges, as the schema says."""
    nodes = [_node_item(table) for table in ddl.node_tables()]
    edges = [_edge_item(table) for table in ddl.edge_tables()]
    derived = [
        Item(
            edge.name,
            edge.table,
            (f'"{edge.source}"', f'"{edge.target}"'),
            ("source", "target"),
            ("source", "target"),
            f'"{edge.source}" IS NOT NULL AND "{edge.target}" IS NOT NULL',
            (edge.edge_from, edge.edge_to),
        )
        for edge in DERIVED_EDGES
    ]
    return (*nodes, *edges, *derived)


def relation(root: Path, table: Table, chosen: Iterable[Part]) -> str:
    """SQL that gives the rows of parts of one table, with its columns and types even where there are none."""
    empty = ", ".join(f'NULL::{ddl.DUCKDB[c.type]} AS "{c.name}"' for c in table.columns)
    names = ", ".join(f'"{c.name}"' for c in table.columns)
    files = parts.paths(root, chosen)
    if not files:
        return f"(SELECT {empty} WHERE false)"
    listed = ", ".join(literal(escaped(file)) for file in files)
    rows = f"SELECT * FROM read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
    return f"(SELECT {names} FROM (SELECT {empty} WHERE false UNION ALL BY NAME {rows}))"


@contextmanager
def connection(temporary: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty DuckDB in memory that spills into the folder `temporary`.

    Raises
    ------
    EngineError
        If parts cannot be read, or no space is left to spill.
    """
    with duck.connect(temp_directory=str(temporary)) as opened:
        try:
            yield opened
        except duckdb.Error as error:
            told = str(error).partition("\n")[0]
            raise EngineError(
                f"DuckDB could not read the parts: {told}; what was committed is safe in them: mend this, then run the same "
                "command again"
            ) from error


class Difference:
    """Rows of every `Item` that differ between removed and added parts."""

    def __init__(self, database: duckdb.DuckDBPyConnection, root: Path, removed: Sequence[Part], added: Sequence[Part]) -> None:
        self._database = database
        self._replaced = {part.table for part in removed}
        self._added = {part.table for part in added}
        for name in sorted({item.table for item in items()}):
            table = next(t for t in (*ddl.node_tables(), *ddl.edge_tables()) if t.name == name)
            for side, chosen in (("removed", removed), ("added", added)):
                rows = relation(root, table, [part for part in chosen if part.table == name])
                database.execute(f'CREATE VIEW "{side}_{name}" AS SELECT * FROM {rows}')
        self._tables: set[str] = set()
        self.items = tuple(item for item in items() if item.table in self._replaced | self._added)
        """Nodes and edges that may differ."""

    def inserted(self, item: Item) -> str:
        """SQL of the rows whose key is new."""
        if item.table not in self._replaced:
            return _select(item, "added")
        return self._table(item, "inserted", f"{_select(item, 'added')} ANTI JOIN ({_select(item, 'removed')}) {_using(item)}")

    def deleted(self, item: Item) -> str:
        """SQL of the keys that are gone."""
        if item.table not in self._replaced:
            return f"SELECT * FROM ({_select(item, 'added')}) WHERE false"
        gone = f"{_select(item, 'removed')} ANTI JOIN ({_select(item, 'added')}) {_using(item)}"
        return self._table(item, "deleted", f"SELECT {_names(item.keys)} FROM ({gone})")

    def changed(self, item: Item) -> str:
        """SQL of the rows whose key is in both with other properties."""
        if item.table not in self._replaced or item.table not in self._added or not item.properties:
            return f"SELECT * FROM ({_select(item, 'added')}) WHERE false"
        common = f"{_select(item, 'added')} SEMI JOIN ({_select(item, 'removed')}) {_using(item)}"
        return self._table(item, "changed", f"{common} EXCEPT {_select(item, 'removed')}")

    def changed_properties(self, item: Item) -> list[str]:
        """Properties that differ in at least one of the changed rows."""
        if self.count(self.changed(item)) == 0:
            return []
        tests = ", ".join(f'bool_or(a."{name}" IS DISTINCT FROM b."{name}")' for name in item.properties)
        query = f"SELECT {tests} FROM ({self.changed(item)}) a JOIN ({_select(item, 'removed')}) b {_using(item)}"
        row = self._database.execute(query).fetchone()
        return [name for name, differs in zip(item.properties, row or (), strict=True) if differs]

    def deleted_between_kept(self, item: Item) -> str:
        """SQL of the edges that are gone although both their nodes are there still."""
        query = self.deleted(item)
        if item.ends is None:
            return query
        for end, key in zip(item.ends, ("source", "target"), strict=True):
            node = next(n for n in items() if n.name == end and n.ends is None)
            if node.table in self._replaced:
                gone = f'SELECT "{node.keys[0]}" AS "{key}" FROM ({self.deleted(node)})'
                query = f'SELECT * FROM ({query}) ANTI JOIN ({gone}) USING ("{key}")'
        return query

    def count(self, query: str) -> int:
        """Number of rows of a query."""
        row = self._database.execute(f"SELECT count(*) FROM ({query})").fetchone()
        return int(row[0]) if row else 0

    def batches(self, query: str, rows: int) -> Iterator[pa.RecordBatch]:
        """Rows of a query in batches, without holding all."""
        with self._database.cursor() as cursor:
            yield from cursor.sql(query).to_arrow_reader(rows)

    def write(self, query: str, path: Path) -> int:
        """Write the rows of a query to a Parquet file; the number of rows."""
        self._database.execute(f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION lz4_raw)")
        row = self._database.execute(f"SELECT count(*) FROM read_parquet({literal(escaped(str(path)))})").fetchone()
        return int(row[0]) if row else 0

    def _table(self, item: Item, what: str, query: str) -> str:
        name = f"{what}_{item.name}"
        if name not in self._tables:
            # The same rows in the same order each time, so that an interrupted load can go on.
            self._database.execute(f'CREATE TABLE "{name}" AS SELECT * FROM ({query}) ORDER BY {_names(item.keys)}')
            self._tables.add(name)
        return f'SELECT * FROM "{name}"'


def expected(database: duckdb.DuckDBPyConnection, root: Path, item: Item, all_parts: Iterable[Part]) -> int:
    """Number of nodes or edges of `item` that a graph of these parts holds."""
    chosen = [part for part in all_parts if part.table == item.table]
    if item.where == "true":
        return sum(part.rows for part in chosen)
    table = next(t for t in ddl.node_tables() if t.name == item.table)
    row = database.execute(f"SELECT count(*) FROM {relation(root, table, chosen)} WHERE {item.where}").fetchone()
    return int(row[0]) if row else 0


def column_types(item: Item) -> dict[str, Type]:
    """Type of each column of an item."""
    table = TABLES[item.table]
    return {
        name: table.column(expression.strip('"')).type for name, expression in zip(item.columns, item.expressions, strict=True)
    }


def all_rows(item: Item) -> str:
    """Cypher that gives every node or edge of `item`, with its columns."""
    if item.ends is None:
        return f"MATCH (n:`{item.name}`) RETURN " + ", ".join(f"n.`{name}` AS `{name}`" for name in item.columns)
    a, b = item.ends
    chosen = [f"a.`{ddl.key_of(a)}` AS `source`", f"b.`{ddl.key_of(b)}` AS `target`"]
    chosen += [f"e.`{name}` AS `{name}`" for name in item.properties]
    return f"MATCH (a:`{a}`)-[e:`{item.name}`]->(b:`{b}`) RETURN " + ", ".join(chosen)


def dangling(item: Item, missing: object) -> EngineError:
    """The error where an edge names a node that does not exist."""
    ends = " or ".join(sorted(set(item.ends or ())))
    return EngineError(
        f"a {item.name} edge (table {item.table!r}) names the {ends} {missing}, which does not exist: "
        "put its row in the same commit, or drop the edge"
    )


def literal(text: str) -> str:
    """Text as a string of SQL."""
    return "'" + text.replace("'", "''") + "'"


def escaped(path: str) -> str:
    """A path whose characters `[`, `*` and `?` are themselves, where an engine would take them as a pattern."""
    return "".join(f"[{character}]" if character in "[*?" else character for character in path)


def _node_item(table: Table) -> Item:
    columns = tuple(c.name for c in ddl.node_columns(table))
    return Item(table.node, table.name, tuple(f'"{name}"' for name in columns), columns, table.key)


def _edge_item(table: Table) -> Item:
    columns = ("source", "target", *(c.name for c in table.graph_columns))
    expressions = tuple(f'"{name}"' for name in columns)
    return Item(table.edge, table.name, expressions, columns, ("source", "target"), ends=(table.edge_from, table.edge_to))


def _select(item: Item, side: str) -> str:
    chosen = ", ".join(f'{expression} AS "{name}"' for expression, name in zip(item.expressions, item.columns, strict=True))
    return f'SELECT * FROM (SELECT {chosen} FROM "{side}_{item.table}" WHERE {item.where})'


def _names(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _using(item: Item) -> str:
    return f"USING ({_names(item.keys)})"
