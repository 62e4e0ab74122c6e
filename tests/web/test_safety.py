"""Attacks on the console: none reaches a file, none changes a byte of the store, a value of the graph, or a file beside them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import neo4j_driver
from tests.web.conftest import Served

SECRET = "xyzzy-secret-xyzzy"

SQL = """
COPY features TO '{out}'
COPY (SELECT 1) TO '{out}'
COPY features FROM '{secret}'
EXPORT DATABASE '{out}'
IMPORT DATABASE '{folder}'
SELECT * FROM read_csv('{secret}')
SELECT * FROM read_csv_auto('{secret}')
SELECT * FROM sniff_csv('{secret}')
SELECT * FROM read_text('{secret}')
SELECT * FROM read_blob('{secret}')
SELECT * FROM read_json('{secret}')
SELECT * FROM read_ndjson_objects('{secret}')
SELECT * FROM read_parquet('{secret}')
SELECT * FROM parquet_metadata('{secret}')
SELECT * FROM parquet_file_metadata('{secret}')
SELECT * FROM '{secret}'
FROM "{secret}"
SELECT * FROM glob('{folder}/*')
SELECT * FROM query('SELECT * FROM read_text(''{secret}'')')
SELECT * FROM query_table('{secret}')
SELECT (SELECT content FROM read_text('{secret}'))
WITH s AS (SELECT * FROM read_text('{secret}')) SELECT * FROM s
SELECT * FROM 'http://127.0.0.1:9/x.csv'
SELECT * FROM read_csv('s3://bucket/x.csv')
ATTACH '{out}' AS other
ATTACH '{secret}' AS other (TYPE sqlite)
DETACH store
USE memory
INSTALL httpfs
LOAD httpfs
LOAD '{secret}'
SET enable_external_access = true
SET lock_configuration = false
SET GLOBAL memory_limit = '1TB'
RESET enable_external_access
PRAGMA enable_external_access = true
PRAGMA database_list; COPY features TO '{out}'
INSERT INTO features SELECT * FROM features
UPDATE features SET volume = 0
DELETE FROM features
MERGE INTO features USING near ON true WHEN MATCHED THEN DELETE
TRUNCATE features
DROP TABLE features
ALTER TABLE features ADD COLUMN x INTEGER
CREATE TABLE x AS SELECT 1
CREATE TEMP TABLE x AS SELECT 1
CREATE VIEW x AS SELECT * FROM features
CREATE MACRO count(x) AS 7
CREATE SECRET s (TYPE s3)
CHECKPOINT
VACUUM
BEGIN
CALL pragma_version()
PREPARE p AS COPY features TO '{out}'
EXECUTE p
SELECT 1; DELETE FROM features
SELECT 1; COPY features TO '{out}'
EXPLAIN ANALYZE COPY features TO '{out}'
EXPLAIN ANALYZE COPY (SELECT * FROM read_text('{secret}')) TO '{out}'
EXPLAIN ANALYZE DELETE FROM store.features
EXPLAIN ANALYZE UPDATE store.features SET volume = 0
EXPLAIN ANALYZE DROP TABLE store.features
EXPLAIN ANALYZE CREATE TABLE memory.main.x AS SELECT 1
EXPLAIN ANALYZE CREATE MACRO memory.main.avg(x) AS 7
EXPLAIN ANALYZE CREATE VIEW memory.main.features AS SELECT 1
EXPLAIN ANALYZE SET threads = 1
EXPLAIN ANALYZE ATTACH '{out}' AS other
UPDATE EXTENSIONS
CALL enable_logging(storage = 'file', storage_path = '{out}')
SELECT * FROM enable_logging(storage = 'file', storage_path = '{out}')
SELECT * FROM read_csv('/proc/self/environ')
SELECT * FROM query('COPY features TO ''{out}''')
SELECT * FROM arrow_scan_dumb(1, 2, 3)
SELECT * FROM pandas_scan(1)
SELECT * FROM task
SUMMARIZE '{secret}'
WITH x AS (DELETE FROM features RETURNING *) SELECT * FROM x
EXPLAIN (ANALYZE, FORMAT json) COPY features TO '{out}'
SELECT * FROM duckdb_secrets(redact := false), read_text('{secret}')
"""

CYPHER = """
MATCH (f:Feature) SET f.volume = 0
MATCH (f:Feature) SET f.volume = 0 RETURN f.volume AS v
MATCH (f:Feature) DELETE f
MATCH (f:Feature) DETACH DELETE f
MATCH (f:Feature) REMOVE f.volume RETURN 1 AS x
MATCH (a:Feature), (b:Feature) WHERE a.feature_id < b.feature_id CREATE (a)-[:NEAR]->(b)
MATCH (f:Feature) MERGE (x:Track {{track_id: 1}}) RETURN 1 AS x
CREATE (:Feature {{feature_id: 1}})
MERGE (:Feature {{feature_id: 1}})
UNWIND [1] AS x CREATE (:Feature {{feature_id: x}})
WITH 1 AS x MERGE (:Feature {{feature_id: x}}) RETURN x
MATCH (f:Feature) FOREACH (x IN [1] | SET f.volume = 0)
MATCH (f:Feature) CALL {{ WITH f SET f.volume = 0 }} RETURN 1 AS x
MATCH (f:Feature) CALL (f) {{ SET f.volume = 0 }} RETURN 1 AS x
MATCH (f:Feature) CALL (f) {{ DELETE f }} IN TRANSACTIONS OF 10 ROWS
RETURN 1 AS x; MATCH (f:Feature) DETACH DELETE f
RETURN 1 AS x UNION MATCH (f:Feature) SET f.volume = 0 RETURN 1 AS x
COPY Feature TO '{out}'
COPY (MATCH (f:Feature) RETURN f.uid) TO '{out}'
COPY Feature FROM '{secret}'
EXPORT DATABASE '{out}'
IMPORT DATABASE '{folder}'
LOAD FROM '{secret}' RETURN *
LOAD WITH HEADERS (a STRING) FROM '{secret}' RETURN *
LOAD CSV FROM 'file://{secret}' AS row RETURN row
LOAD CSV WITH HEADERS FROM 'http://127.0.0.1:9/x.csv' AS row RETURN row
MATCH (s:Scan) LOAD CSV FROM 'file://{secret}' AS row RETURN row[0] AS x
UNWIND [1] AS x LOAD FROM '{secret}' RETURN *
WITH 1 AS x LOAD /* here */ CSV FROM 'file://{secret}' AS row RETURN row[0] AS v
WITH 1 AS x LO\\u0041D CSV FROM 'file://{secret}' AS row RETURN row[0] AS v
CALL (x) {{ LOAD CSV FROM 'file://{secret}' AS row RETURN row }} RETURN row[0] AS x
CALL apoc.load.json('file://{secret}') YIELD value RETURN value
RETURN apoc.text.join(['a'], '') AS x
CALL dbms.listConfig() YIELD value RETURN value
CALL dbms.setConfigValue('x', 'y')
CALL db.clearQueryCaches()
CALL db.index.fulltext.queryNodes('x', 'y') YIELD node RETURN 1 AS x
CALL `dbms`.`components`() YIELD name RETURN name
CALL threads=1
CALL spill_to_disk=true
CALL enable_external_access=true
CALL clear_warnings()
CALL show_functions() RETURN *
ATTACH '{secret}' AS other (dbtype duckdb)
DETACH other
USE system
USE DATABASE other
INSTALL httpfs
LOAD EXTENSION httpfs
LOAD httpfs
LOAD '{secret}'
CREATE NODE TABLE X (a INT64, PRIMARY KEY (a))
CREATE CONSTRAINT c FOR (f:Feature) REQUIRE f.uid IS UNIQUE
CREATE INDEX i FOR (f:Feature) ON (f.volume)
CREATE USER evil SET PASSWORD 'evil123456'
CREATE MACRO f(x) AS x
DROP TABLE Feature
DROP CONSTRAINT c IF EXISTS
ALTER TABLE Feature ADD x INT64
BEGIN TRANSACTION
CHECKPOINT
EXPLAIN MATCH (f:Feature) SET f.volume = 0
PROFILE MATCH (f:Feature) SET f.volume = 0 RETURN 1 AS x
SHOW USERS
STOP DATABASE neo4j
TERMINATE TRANSACTIONS '1'
INSERT (x:Feature {{feature_id: 3}})
MATCH (f:Feature) NODETACH DELETE f
CYPHER planner=cost CREATE (:X)
\\u0043REATE (:X)
MATCH (f:Feature) S\\u0045T f.volume = 0 RETURN 1 AS x
MATCH (f:Feature) RETURN EXISTS {{ MATCH (f) SET f.volume = 0 }} AS x
CALL tx.setMetaData({{a: 1}})
CALL db.createLabel('X')
ALTER CURRENT USER SET PASSWORD FROM 'x' TO 'yyyyyyyyyy'
CALL PROJECT_GRAPH('g', ['Feature'], ['NEAR']) RETURN *
LOAD FROM "{secret}" (file_format='csv') RETURN *
EXPLAIN COPY (MATCH (f:Feature) RETURN f.uid) TO '{out}'
"""


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


def contents(*folders: Path) -> dict[str, str]:
    """Checksum of every file; locks are no content."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def graph_values(served: Served) -> list[object]:
    """A digest of the graph, by queries of the engine; on Neo4j of everything in the database, by the driver."""
    uri = os.environ.get("XCTGRAPH_TEST_URI")
    told = served.ask("cypher", "MATCH (f:Feature) RETURN count(*) AS n, sum(f.volume) AS v, count(f.uid) AS u").json()["data"]
    if uri is None:
        return [told]
    with neo4j_driver(uri) as driver:
        counted = driver.execute_query(
            "MATCH (n) OPTIONAL MATCH (n)-[r]->() RETURN count(DISTINCT n) AS n, count(r) AS r"
        ).records
        rules = driver.execute_query("SHOW CONSTRAINTS YIELD name RETURN name ORDER BY name").records
        return [told, [r.values() for r in counted], [r.values() for r in rules]]


