MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($t < 0 OR s.t = $t) AND ($sample = '' OR s.sample = $sample) AND ($kind = '' OR f.kind = $kind)
  AND EXISTS { MATCH (f)-[n:NEXT]->(:Feature) WHERE n.event = 'split' }
OPTIONAL MATCH (f)-[:NEXT]->(g:Feature)
WITH f, count(g.feature_id) AS n_parts, coalesce(sum(g.volume), 0.0) AS volume_after
OPTIONAL MATCH (f)-[n:NEXT]->(g:Feature)
RETURN f.feature_id AS feature_id, f.uid AS feature, g.feature_id AS part_id, g.uid AS part, f.sample AS sample, f.t AS t,
       n.dt AS dt, n.event AS event, f.kind AS kind, g.kind AS part_kind, n_parts, f.volume AS volume, g.volume AS part_volume,
       volume_after, volume_after - f.volume AS volume_balance, (volume_after - f.volume) / f.volume AS relative_balance,
       n.confidence AS confidence
ORDER BY feature_id, part_id
