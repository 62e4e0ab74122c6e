"""What is refused before a statement reaches an engine, and how parameters are matched."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from xctgraph.store import cypher
from xctgraph.store.errors import QueryError


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("MATCH (f:Feature {kind: $k}) RETURN f.t AS t", {"k"}),
        ("RETURN '$no' AS a, \"$neither\" AS b, $yes AS c", {"yes"}),
        ("MATCH (f) // $comment\n WHERE f.t = $t /* $other\n */ RETURN f.t AS `$name`", {"t"}),
        (r"RETURN 'it\'s $not' AS a, $b AS b", {"b"}),
        ("RETURN $a AS a, $a AS b, $größe AS c", {"a", "größe"}),
        ("RETURN 'http://example.org/' + $b AS a", {"b"}),
        ("MATCH (f) RETURN f.t AS t;", set()),
    ],
)
def test_parameters_outside_strings_comments_and_quoted_names(query: str, names: set[str]) -> None:
    assert cypher.check(query, dict.fromkeys(names, 1)) == dict.fromkeys(names, 1)
    with pytest.raises(QueryError, match="a value for 'extra', but the query does not use \\$extra"):
        cypher.check(query, dict.fromkeys(names | {"extra"}, 1))
    for name in names:
        with pytest.raises(QueryError, match=f"the query uses \\${name}, but there is no value"):
            cypher.check(query, dict.fromkeys(names - {name}, 1))


@pytest.mark.parametrize(
    "query",
    [
        "MATCH (f:Feature) RETURN f.load AS load",
        "MATCH (f:Feature) WHERE f.kind = 'LOAD CSV FROM' RETURN f.uid AS copy",
        "MATCH (load:Feature) RETURN load.t AS t",
        "MATCH (s:Scan) RETURN s.load_n AS load_n",
        "OPTIONAL MATCH (f:Feature) RETURN count(f) AS n",
        "unwind [1, 2] AS i return i",
        "MATCH (f:Feature) CALL (f) { MATCH (f)-[:NEAR]-(g) RETURN count(g) AS n } RETURN sum(n) AS n",
        "// first\nMATCH (f:Feature) RETURN count(*) AS n",
    ],
)
def test_queries_pass(query: str) -> None:
    assert cypher.check(query, {}) == {}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "empty"),
        ("  // nothing", "empty"),
        ("CREATE (:Feature {feature_id: 1})", "cannot begin with 'CREATE'"),
        ("COPY (MATCH (f) RETURN f.t) TO 'x.csv'", "cannot begin with 'COPY'"),
        ("COPY Feature FROM 'x.parquet'", "cannot begin with 'COPY'"),
        ("EXPORT DATABASE 'x'", "cannot begin with 'EXPORT'"),
        ("IMPORT DATABASE 'x'", "cannot begin with 'IMPORT'"),
        ("INSTALL httpfs", "cannot begin with 'INSTALL'"),
        ("ATTACH 'x' AS y (dbtype duckdb)", "cannot begin with 'ATTACH'"),
        ("PROFILE COPY (RETURN 1) TO 'x.csv'", "cannot begin with 'PROFILE'"),
        ("EXPLAIN MATCH (f) RETURN f.t", "cannot begin with 'EXPLAIN'"),
        ("LOAD CSV FROM 'file:///etc/passwd' AS l RETURN l", "cannot begin with 'LOAD'"),
        ("MATCH (f) LOAD CSV FROM 'http://example.org' AS l RETURN l", "'LOAD CSV' is not allowed.*files and addresses"),
        ("MATCH (f) load/**/csv with headers FROM 'x' AS l RETURN l", "is not allowed"),
        ("MATCH (f) LOAD FROM 'x.parquet' RETURN *", "'LOAD FROM' is not allowed"),
        ("CALL apoc.load.json('http://example.org') YIELD value RETURN value", "apoc"),
        ("RETURN apoc.text.join(['a'], '') AS a", "APOC"),
        ("RETURN `apoc`.text.join(['a'], '') AS a", "APOC"),
        ("CALL `apoc`.`load`.json('x')", "is not allowed"),
        ("CALL dbms.listConfig() YIELD name RETURN name", "CALL dbms.listConfig is not allowed"),
        ("CALL home_directory='/tmp'", "is not allowed"),
        ("MATCH (f) CALL (f) { DETACH DELETE f } IN TRANSACTIONS", "is not allowed"),
        ("MATCH (f) CALL (f) { DETACH DELETE f } IN 2 CONCURRENT TRANSACTIONS", "is not allowed"),
        ("MATCH (f) RETURN f.t AS t; MATCH (f) RETURN f.t AS t", "one query at a time"),
        ("MATCH (f) \\u004cOAD CSV FROM 'x' AS l RETURN l", "escapes"),
        ("RETURN '\\u0027 AS a LOAD CSV FROM \\u0027x' AS l", "escapes"),
        ("RETURN $`a` AS a", "without backticks"),
    ],
)  # fmt: skip
def test_what_a_query_may_not_do(query: str, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        cypher.check(query, {})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int32(3), 3), (np.float32(0.5), 0.5), (np.bool_(True), True), (np.str_("a"), "a"), (pa.scalar(3), 3), (None, None),
        (np.array([1, 2], np.int16), [1, 2]), (pa.array([1, None]), [1, None]), (pa.chunked_array([[1.5]]), [1.5]),
        ((1, "a"), [1, "a"]), ([np.int64(1), [np.float64(2)]], [1, [2.0]]), ({"a": np.int8(1)}, {"a": 1}), (range(2), [0, 1]),
    ],
)  # fmt: skip
def test_values_become_plain(value: object, expected: object) -> None:
    made = cypher.check("RETURN $v AS v", {"v": value})["v"]
    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize("value", [object(), {1: 2}, 2**63, b"bytes", 1j, np.datetime64("2026-01-01")])
def test_other_values_are_refused_by_name(value: object) -> None:
    with pytest.raises(QueryError, match=r"parameter \$v"):
        cypher.check("RETURN $v AS v", {"v": value})
