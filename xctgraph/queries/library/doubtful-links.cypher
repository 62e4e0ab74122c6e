MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($t < 0 OR s.t = $t) AND ($sample = '' OR s.sample = $sample) AND ($kind = '' OR f.kind = $kind)
OPTIONAL MATCH (f)-[n:NEXT]->(g:Feature)
WHERE n.confidence < $confidence_max
WITH f, n, g
WHERE g.feature_id IS NOT NULL
WITH f, n, g
ORDER BY n.confidence, f.feature_id, g.feature_id
LIMIT $limit
RETURN f.feature_id AS feature_id, f.uid AS uid, g.feature_id AS next_id, g.uid AS next_uid, f.sample AS sample, f.t AS t,
       n.dt AS dt, f.kind AS kind, g.kind AS next_kind, n.event AS event, n.confidence AS confidence, n.iou AS iou,
       n.overlap AS overlap, n.cost AS cost, f.z AS z, f.y AS y, f.x AS x, f.volume AS volume, g.volume AS next_volume
ORDER BY confidence, feature_id, next_id
