"""Cypher that README and dialect check call portable: the same rows on both engines, and those of DuckDB."""

from __future__ import annotations

import pytest

from tests.conformance import oracle, portable_patterns, portable_values
from tests.conformance.worlds import World, several
from xctgraph.queries import dialect
from xctgraph.store.errors import QueryError

_F = "MATCH (f:Feature)"
_CHAIN = """
    WITH RECURSIVE chain AS (
        SELECT source AS a, target AS b, 1 AS steps FROM next
        UNION ALL SELECT a, n.target, steps + 1 FROM chain JOIN next n ON n.source = b WHERE steps < $most
    )
"""

CASES = {
    "aggregates": (
        f"{_F} RETURN f.kind AS kind, count(*) AS n, avg(f.volume) AS mean, min(f.t) AS low, max(f.z) AS high, "
        "sum(f.volume) AS total ORDER BY kind",
        {},
        "SELECT kind, count(*) AS n, avg(volume) AS mean, min(t) AS low, max(z) AS high, sum(volume) AS total FROM features "
        "GROUP BY kind ORDER BY kind",
    ),
    "aggregates skip nulls": (
        f"{_F} RETURN count(f.local_density) AS n, avg(f.local_density) AS mean, count(DISTINCT f.euler_number) AS different",
        {},
        "SELECT count(local_density) AS n, avg(local_density) AS mean, count(DISTINCT euler_number) AS different FROM features",
    ),
    "no rows to aggregate": (
        f"{_F} WHERE f.volume < 0 RETURN count(*) AS n, coalesce(sum(f.volume), 0.0) AS total, max(f.volume) AS high",
        {},
        "SELECT count(*) AS n, coalesce(sum(volume), 0.0) AS total, max(volume) AS high FROM features WHERE volume < 0",
    ),
    "percentiles": (
        f"{_F} RETURN f.t AS t, percentileCont(f.volume, 0.9) AS p90, percentileDisc(f.volume, 0.5) AS median ORDER BY t",
        {},
        "SELECT t, quantile_cont(volume, 0.9) AS p90, quantile_disc(volume, 0.5) AS median FROM features GROUP BY t ORDER BY t",
    ),
    "WITH, then WHERE on an aggregate": (
        "MATCH (f:Feature)-[r:NEAR]-(:Feature) WITH f, count(r) AS degree WHERE degree >= $least "
        "RETURN f.uid AS uid, degree ORDER BY degree DESC, uid",
        {"least": 3},
        "SELECT uid, count(*) AS degree FROM features JOIN both_near ON a = feature_id GROUP BY uid HAVING count(*) >= $least "
        "ORDER BY degree DESC, uid",
    ),
    "undirected, from either end": (
        "MATCH (f:Feature {scan_id: $scan})-[r:NEAR]-(g:Feature) "
        "RETURN f.uid AS uid, g.uid AS other, r.gap AS gap ORDER BY uid, other",
        {"scan": 0},
        "SELECT f.uid, g.uid AS other, gap FROM both_near JOIN features f ON f.feature_id = a "
        "JOIN features g ON g.feature_id = b WHERE f.scan_id = $scan ORDER BY f.uid, other",
    ),
    "OPTIONAL MATCH keeps the row": (
        "MATCH (f:Feature) WHERE f.t = $t OPTIONAL MATCH (f)-[n:NEXT]->(g:Feature) WHERE n.event = 'swallowed' "
        "RETURN f.uid AS uid, g.uid AS eater, n.iou AS iou ORDER BY uid, eater",
        {"t": 1},
        "SELECT f.uid, g.uid AS eater, iou FROM features f LEFT JOIN next n ON n.source = f.feature_id AND n.event = 'swallowed' "
        "LEFT JOIN features g ON g.feature_id = n.target WHERE f.t = $t ORDER BY f.uid, eater NULLS LAST",
    ),
    "EXISTS and NOT EXISTS": (
        "MATCH (f:Feature) WHERE EXISTS { MATCH (f)-[:TOUCHES]-(g:Feature) WHERE g.kind = 'fracture' } "
        "AND NOT EXISTS { MATCH (f)-[:NEXT]->(:Feature) } RETURN f.feature_id AS id ORDER BY id",
        {},
        "SELECT feature_id AS id FROM features f WHERE EXISTS (SELECT 1 FROM both_touches JOIN features g ON g.feature_id = b "
        "WHERE a = f.feature_id AND g.kind = 'fracture') AND feature_id NOT IN (SELECT source FROM next) ORDER BY id",
    ),
    "COUNT of a pattern": (
        "MATCH (f:Feature) WHERE f.t = 0 RETURN f.feature_id AS id, COUNT { MATCH (f)-[:TOUCHES]-(:Feature) } AS n ORDER BY id",
        {},
        "SELECT feature_id AS id, (SELECT count(*) FROM both_touches WHERE a = feature_id) AS n FROM features WHERE t = 0 "
        "ORDER BY id",
    ),
    "chains of NEXT": (
        "MATCH p = (f:Feature)-[:NEXT*1..4]->(g:Feature) WHERE f.t = 0 "
        "RETURN length(p) AS steps, count(*) AS n, count(DISTINCT g.feature_id) AS goals ORDER BY steps",
        {"most": 4},
        _CHAIN + "SELECT steps, count(*) AS n, count(DISTINCT b) AS goals FROM chain JOIN features f ON f.feature_id = a "
        "WHERE f.t = 0 GROUP BY steps ORDER BY steps",
    ),
    "chains of any length": (
        "MATCH (f:Feature {feature_id: $id})-[:NEXT*0..30]->(g:Feature) RETURN DISTINCT g.feature_id AS id ORDER BY id",
        {"id": 1, "most": 30},
        _CHAIN + "SELECT b AS id FROM chain WHERE a = $id UNION SELECT $id ORDER BY id",
    ),
    "every step of a path": (
        "MATCH p = (f:Feature)-[:NEXT*2..2]->(g:Feature) WHERE all(n IN relationships(p) WHERE n.event = 'continue') "
        "RETURN f.feature_id AS a, g.feature_id AS b, count(*) AS n ORDER BY a, b",
        {},
        "WITH c AS (SELECT source, target FROM next WHERE event = 'continue') SELECT x.source AS a, y.target AS b, count(*) AS n "
        "FROM c x JOIN c y ON y.source = x.target GROUP BY ALL ORDER BY a, b",
    ),
    "two steps without the start": (
        "MATCH (f:Feature)-[:NEAR]-(g:Feature) MATCH (g)-[:NEAR]-(h:Feature) WHERE f.t = 0 AND h.feature_id <> f.feature_id "
        "RETURN f.uid AS uid, count(DISTINCT h.feature_id) AS n ORDER BY uid",
        {},
        "SELECT f.uid, count(DISTINCT y.b) AS n FROM features f JOIN both_near x ON x.a = f.feature_id JOIN both_near y "
        "ON y.a = x.b WHERE f.t = 0 AND y.b <> f.feature_id GROUP BY f.uid ORDER BY f.uid",
    ),
    "string and list parameters": (
        "MATCH (f:Feature) WHERE f.kind IN $kinds AND f.uid STARTS WITH $start AND NOT f.uid ENDS WITH '1' "
        "AND f.sample = $sample RETURN f.uid AS uid ORDER BY uid DESC SKIP $skip LIMIT $limit",
        {"kinds": ["inclusion", "void"], "start": "beam line 'β'", "sample": "beam line 'β' 2", "skip": 2, "limit": 9},
        "SELECT uid FROM features WHERE list_contains($kinds, kind) AND starts_with(uid, $start) AND NOT ends_with(uid, '1') "
        "AND sample = $sample ORDER BY uid DESC LIMIT $limit OFFSET $skip",
    ),
    "null arithmetic and CASE": (
        f"{_F} WHERE f.sample = 'S1' RETURN f.feature_id AS id, f.local_density * 2 + 1 AS d, "
        "coalesce(f.intensity_mean, -1.0) AS i, CASE WHEN f.local_density > 0.02 THEN 'dense' "
        "WHEN f.local_density IS NULL THEN 'unknown' ELSE 'thin' END AS class ORDER BY id",
        {},
        "SELECT feature_id AS id, local_density * 2 + 1 AS d, coalesce(intensity_mean, -1) AS i, CASE WHEN local_density > 0.02 "
        "THEN 'dense' WHEN local_density IS NULL THEN 'unknown' ELSE 'thin' END AS class FROM features "
        "WHERE sample = 'S1' ORDER BY id",
    ),
    "nulls are last upwards": (
        f"{_F} RETURN f.feature_id AS id ORDER BY f.local_density, id",
        {},
        "SELECT feature_id AS id FROM features ORDER BY local_density NULLS LAST, id",
    ),
    "nulls are first downwards": (
        f"{_F} RETURN f.feature_id AS id ORDER BY f.local_density DESC, id",
        {},
        "SELECT feature_id AS id FROM features ORDER BY local_density DESC NULLS FIRST, id",
    ),
    "whole numbers": (
        f"{_F} RETURN f.feature_id AS id, f.n_voxels / 7 AS whole, f.n_voxels % 7 AS rest, f.n_voxels / 2.0 AS half, "
        "-f.t / 2 AS below ORDER BY id",
        {},
        "SELECT feature_id AS id, n_voxels // 7 AS whole, n_voxels % 7 AS rest, n_voxels / 2.0 AS half, -(t // 2) AS below "
        "FROM features ORDER BY id",
    ),
    "functions": (
        f"{_F} RETURN f.feature_id AS id, sqrt(f.volume) AS root, f.volume ^ 2 AS power, log10(f.volume) AS digits, "
        "atan2(f.y, f.x) AS angle, floor(f.z) AS low, ceil(f.z) AS high, abs(-f.z) AS size, sign(f.z - 50.0) AS side, "
        "log(f.volume) / log(2.718281828459045) AS natural ORDER BY id",
        {},
        "SELECT feature_id AS id, sqrt(volume) AS root, volume ** 2 AS power, log10(volume) AS digits, atan2(y, x) AS angle, "
        "floor(z) AS low, ceil(z) AS high, abs(z) AS size, sign(z - 50)::BIGINT AS side, ln(volume) AS natural FROM features "
        "ORDER BY id",
    ),
    "UNWIND": (
        "UNWIND $ids AS wanted MATCH (f:Feature {feature_id: wanted}) RETURN wanted, f.uid AS uid ORDER BY wanted",
        {"ids": [1, 3, 2, 999_999]},
        "SELECT feature_id AS wanted, uid FROM features WHERE list_contains($ids, feature_id) ORDER BY feature_id",
    ),
    "UNION": (
        "MATCH (f:Feature) WHERE f.t = 0 RETURN DISTINCT f.kind AS kind UNION MATCH (k:Track) RETURN DISTINCT k.kind AS kind",
        {},
        "SELECT kind FROM features WHERE t = 0 UNION SELECT kind FROM tracks",
    ),
    "collect of distinct values": (
        "MATCH (k:Track)<-[:OF]-(f:Feature) WITH k, collect(DISTINCT f.t) AS scans "
        "RETURN k.track_id AS id, size(scans) AS n ORDER BY id",
        {},
        "SELECT track_id AS id, count(DISTINCT t) AS n FROM features GROUP BY track_id ORDER BY track_id",
    ),
    "scans in order": (
        "MATCH (p:Sample)-[:HAS_SCAN]->(a:Scan)-[:FOLLOWS]->(b:Scan) "
        "RETURN p.sample AS sample, a.t AS t, b.t AS later ORDER BY sample, t",
        {},
        "SELECT a.sample, a.t AS t, b.t AS later FROM scans a JOIN scans b "
        "ON b.previous_scan_id = a.scan_id ORDER BY a.sample, a.t",
    ),
    "CONTAINS and a derived edge agree": (
        "MATCH (s:Scan)-[:CONTAINS]->(f:Feature) WHERE f.uid CONTAINS '/2' RETURN s.scan_id AS scan, count(f) AS n ORDER BY scan",
        {},
        "SELECT scan_id AS scan, count(*) AS n FROM features WHERE contains(uid, '/2') GROUP BY scan_id ORDER BY scan_id",
    ),
    **portable_values.CASES,
    **portable_patterns.CASES,
}
UNORDERED = {"UNION", "UNION ALL"}


def test_there_are_many_cases() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("world", [several], indirect=True, ids=["several"])
@pytest.mark.parametrize("name", CASES)
def test_portable_cypher(world: World, name: str) -> None:
    text, values, sql = CASES[name]
    assert dialect.check(text) == []
    found = world.store.cypher(text, **{k: v for k, v in values.items() if f"${k}" in text})
    expected = oracle.answer(world.sql, sql, values)
    if name in UNORDERED:
        found, expected = (table.sort_by(table.column_names[0]) for table in (found, expected))
    assert expected.num_rows > 0
    oracle.assert_same(found, expected, name)


@pytest.mark.parametrize("world", [several], indirect=True, ids=["several"])
def test_a_parameter_that_is_not_given_is_an_error(world: World) -> None:
    with pytest.raises(QueryError, match=r"\$kind"):
        world.store.cypher("MATCH (f:Feature {kind: $kind}) RETURN count(*) AS n")
