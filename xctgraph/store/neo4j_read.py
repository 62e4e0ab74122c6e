"""Reading from Neo4j in blocks of rows: a record per row costs more than ten times as much in the driver and on the wire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import neo4j
import pyarrow as pa
from neo4j.exceptions import ClientError, TransientError

from xctgraph.store import ddl, delta, results
from xctgraph.store.arrow import TYPES
from xctgraph.store.delta import Item

BLOCK = 20_000
# Nodes whose edges are collected at once; a feature has some tens of edges.
_NODES = 10_000
_BLOCKS = f"UNWIND range(0, size(rows) - 1, {BLOCK}) AS i RETURN rows[i..i + {BLOCK}] AS block"
_NO_MEMORY = "Neo.TransientError.General.MemoryPoolOutOfMemoryError"

Block = Sequence[Sequence[object]]


def answer(session: neo4j.Session, statement: str, parameters: Mapping[str, object], seconds: float | None = None) -> pa.Table:
    """Rows of a read-only query in its order; the server gives up after `seconds`.

    The server collects the rows and sends them in blocks. Where it has not the memory for that, or the query cannot be part of
    another (it names no columns, say), they come one by one.

    Raises
    ------
    neo4j.exceptions.Neo4jError
        If the query is wrong or the server cannot answer it.
    QueryError
        As `results.table`.
    """
    given = dict(parameters)
    with session.begin_transaction(timeout=seconds) as transaction:
        names = transaction.run(f"EXPLAIN {statement}", given).keys()
    if names:
        try:
            with session.begin_transaction(timeout=seconds) as transaction:
                return results.from_rows(names, _blocks(transaction.run(_collected(statement, names), given)))
        except ClientError as error:
            if not str(error.code).startswith("Neo.ClientError.Statement.Syntax"):
                raise
        except TransientError as error:
            if error.code != _NO_MEMORY:
                raise
    with session.begin_transaction(timeout=seconds) as transaction:
        plain = transaction.run(statement, given)
        return results.from_rows(plain.keys(), _fetched(plain))


def rows(session: neo4j.Session, item: Item) -> Iterator[pa.RecordBatch]:
    """Every node or edge of `item` in ranges of keys, so that neither side ever holds all."""
    schema = pa.schema([(name, TYPES[type_]) for name, type_ in delta.column_types(item).items()])
    statement = _range(item)
    last: object = -1 if _driving_type(item) == "int64" else ""
    while True:
        record = session.run(statement, {"last": last}).single(strict=True)
        if record["last"] is None:
            return
        last = record["last"]
        if record["rows"]:
            values = zip(*record["rows"], strict=True)
            columns = [pa.array(column, field.type) for column, field in zip(values, schema, strict=True)]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _collected(statement: str, names: Sequence[str]) -> str:
    # On a line of its own, the brace is no part of a comment that ends the query.
    quoted = ", ".join("`" + name.replace("`", "``") + "`" for name in names)
    return f"CALL () {{\n{statement}\n}} WITH collect([{quoted}]) AS rows {_BLOCKS}"


def _blocks(answered: neo4j.Result) -> Iterator[Block]:
    for record in answered:
        yield record["block"]


def _fetched(answered: neo4j.Result) -> Iterator[Block]:
    while records := answered.fetch(BLOCK):
        yield [record.values() for record in records]


def _range(item: Item) -> str:
    """Cypher that collects the rows of the nodes that follow the key `$last`, and gives the last of these keys."""
    label, key = _driving(item), ddl.key_of(_driving(item))
    some = f"MATCH (n:`{label}`) WHERE n.`{key}` > $last WITH n ORDER BY n.`{key}` LIMIT {_NODES}"
    if item.ends is None:
        chosen = ", ".join(f"n.`{name}`" for name in item.columns)
        return f"{some} RETURN collect([{chosen}]) AS rows, max(n.`{key}`) AS last"
    source, target = item.ends
    other = target if label == source else source
    ends = (f"n.`{key}`", f"m.`{ddl.key_of(other)}`")
    edge = f"(n)-[e:`{item.name}`]->(m:`{other}`)" if label == source else f"(n)<-[e:`{item.name}`]-(m:`{other}`)"
    chosen = ", ".join([*(ends if label == source else reversed(ends)), *(f"e.`{name}`" for name in item.properties)])
    return (
        f"{some} WITH collect(n) AS nodes, max(n.`{key}`) AS last "
        f"CALL (nodes) {{ UNWIND nodes AS n MATCH {edge} RETURN collect([{chosen}]) AS rows }} RETURN rows, last"
    )


def _driving(item: Item) -> str:
    """Label of the nodes to go by: of the two ends, that of which a node has few edges."""
    source, target = item.ends or (item.name, item.name)
    # A scan holds all its features.
    return target if source in ("Sample", "Scan") else source


def _driving_type(item: Item) -> str:
    label = _driving(item)
    return next(table for table in ddl.node_tables() if table.node == label).column(ddl.key_of(label)).type
