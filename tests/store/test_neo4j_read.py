"""Rows from Neo4j in blocks: the same rows in the same order as one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import neo4j
import numpy as np
import pyarrow as pa
import pytest

from tests import factories
from tests.conftest import neo4j_driver, wipe_neo4j
from xctgraph import Store, open_store
from xctgraph.store import delta, neo4j_read
from xctgraph.store.errors import QueryError

_MANY = 2 * neo4j_read.BLOCK + 7


@pytest.fixture
def session(neo4j_uri: str) -> Iterator[neo4j.Session]:
    with neo4j_driver(neo4j_uri) as driver, driver.session(default_access_mode=neo4j.READ_ACCESS) as opened:
        yield opened


def _one_by_one(session: neo4j.Session, statement: str) -> list[tuple[object, ...]]:
    return [tuple(record.values()) for record in session.run(statement)]


def _rows(table: pa.Table) -> list[tuple[object, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True)) if table.num_columns else []


@pytest.mark.parametrize(
    "statement",
    [
        f"UNWIND range(1, {_MANY}) AS i WITH i ORDER BY i % 7 DESC, i RETURN i, CASE WHEN i % 3 > 0 THEN i / 3.0 END AS `a ``b`",
        "UNWIND [3, 1, 2] AS i RETURN i ORDER BY i DESC // the largest first",
        "UNWIND [1, 2, 3] AS i RETURN count(*), max(i)",
        "RETURN 1 AS a UNION ALL RETURN 2 AS a UNION ALL RETURN 1 AS a",
        "UNWIND [] AS i RETURN i, 'x' AS b",
        "UNWIND [null, null] AS i RETURN i, [1, null, 3] AS b",
    ],
    ids=["blocks", "comment", "unnamed", "union", "empty", "nulls"],
)
def test_rows_are_those_that_come_one_by_one(session: neo4j.Session, statement: str) -> None:
    assert _rows(neo4j_read.answer(session, statement, {})) == _one_by_one(session, statement)


def test_every_node_and_edge_is_read_once(
    neo4j_uri: str, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neo4j_read, "_NODES", int(rng.integers(1, 9)))
    wipe_neo4j(neo4j_uri)
    with open_store(tmp_path / "x.store", create=True, graph=neo4j_uri) as store:
        factories.fill(store, factories.graph(rng, n_scans=3, n_features=25), project=True)
        _check(store)
    wipe_neo4j(neo4j_uri)


def _check(store: Store) -> None:
    for item in delta.items():
        found = [row for batch in store.engine.rows(item) for row in _rows(pa.table(batch))]
        table = store.sql(f"SELECT {', '.join(item.expressions)} FROM {item.table} WHERE {item.where}")
        assert sorted(found, key=repr) == sorted(_rows(table), key=repr)


def test_a_wrong_query_is_refused_in_the_servers_words(tmp_path: Path, neo4j_uri: str) -> None:
    wipe_neo4j(neo4j_uri)
    with open_store(tmp_path / "x.store", create=True, graph=neo4j_uri) as store:
        store.project()
        with pytest.raises(QueryError, match="Variable `q` not defined"):
            store.cypher("RETURN q AS a")
        with pytest.raises(QueryError, match=r"read-only|not allowed"):
            store.cypher("MATCH (n) DETACH DELETE n")
    wipe_neo4j(neo4j_uri)
