MATCH (s:Scan)-[:CONTAINS]->(g:Feature)
WHERE ($t < 0 OR s.t = $t) AND ($sample = '' OR s.sample = $sample) AND ($kind = '' OR g.kind = $kind)
  AND EXISTS { MATCH (:Feature)-[n:NEXT]->(g) WHERE n.event = 'merge' }
OPTIONAL MATCH (f:Feature)-[:NEXT]->(g)
WITH g, count(f.feature_id) AS n_merged, coalesce(sum(f.volume), 0.0) AS volume_before
OPTIONAL MATCH (f:Feature)-[n:NEXT]->(g)
RETURN g.feature_id AS merged_id, g.uid AS merged, f.feature_id AS feature_id, f.uid AS feature, g.sample AS sample, g.t AS t,
       n.dt AS dt, n.event AS event, f.kind AS kind, g.kind AS merged_kind, n_merged, f.volume AS volume, volume_before,
       g.volume AS merged_volume, g.volume - volume_before AS volume_balance,
       (g.volume - volume_before) / volume_before AS relative_balance, n.confidence AS confidence
ORDER BY merged_id, feature_id