@pytest.fixture
def ground(on_engine: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder with a secret; afterwards nothing in it, in the store or in the graph has changed."""
    if "neo4j" in request.node.name:
        monkeypatch.setenv("XCTGRAPH_TEST_URI", request.getfixturevalue("neo4j_uri"))
    (tmp_path / "secret.csv").write_text(f"a\n{SECRET}\n")
    assert on_engine.ask("sql", "SELECT 1").status_code == 200
    before = contents(on_engine.store, tmp_path), graph_values(on_engine)
    yield tmp_path
    assert (contents(on_engine.store, tmp_path), graph_values(on_engine)) == before


@pytest.mark.parametrize(("language", "attacks"), [("sql", lines(SQL)), ("cypher", lines(CYPHER))], ids=["sql", "cypher"])
def test_attacks_are_refused(on_engine: Served, ground: Path, language: str, attacks: list[str]) -> None:
    passed = []
    for attack in attacks:
        text = attack.format(out=ground / "out", secret=ground / "secret.csv", folder=ground)
        answer = on_engine.ask(language, text)
        assert SECRET not in answer.text, text
        assert not (ground / "out").exists(), text
        if answer.status_code != 400:
            passed.append((text, answer.status_code, answer.text[:200]))
        else:
            assert answer.json()["error"].keys() == {"type", "message"}
    assert passed == []


def test_what_reads_is_allowed(on_engine: Served, ground: Path) -> None:
    """The words of attacks are only words inside strings, comments and names."""
    for language, text in (
        ("cypher", "MATCH (f:Feature) WHERE f.uid = 'DELETE; LOAD CSV FROM' RETURN count(*) AS n"),
        ("cypher", "// SET f.volume = 0\nMATCH (f:Feature) RETURN count(*) AS created"),
        ("sql", "SELECT 'COPY x TO y; DROP TABLE features' AS text"),
        ("sql", "EXPLAIN SELECT * FROM features"),
        ("sql", "DESCRIBE features"),
    ):
        assert on_engine.ask(language, text).status_code == 200, text
    assert ground.is_dir()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/..%2Fapp.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/%2Fetc%2Fpasswd",
        "/../../etc/passwd", "/static/..%5Capp.py", "/static/index.html%00.js", "/static/", "/static/worker.py",
    ],
)  # fmt: skip
def test_no_path_leaves_the_page(served: Served, path: str) -> None:
    import http.client

    connection = http.client.HTTPConnection(served.client.base_url.host, served.client.base_url.port)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status in (400, 404)
    assert b"root:" not in body
    assert b"import" not in body
    connection.close()
