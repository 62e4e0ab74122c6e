"""Portable Cypher about patterns: edges, optional matches, subqueries, paths. Name: (Cypher, parameters, SQL)."""

from __future__ import annotations

from collections.abc import Mapping

_DEGREE = "SELECT feature_id AS f, count(b) AS n FROM features LEFT JOIN both_near ON a = feature_id GROUP BY feature_id"

CASES: Mapping[str, tuple[str, dict[str, object], str]] = {
    "a property of an edge": (
        "MATCH (f:Feature)-[n:NEXT {event: $event}]->(g:Feature) RETURN f.uid AS uid, g.uid AS later ORDER BY uid, later",
        {"event": "split"},
        "SELECT f.uid, g.uid AS later FROM next JOIN features f ON f.feature_id = source JOIN features g ON g.feature_id = "
        "target WHERE event = $event ORDER BY f.uid, later",
    ),
    "one of two types": (
        "MATCH (f:Feature)-[r:NEAR|TOUCHES]-(g:Feature) RETURN f.uid AS uid, count(*) AS n ORDER BY uid",
        {},
        "SELECT uid, count(*) AS n FROM (SELECT a FROM both_near UNION ALL SELECT a FROM both_touches) JOIN features ON "
        "feature_id = a GROUP BY uid ORDER BY uid",
    ),
    "an edge as it is stored": (
        "MATCH (f:Feature)-[r:NEAR]->(g:Feature) RETURN f.feature_id AS a, g.feature_id AS b, r.gap AS gap ORDER BY a, b",
        {},
        "SELECT source AS a, target AS b, gap FROM near ORDER BY a, b",
    ),
    "an edge against its direction": (
        "MATCH (g:Feature)<-[n:NEXT]-(f:Feature) WHERE n.iou > 0.5 RETURN g.feature_id AS a, f.feature_id AS b ORDER BY a, b",
        {},
        "SELECT target AS a, source AS b FROM next WHERE iou > 0.5 ORDER BY a, b",
    ),
    "three that are near each other": (
        "MATCH (a:Feature)-[:NEAR]->(b:Feature) MATCH (b)-[:NEAR]->(c:Feature) MATCH (a)-[r:NEAR]->(c) "
        "RETURN a.t AS t, count(*) AS n, avg(r.gap) AS gap ORDER BY t",
        {},
        "SELECT x.t, count(*) AS n, avg(z.gap) AS gap FROM near x JOIN near y ON y.source = x.target "
        "JOIN near z ON z.source = x.source AND z.target = y.target GROUP BY x.t ORDER BY x.t",
    ),
    "edges of two kinds between the same two": (
        "MATCH (f:Feature)-[c:TOUCHES]-(g:Feature) MATCH (f)-[r:NEAR]-(g) WHERE f.kind = 'pore' "
        "RETURN f.uid AS uid, g.uid AS other, r.gap AS gap, c.contact_area AS area ORDER BY uid, other",
        {},
        "SELECT f.uid, g.uid AS other, gap, contact_area AS area FROM both_touches c JOIN both_near n ON n.a = c.a AND n.b = c.b "
        "JOIN features f ON f.feature_id = c.a JOIN features g ON g.feature_id = c.b WHERE f.kind = 'pore' ORDER BY f.uid, other",
    ),
    "nothing is counted as 0": (
        "MATCH (f:Feature) OPTIONAL MATCH (f)-[c:TOUCHES]-(g:Feature) WHERE g.kind = 'fracture' "
        "RETURN f.uid AS uid, count(g.feature_id) AS n, coalesce(sum(c.contact_area), 0.0) AS area ORDER BY uid",
        {},
        "SELECT f.uid, count(g.feature_id) AS n, coalesce(sum(contact_area) FILTER (g.feature_id IS NOT NULL), 0) AS area FROM "
        "features f LEFT JOIN both_touches ON a = f.feature_id LEFT JOIN features g ON g.feature_id = b AND g.kind = "
        "'fracture' GROUP BY f.uid ORDER BY f.uid",
    ),
    "an optional match after another": (
        "MATCH (f:Feature) WHERE f.t = 0 OPTIONAL MATCH (f)-[:NEXT]->(g:Feature) OPTIONAL MATCH (g)-[:NEXT]->(h:Feature) "
        "RETURN f.uid AS uid, count(DISTINCT g.feature_id) AS n, count(DISTINCT h.feature_id) AS m ORDER BY uid",
        {},
        "SELECT f.uid, count(DISTINCT x.target) AS n, count(DISTINCT y.target) AS m FROM features f LEFT JOIN next x ON "
        "x.source = f.feature_id LEFT JOIN next y ON y.source = x.target WHERE f.t = 0 GROUP BY f.uid ORDER BY f.uid",
    ),
    "two optional matches of one node": (
        "MATCH (f:Feature) OPTIONAL MATCH (f)-[:NEXT]->(g:Feature) OPTIONAL MATCH (e:Feature)-[:NEXT]->(f) "
        "RETURN f.uid AS uid, count(DISTINCT g.feature_id) AS after, count(DISTINCT e.feature_id) AS before ORDER BY uid",
        {},
        "SELECT uid, (SELECT count(*) FROM next WHERE source = feature_id) AS after, "
        "(SELECT count(*) FROM next WHERE target = feature_id) AS before FROM features ORDER BY uid",
    ),
    "a row without its optional match is dropped": (
        "MATCH (f:Feature) OPTIONAL MATCH (f)-[n:NEXT]->(g:Feature) WHERE n.event = 'merge' WITH f, g WHERE g.feature_id IS "
        "NOT NULL RETURN f.uid AS uid, g.uid AS merged ORDER BY uid, merged",
        {},
        "SELECT f.uid, g.uid AS merged FROM next JOIN features f ON f.feature_id = source JOIN features g ON g.feature_id = "
        "target WHERE event = 'merge' ORDER BY f.uid, merged",
    ),
    "the group of a node that was not found": (
        "MATCH (f:Feature) OPTIONAL MATCH (f)-[:TOUCHES]-(g:Feature) WHERE g.kind = 'fracture' WITH g, count(f.feature_id) AS n "
        "RETURN g.uid AS uid, n ORDER BY uid",
        {},
        "SELECT g.uid, count(*) AS n FROM features f LEFT JOIN (SELECT a, b FROM both_touches JOIN features ON feature_id = b "
        "WHERE kind = 'fracture') c ON c.a = f.feature_id LEFT JOIN features g ON g.feature_id = c.b GROUP BY g.uid "
        "ORDER BY g.uid NULLS LAST",
    ),
    "where tracks begin": (
        "MATCH (f:Feature) WHERE NOT EXISTS { MATCH (:Feature)-[:NEXT]->(f) } RETURN f.uid AS uid ORDER BY uid",
        {},
        "SELECT uid FROM features WHERE feature_id NOT IN (SELECT target FROM next) ORDER BY uid",
    ),
    "EXISTS over two steps": (
        "MATCH (f:Feature) WHERE EXISTS { MATCH (f)-[:NEXT]->(:Feature)-[n:NEXT]->(:Feature) WHERE n.event = 'continue' } "
        "RETURN f.uid AS uid ORDER BY uid",
        {},
        "SELECT uid FROM features WHERE feature_id IN (SELECT x.source FROM next x JOIN next y ON y.source = x.target "
        "WHERE y.event = 'continue') ORDER BY uid",
    ),
    "EXISTS as a value": (
        "MATCH (f:Feature) RETURN f.uid AS uid, EXISTS { MATCH (f)-[:NEXT]->(:Feature) } AS goes_on, "
        "CASE WHEN EXISTS { MATCH (f)-[:TOUCHES]-(:Feature) } THEN 'touches' ELSE 'free' END AS state ORDER BY uid",
        {},
        "SELECT uid, feature_id IN (SELECT source FROM next) AS goes_on, "
        "CASE WHEN feature_id IN (SELECT a FROM both_touches) THEN 'touches' ELSE 'free' END AS state FROM features ORDER BY uid",
    ),
    "COUNT in a condition": (
        "MATCH (f:Feature) WHERE COUNT { MATCH (f)-[r:NEAR]-(:Feature) WHERE r.gap < 20.0 } >= $least RETURN f.uid AS uid "
        "ORDER BY uid",
        {"least": 3},
        "SELECT uid FROM features WHERE (SELECT count(*) FROM both_near WHERE a = feature_id AND gap < 20) >= $least ORDER BY "
        "uid",
    ),
    "how many have how many neighbours": (
        "MATCH (f:Feature) OPTIONAL MATCH (f)-[r:NEAR]-(:Feature) WITH f, count(r) AS n RETURN n, count(*) AS features ORDER "
        "BY n",
        {},
        f"SELECT n, count(*) AS features FROM ({_DEGREE}) GROUP BY n ORDER BY n",
    ),
    "the largest, then their neighbours": (
        "MATCH (f:Feature) WITH f ORDER BY f.volume DESC, f.feature_id LIMIT 5 OPTIONAL MATCH (f)-[r:NEAR]-(:Feature) "
        "WITH f, count(r) AS n RETURN f.uid AS uid, n ORDER BY uid",
        {},
        f"SELECT uid, n FROM features JOIN ({_DEGREE}) ON f = feature_id WHERE feature_id IN "
        "(SELECT feature_id FROM features ORDER BY volume DESC, feature_id LIMIT 5) ORDER BY uid",
    ),
    "ids collected, then found again": (
        "MATCH (f:Feature) WHERE f.border_touching WITH collect(f.track_id) AS tracks MATCH (k:Track) WHERE k.track_id IN tracks "
        "RETURN k.track_id AS id, k.n_features AS n ORDER BY id",
        {},
        "SELECT track_id AS id, n_features AS n FROM tracks WHERE track_id IN (SELECT track_id FROM features WHERE "
        "border_touching) ORDER BY id",
    ),
    "collected and taken apart": (
        "MATCH (f:Feature) WITH f.kind AS kind, collect(f.volume) AS volumes UNWIND volumes AS volume "
        "RETURN kind, count(*) AS n, max(volume) AS most ORDER BY kind",
        {},
        "SELECT kind, count(*) AS n, max(volume) AS most FROM features GROUP BY kind ORDER BY kind",
    ),
    "from the node of an edge to its track": (
        "MATCH (a:Feature)-[r:NEXT]->(b:Feature) WHERE r.dt = 1 WITH a, b MATCH (a)-[:OF]->(j:Track) MATCH (b)-[:OF]->(k:Track) "
        "WHERE j.track_id <> k.track_id RETURN j.track_id AS one, k.track_id AS other, count(*) AS n ORDER BY one, other",
        {},
        "SELECT a.track_id AS one, b.track_id AS other, count(*) AS n FROM next JOIN features a ON a.feature_id = source "
        "JOIN features b ON b.feature_id = target WHERE dt = 1 AND a.track_id <> b.track_id GROUP BY ALL ORDER BY one, other",
    ),
    "scans up to three on": (
        "MATCH p = (a:Scan)-[:FOLLOWS*1..3]->(b:Scan) RETURN a.scan_id AS a1, b.scan_id AS b1, length(p) AS steps ORDER BY a1, "
        "b1",
        {},
        "WITH RECURSIVE way AS (SELECT previous_scan_id AS a1, scan_id AS b1, 1 AS steps FROM scans WHERE previous_scan_id IS "
        "NOT NULL UNION ALL SELECT a1, scan_id, steps + 1 FROM way JOIN scans ON previous_scan_id = b1 WHERE steps < 3) SELECT "
        "a1, b1, steps FROM way ORDER BY a1, b1",
    ),
    "no step or one": (
        "MATCH (f:Feature)-[:NEXT*0..1]->(g:Feature) RETURN f.feature_id AS a, g.feature_id AS b ORDER BY a, b",
        {},
        "SELECT feature_id AS a, feature_id AS b FROM features UNION ALL SELECT source, target FROM next ORDER BY a, b",
    ),
    "the nodes of a path": (
        "MATCH p = (f:Feature)-[:NEXT*2..2]->(g:Feature) UNWIND nodes(p) AS step "
        "RETURN f.feature_id AS a, g.feature_id AS b, count(*) AS n, max(step.volume) AS most ORDER BY a, b",
        {},
        "SELECT x.source AS a, y.target AS b, 3 * count(*) AS n, max(greatest(f.volume, m.volume, g.volume)) AS most "
        "FROM next x JOIN next y ON y.source = x.target JOIN features f ON f.feature_id = x.source "
        "JOIN features m ON m.feature_id = x.target JOIN features g ON g.feature_id = y.target GROUP BY ALL ORDER BY a, b",
    ),
    "the edges of a path": (
        "MATCH p = (f:Feature)-[:NEXT*2..2]->(g:Feature) UNWIND relationships(p) AS step "
        "RETURN f.feature_id AS a, g.feature_id AS b, avg(step.iou) AS mean ORDER BY a, b",
        {},
        "SELECT x.source AS a, y.target AS b, avg((x.iou + y.iou) / 2) AS mean FROM next x JOIN next y ON y.source = x.target "
        "GROUP BY ALL ORDER BY a, b",
    ),
    "any step of a path": (
        "MATCH p = (f:Feature)-[:NEXT*2..2]->(g:Feature) WHERE any(n IN relationships(p) WHERE n.event = 'swallowed') "
        "RETURN f.feature_id AS a, g.feature_id AS b, count(*) AS n ORDER BY a, b",
        {},
        "SELECT x.source AS a, y.target AS b, count(*) AS n FROM next x JOIN next y ON y.source = x.target "
        "WHERE x.event = 'swallowed' OR y.event = 'swallowed' GROUP BY ALL ORDER BY a, b",
    ),
    "no step of a path": (
        "MATCH p = (f:Feature)-[:NEXT*2..2]->(g:Feature) WHERE none(n IN relationships(p) WHERE n.event = 'swallowed') "
        "RETURN count(*) AS n",
        {},
        "SELECT count(*) AS n FROM next x JOIN next y ON y.source = x.target WHERE x.event <> 'swallowed' AND y.event <> "
        "'swallowed'",
    ),
    "the shortest of several ways": (
        "MATCH p = (f:Feature)-[:NEXT*1..3]->(g:Feature) WITH f, g, min(length(p)) AS steps, count(*) AS ways "
        "RETURN f.feature_id AS a, g.feature_id AS b, steps, ways ORDER BY a, b",
        {},
        "WITH RECURSIVE way AS (SELECT source AS a, target AS b, 1 AS steps FROM next UNION ALL "
        "SELECT a, target, steps + 1 FROM way JOIN next ON source = b WHERE steps < 3) "
        "SELECT a, b, min(steps) AS steps, count(*) AS ways FROM way GROUP BY a, b ORDER BY a, b",
    ),
    "UNION ALL": (
        "MATCH (f:Feature) WHERE f.t = 0 RETURN f.kind AS kind UNION ALL MATCH (k:Track) WHERE k.n_features > 1 RETURN k.kind "
        "AS kind",
        {},
        "SELECT kind FROM features WHERE t = 0 UNION ALL SELECT kind FROM tracks WHERE n_features > 1",
    ),
}
