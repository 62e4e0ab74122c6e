"""Answers: the same types on both engines, read-only on all three, errors that name the remedy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests import factories
from xctgraph import Store, open_store
from xctgraph.store import cypher
from xctgraph.store.errors import EngineError, InputError, QueryError


@pytest.fixture
def filled(engine: Store, rng: np.random.Generator) -> Store:
    factories.fill(engine, factories.graph(rng, n_scans=2, n_features=8), project=True)
    return engine


INT, FLOAT, TEXT, BOOL = pa.int64(), pa.float64(), pa.string(), pa.bool_()


TYPES = [
    ("MATCH (f:Feature) RETURN f.t AS t, f.volume AS v, f.kind AS k, f.border_touching AS b", [INT, FLOAT, TEXT, BOOL]),
    ("MATCH (f:Feature) RETURN sum(f.n_voxels) AS s, count(*) AS n, avg(f.t) AS a, max(f.t) AS m", [INT, INT, FLOAT, INT]),
    ("MATCH (f:Feature) RETURN collect(f.t) AS t, collect(f.kind) AS k", [pa.list_(INT), pa.list_(TEXT)]),
    ("MATCH (f:Feature) RETURN collect(f.volume) AS v", [pa.list_(FLOAT)]),
    ("MATCH (f:Feature) WHERE f.volume < 0 RETURN f.t AS t, f.kind AS k", [pa.null(), pa.null()]),
    ("MATCH (f:Feature) WHERE f.volume < 0 RETURN collect(f.t) AS t, count(*) AS n", [pa.list_(pa.null()), INT]),
    ("MATCH (f:Feature) RETURN f.region_id AS region, f.t AS t", [pa.null(), INT]),
    ("RETURN $i AS i, $f AS f, $s AS s, $b AS b, $l AS l", [INT, FLOAT, TEXT, BOOL, pa.list_(INT)]),
    ("UNWIND [[1, 2], [3]] AS l RETURN l AS l, 1 AS one, 0.5 AS half", [pa.list_(INT), INT, FLOAT]),
]  # fmt: skip


def test_types_are_those_of_both_engines(filled: Store) -> None:
    values = {"i": np.int32(3), "f": np.float64(0.5), "s": "it's", "b": np.bool_(True), "l": np.array([1, 2])}
    for query, types in TYPES:
        used = {name: value for name, value in values.items() if f"${name}" in query}
        found = filled.cypher(query, **used)
        assert found.schema.types == types, query
        if used:
            assert found.to_pylist() == [{"i": 3, "f": 0.5, "s": "it's", "b": True, "l": [1, 2]}]


def test_columns_keep_the_order_of_return(filled: Store) -> None:
    assert filled.cypher("MATCH (s:Scan) RETURN s.t AS z, s.path AS a, s.sample AS m, count(*) AS b").column_names == [
        "z",
        "a",
        "m",
        "b",
    ]


WRONG = [
    ("MATCH (f:Feature) RETURN f", "column 'f' holds .*return properties"),
    ("MATCH (:Feature)-[e:NEAR]-(:Feature) RETURN e AS edge", "column 'edge' holds"),
    ("RETURN {a: 1} AS m", "column 'm' holds"),
    ("RETURN date('2026-01-01') AS d", "column 'd' holds .*ISO text"),
    ("MATCH (f:Feature) RETURN f.t AS x, f.t AS x", "same name|two columns are named 'x'"),
    ("MATCH (f:Feature RETURN f.t AS t", "Cypher: "),
    ("MATCH (f:Feature) WHERE f.t = $a AND f.z = $b RETURN f.t AS t", r"uses \$b, but there is no value.*given: a"),
]


def test_wrong_queries_are_explained(filled: Store) -> None:
    for query, words in WRONG:
        with pytest.raises(QueryError, match=words):
            filled.cypher(query, **({"a": 1} if "$a" in query else {}))


WRITES = [
    "MATCH (f:Feature) SET f.kind = 'x'",
    "MATCH (f:Feature) DETACH DELETE f",
    "MATCH (f:Feature) CREATE (:Feature {feature_id: 1})",
    "MATCH (f:Feature {t: 0}) MATCH (g:Feature {t: 1}) MERGE (f)-[:NEXT]->(g)",
    "MATCH (f:Feature) MERGE (:Sample {sample: f.kind})",
]


def test_the_engine_itself_refuses_writes(filled: Store) -> None:
    count = "MATCH (f:Feature) OPTIONAL MATCH (f)-[e:NEXT]->(g:Feature) "
    count += "RETURN count(f) AS f, count(e) AS e, count(DISTINCT f.kind) AS k"
    before = filled.cypher(count)
    for write in WRITES:
        with pytest.raises(QueryError, match="read-only"):
            filled.cypher(write)
    assert filled.cypher(count) == before


FILES = [
    "COPY (MATCH (f:Feature) RETURN f.t) TO '{file}'",
    "EXPORT DATABASE '{file}'",
    "PROFILE COPY (RETURN 1) TO '{file}'",
    "LOAD FROM '{secret}' RETURN *",
    "MATCH (f:Feature) LOAD FROM '{secret}' RETURN *",
    "LOAD CSV FROM 'file://{secret}' AS line RETURN line",
    "MATCH (f:Feature) LOAD CSV FROM 'file://{secret}' AS line RETURN line",
    "CALL apoc.load.csv('{secret}') YIELD list RETURN list",
]


def test_no_files_by_cypher(filled: Store, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    before = set(tmp_path.rglob("*"))
    for query in FILES:
        with pytest.raises(QueryError, match=r"read-only|is not allowed"):
            filled.cypher(query.format(file=tmp_path / "out.csv", secret=secret))
    assert set(tmp_path.rglob("*")) - before == set()


@pytest.fixture
def tables(tmp_path: Path, rng: np.random.Generator) -> Store:
    store = open_store(tmp_path / "x.store", create=True)
    factories.fill(store, factories.graph(rng, n_scans=2, n_features=8))
    store.project(graph=False)
    return store


OUTSIDE = [
    "CREATE TABLE x (i INT)", "CREATE TEMP TABLE x (i INT)", "INSERT INTO jobs SELECT * FROM jobs", "DELETE FROM features",
    "UPDATE features SET t = 5", "DROP TABLE features", "ALTER TABLE features ADD x INT", "SELECT 1; DELETE FROM features",
    "COPY features TO '{file}'", "EXPORT DATABASE '{file}'", "ATTACH '{file}' AS x", "INSTALL httpfs", "LOAD httpfs",
    "SET enable_external_access = true", "RESET enable_external_access", "PRAGMA enable_progress_bar", "USE memory",
    "CALL pragma_version()", "BEGIN", "CHECKPOINT", "VACUUM", "EXPLAIN ANALYZE DELETE FROM features", "",
    "SELECT * FROM read_csv('{secret}')", "SELECT * FROM '{secret}'", "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM glob('/*')", "SELECT * FROM python_variable", "FROM query('DELETE FROM features')",
]  # fmt: skip


def test_sql_reads_tables_only(tables: Store, tmp_path: Path) -> None:
    python_variable = pa.table({"a": [1]})
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    before = set(tmp_path.rglob("*"))
    for query in OUTSIDE:
        with pytest.raises(QueryError, match=r"read-only|at a time|no files|SQL: "):
            tables.sql(query.format(file=tmp_path / "out", secret=secret))
    assert set(tmp_path.rglob("*")) == before
    assert tables.sql("SELECT count(*) AS n FROM features")["n"].to_pylist() == [tables.read("features").num_rows]
    assert python_variable.num_rows == 1


def test_sql_that_reads_passes(tables: Store) -> None:
    for query in (
        "SELECT 1 AS a",
        "FROM features",
        "WITH a AS (SELECT 1) FROM a",
        "SHOW TABLES",
        "DESCRIBE features",
        "EXPLAIN SELECT 1",
    ):
        assert tables.sql(query).num_rows > 0


def test_sql_parameters_and_sums(tables: Store) -> None:
    features = tables.read("features").to_pandas()
    by_name = tables.sql(
        "SELECT sum(n_voxels) AS n, avg(volume) AS v FROM features WHERE kind = $kind AND t = $t",
        {"kind": "inclusion", "t": np.int64(1)},
    )
    chosen = features[(features.kind == "inclusion") & (features.t == 1)]
    assert by_name["n"].to_pylist() == [chosen.n_voxels.sum()]
    assert by_name["n"].type == pa.int64()
    assert by_name["v"].to_pylist() == pytest.approx([chosen.volume.mean()], rel=1e-12)
    by_place = tables.sql("SELECT count(*) AS n FROM features WHERE t = ?", [1])
    assert by_place["n"].to_pylist() == [int((features.t == 1).sum())]
    with pytest.raises(QueryError, match=r"not provided.*kind"):
        tables.sql("SELECT count(*) AS n FROM features WHERE kind = $kind")
    with pytest.raises(QueryError, match=r"(?s)SQL: .*features"):
        tables.sql("SELECT * FROM feature")


def test_an_unreachable_server_is_named(tmp_path: Path) -> None:
    with open_store(tmp_path / "x.store", create=True, graph="bolt://me:secret@127.0.0.1:1") as store:
        for ask in (lambda: store.cypher("RETURN 1 AS a"), store.project, store.status):
            with pytest.raises(
                EngineError, match=r"(?s)Neo4j at bolt://127.0.0.1:1 cannot be reached.*is the server running"
            ) as caught:
                ask()
            assert "secret" not in str(caught.value)
    with (
        open_store(tmp_path / "x.store", graph="bolt://127.0.0.1:1?routing=x") as store,
        pytest.raises(InputError, match="no address"),
    ):
        store.cypher("RETURN 1 AS a")


def test_checked_before_the_engine_is_asked(tmp_path: Path) -> None:
    with (
        open_store(tmp_path / "x.store", create=True, graph="bolt://127.0.0.1:1") as store,
        pytest.raises(QueryError, match="no value"),
    ):
        store.cypher("RETURN $a AS a")
    assert cypher.check("RETURN 1 AS a", {}) == {}
