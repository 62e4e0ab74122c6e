"""The dialect check reads code, not strings, comments or quoted names, and is silent about portable Cypher."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xctgraph.queries import dialect
from xctgraph.queries.tokens import tokens


def constructs(text: str) -> list[str]:
    return [finding.construct for finding in dialect.check(text)]


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (f:Feature) WHERE f.uid = 'log(x) [0] FOREACH' RETURN count(*) AS n",
        'MATCH (f:Feature) WHERE f.uid = "it\\"s log(1)" RETURN count(*) AS n',
        "MATCH (f:Feature) // id(f), labels(f)\nRETURN count(*) AS n",
        "MATCH (f:Feature) /* WITH f ORDER BY f.t\n RETURN f */ RETURN count(*) AS n",
        "MATCH (f:Feature) RETURN count(*) AS `log(1)`",
        "MATCH (f:Feature) WHERE f.uid STARTS WITH 'a' OR f.uid ENDS WITH 'b' RETURN f.uid AS uid ORDER BY uid LIMIT 3",
        "MATCH (f:Feature) WHERE f.kind IN ['pore', 'fracture'] RETURN f.t AS t, count(*) AS n ORDER BY t",
        "MATCH (a:Feature)-[:NEXT]->(b:Feature)-[:NEXT]->(c:Feature) RETURN a.uid AS a1, c.uid AS c1",
        "MATCH (a:Feature)<-[:NEXT]-(b:Feature)<-[n:NEXT*1..5]-(c:Feature) RETURN count(*) AS n1",
        "MATCH (a:Feature)-[:NEAR]-(b:Feature) MATCH (b)-[:NEAR]-(c:Feature) WHERE c.feature_id <> a.feature_id "
        "RETURN a.uid AS u, count(DISTINCT c.feature_id) AS n",
        "MATCH (a:Feature)-[:NEAR|TOUCHES]-(b:Feature) RETURN count(*) AS n",
        "MATCH (f:Feature) WITH f ORDER BY f.volume DESC LIMIT 5 RETURN f.uid AS uid ORDER BY uid",
        "MATCH (a:Feature)-[r:NEXT]->(b:Feature) WHERE r.dt = 1 WITH a, b MATCH (a)-[:OF]->(j:Track) MATCH (b)-[:OF]->(k:Track) "
        "RETURN count(*) AS n",
        "MATCH (a:Feature)-[r:NEXT {dt: 1}]->(b:Feature) OPTIONAL MATCH (a)-[:OF]->(j:Track) OPTIONAL MATCH (b)-[:OF]->(k:Track) "
        "RETURN count(*) AS n",
        "MATCH (s:Scan)-[:CONTAINS]->(a:Feature)-[r:NEXT]->(b:Feature) WHERE r.dt = 1 AND s.t = 0 RETURN count(*) AS n",
        "MATCH (s:Scan)-[:CONTAINS]->(a:Feature)-[r:NEXT]->(b:Feature)-[:OF]->(k:Track) WHERE a.t = 0 RETURN avg(r.iou) AS iou",
        "MATCH (f:Feature {kind: $kind, t: 0}) RETURN f.z - -1 AS z, -f.y AS y, f.x < -1 AS x",
        "MATCH (f:Feature) WHERE 0 < f.z AND f.z < 5 OR (f.y > 3) = (f.x > 3) RETURN sum(f.volume) AS v, f.kind AS k",
        "MATCH (f:Feature) WHERE f.volume >= 1 AND f.volume <= 2 RETURN avg(f.n_voxels) AS v",
        "MATCH (f:Feature) RETURN f.kind AS k, sum(1.0 * f.n_voxels) AS v, sum(CASE WHEN f.t = 0 THEN 1.0 ELSE 0.0 END) AS w",
        "MATCH p = (a:Feature)-[:NEXT*2..2]->(b:Feature) WHERE all(n IN relationships(p) WHERE n.iou > 0) RETURN length(p) AS n",
        "MATCH (f:Feature) WHERE EXISTS { MATCH (f)-[:NEAR]-(g:Feature) WHERE g.t = 0 } RETURN count(*) AS n",
        "UNWIND [1, 2] AS id1 MATCH (f:Feature {feature_id: id1}) RETURN f.uid AS uid",
        "MATCH (f:Feature) RETURN log10(f.volume) AS a, log(f.volume) / log(2.718281828459045) AS b",
        "MATCH (f:`Feature`) RETURN f.`volume` AS v",
        "MATCH (s:Scan) RETURN s.near_gap AS type, s.t AS last",
        "",
        "   ",
    ],
)
def test_portable_text_has_no_findings(text: str) -> None:
    assert constructs(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("MATCH (f:Feature) RETURN LOG(f.volume) AS x", ["log()"]),
        ("MATCH (f:Feature) WITH f ORDER BY f.t RETURN f.uid AS u", ["WITH … ORDER BY without LIMIT"]),
        ("MATCH (a:Feature), (b:Feature) RETURN count(*) AS n", ["MATCH with a comma"]),
        (
            "MATCH (a:Feature)-[r:NEXT {dt: 1}]->(b:Feature) MATCH (a)-[:OF]->(j:Track) MATCH (b)-[:OF]->(k:Track) RETURN "
            "count(*) AS n",
            ["condition on a relationship between two others"],
        ),
        (
            "MATCH (f:Feature) OPTIONAL MATCH (:Scan)-[:CONTAINS]->(f)-[r:NEXT]->(b:Feature)-[:OF]->(k:Track) WHERE 0.5 < "
            "r.iou RETURN count(k) AS n",
            ["condition on a relationship between two others"],
        ),
        (
            "MATCH (a:Feature)-[:NEXT]->(b:Feature)<-[:NEXT]-(c:Feature) RETURN a.uid AS u",
            ["two relationships of one type in a MATCH"],
        ),
        ("MATCH (a:Feature)-[]-(b:Feature)-[:NEAR]-(c:Feature) RETURN a.uid AS u", ["two relationships of one type in a MATCH"]),
        ("MATCH (a:Feature)-[:NEXT*]->(b:Feature) RETURN a.uid AS u", ["* without a largest length"]),
        ("MATCH (a:Feature)-[:NEXT*2..]->(b:Feature) RETURN a.uid AS u", ["* without a largest length"]),
        ("MATCH (a:Feature)-[:NEXT*..31]->(b:Feature) RETURN a.uid AS u", ["* beyond 30 steps"]),
        ("MATCH (a:Feature)-[:NEAR*2]-(b:Feature) RETURN a.uid AS u", ["* without direction"]),
        ("MATCH (a:Feature) RETURN collect(a.t)[0] AS first", ["list index"]),
        ("MATCH (a:Feature) WITH collect(a.t) AS ts RETURN ts[1..3] AS some", ["list slice"]),
        ("MATCH (a:Feature) RETURN a, a.uid AS u", ["RETURN a"]),
        ("MATCH (a:Feature) RETURN *", ["RETURN *"]),
        ("MATCH (a:Feature)-[r:NEAR]-(b:Feature) RETURN DISTINCT r AS edge", ["RETURN r"]),
        ("MATCH (a:Feature) WHERE EXISTS { (a)-->() } RETURN count(*) AS n", ["EXISTS { (…) }"]),
        (
            "MATCH (a:Feature) WHERE EXISTS { MATCH (a)-[:NEXT]->(b:Feature), (c:Scan) } RETURN count(*) AS n",
            ["MATCH with a comma"],
        ),
        ("MATCH (a:Feature)\nRETURN head(collect(a.t)) AS x,\n  exp(1) AS y", ["head()", "exp()"]),
        ("MATCH (a:Feature) WITH a ORDER BY a.t LIMIT 9 RETURN collect(a.t) AS ts", ["WITH … ORDER BY … and collect"]),
        ("MATCH (a:Feature) OPTIONAL MATCH (a)-[:NEXT]->(b:Feature) RETURN a.t AS t, sum(b.volume) AS v", ["sum of no values"]),
        ("MATCH (a:Feature) RETURN a.kind AS k, sum(a.n_voxels) AS v", ["sum of whole numbers"]),
        ("MATCH (a:Feature) RETURN a.kind AS k, sum(CASE WHEN a.t = 0 THEN 1 ELSE 0 END) AS v", ["sum of whole numbers"]),
        ("MATCH (a:Feature) WHERE a.radius > 3 RETURN a.uid AS u", ["property a.radius"]),
        ("MATCH (a:Feature)-[n:NEXT]->(b:Feature) RETURN n.gap AS g", ["property n.gap"]),
        ("MATCH (a:Inclusion)-[:CLOSE]-(b:Feature) RETURN b.uid AS u", ["label Inclusion", "relationship CLOSE"]),
    ],
)
def test_constructs_are_named(text: str, found: list[str]) -> None:
    assert constructs(text) == found


def test_a_finding_says_where_why_and_what_instead() -> None:
    (finding,) = dialect.check("MATCH (f:Feature)\nRETURN f.t AS t,\n  log(f.volume) AS x")
    assert str(finding) == (
        "line 3: log(): natural logarithm on Neo4j, base 10 on Ladybug. Portable: log10(x), or log(x) / log(2.718281828459045)."
    )


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="MATCHWITREN f:x.()[]{}<>-=*|,'\"`/$01\\\n", max_size=60))
def test_any_text_can_be_checked(text: str) -> None:
    found = dialect.check(text)
    assert all(1 <= finding.line <= text.count("\n") + 1 for finding in found)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=40))
def test_tokens_lose_nothing_but_space(text: str) -> None:
    found = tokens(text)
    code = [c for c in text if not c.isspace()]
    if "//" not in text and "/*" not in text:
        assert "".join("".join(t.text.split()) for t in found) == "".join(code)
