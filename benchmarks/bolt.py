"""The same graph into a Neo4j server over Bolt, and a million rows out of it: ours, rows as dicts, py2neo.

`python -m benchmarks.bolt [--features 125000] [--scans 4]` prints the section of docs/performance.md.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import neo4j
from py2neo.bulk import create_nodes, create_relationships

from benchmarks.series import Series
from xctgraph.ingest import tables
from xctgraph.ingest.tables.config import TableDataset
from xctgraph.store import Store, ddl, delta, neo4j_server, open_store
from xctgraph.store.delta import Difference, Item

_BATCH = 10_000
_NEIGHBOURS = "MATCH (a:Feature)-[r:NEAR]-(b:Feature) RETURN a.feature_id AS a, b.feature_id AS b, r.gap AS gap LIMIT 1000000"
_EMPTY = "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS"


@dataclass(frozen=True)
class Row:
    """One way: seconds, and how many nodes and edges it loaded, or rows it read."""

    what: str
    seconds: float
    count: int


def run(series: Series, *, heap: str = "3g") -> tuple[list[Row], list[Row]]:
    """Load with each way into a database that is empty but for constraints, then read; loads, and reads."""
    with tempfile.TemporaryDirectory() as name, neo4j_server.running(heap=heap) as server:
        folder = Path(name)
        given = series.write(folder)
        with open_store(folder / "x.store", create=True, graph=server.uri) as store:
            tables.ingest(store, TableDataset.model_validate(given), project=False)
            with neo4j.GraphDatabase.driver(server.uri) as driver:
                loads = []
                for what, load in (
                    ("rows as dicts, `UNWIND $rows`, 10,000 a batch", lambda: _as_dicts(driver, store)),
                    ("py2neo `create_nodes`, `create_relationships`", lambda: _py2neo(server.uri, store)),
                    ("xctgraph `graph load --to`", lambda: store.project(statistics=False)),
                ):
                    _prepare(driver)
                    loads.append(_timed(what, load, lambda: _loaded(driver)))
                reads = list(_reads(driver, store))
    return loads[::-1], reads


def section(loads: list[Row], reads: list[Row]) -> str:
    """Section of docs/performance.md."""
    return "\n\n".join(
        [
            "## Neo4j over Bolt",
            "`python -m benchmarks.bolt`: one server, emptied before each load; each reads the parts. The first row is 1.",
            _table("load", "nodes and edges", loads),
            _table("read `NEAR` into columns", "rows", reads),
        ]
    )


def _reads(driver: neo4j.Driver, store: Store) -> Iterator[Row]:
    rows = 0

    def ours() -> None:
        nonlocal rows
        rows = store.cypher(_NEIGHBOURS).num_rows

    def frame() -> None:
        nonlocal rows
        with driver.session() as session:
            rows = len(session.run(_NEIGHBOURS).to_df())

    for what, read in (("xctgraph `store.cypher`", ours), ("neo4j driver, `result.to_df()`", frame)):
        read()
        yield _timed(what, read, lambda: rows)


def _timed(what: str, work: Callable[[], None], count: Callable[[], int]) -> Row:
    start = time.perf_counter()
    work()
    return Row(what, time.perf_counter() - start, count())


def _prepare(driver: neo4j.Driver) -> None:
    with driver.session() as session:
        session.run(_EMPTY).consume()
        for statement in ddl.neo4j():
            session.run(statement).consume()
        session.run("CALL db.awaitIndexes(300)").consume()


def _loaded(driver: neo4j.Driver) -> int:
    count = f"MATCH (n) WHERE NOT n:{ddl.META} RETURN count(n)", "MATCH ()-[e]->() RETURN count(e)"
    return sum(int(driver.execute_query(query).records[0][0]) for query in count)


def _batches(store: Store) -> Iterator[tuple[Item, list[dict[str, object]]]]:
    """Rows of the parts as dicts, nodes first; a property without a value is left out."""
    with tempfile.TemporaryDirectory() as folder, delta.connection(Path(folder)) as database:
        everything = Difference(database, store.path, [], store.manifest().parts)
        for item in everything.items:
            for batch in everything.batches(everything.inserted(item), _BATCH):
                yield item, [{k: v for k, v in row.items() if v is not None} for row in batch.to_pylist()]


def _as_dicts(driver: neo4j.Driver, store: Store) -> None:
    with driver.session() as session:
        for item, rows in _batches(store):
            if item.ends is None:
                session.run(f"UNWIND $rows AS r CREATE (n:{item.name}) SET n = r", rows=rows).consume()
                continue
            a, b = item.ends
            ends = f"MATCH (a:{a} {{{ddl.key_of(a)}: r.source}}) MATCH (b:{b} {{{ddl.key_of(b)}: r.target}})"
            given = [{"source": row.pop("source"), "target": row.pop("target"), "properties": row} for row in rows]
            session.run(f"UNWIND $rows AS r {ends} CREATE (a)-[e:{item.name}]->(b) SET e = r.properties", rows=given).consume()


def _py2neo(uri: str, store: Store) -> None:
    from py2neo import Graph

    graph = Graph(uri)
    for item, rows in _batches(store):
        if item.ends is None:
            create_nodes(graph.auto(), rows, labels={item.name})
            continue
        keys = [(end, ddl.key_of(end)) for end in item.ends]
        given = [(row.pop("source"), row, row.pop("target")) for row in rows]
        create_relationships(graph.auto(), given, item.name, start_node_key=keys[0], end_node_key=keys[1])


def _table(what: str, counted: str, rows: list[Row]) -> str:
    lines = [f"| {what} | s | ratio | {counted} |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.seconds:.1f} | {row.seconds / rows[0].seconds:.1f} | {row.count:,} |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=int, default=125_000)
    parser.add_argument("--scans", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(section(*run(Series(given.features, given.scans, given.seed))))


if __name__ == "__main__":
    main()
