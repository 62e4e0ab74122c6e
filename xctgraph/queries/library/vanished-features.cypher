MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($t < 0 OR s.t = $t) AND ($sample = '' OR s.sample = $sample) AND ($kind = '' OR f.kind = $kind)
  AND EXISTS { MATCH (s)-[:FOLLOWS]->(:Scan) } AND NOT EXISTS { MATCH (f)-[:NEXT]->(:Feature) }
WITH s, f
ORDER BY f.volume DESC, f.feature_id
LIMIT $limit
OPTIONAL MATCH (f)-[r:NEAR]-(c:Feature)
WHERE c.kind = 'fracture'
WITH s, f, min(r.gap) AS fracture_gap
RETURN f.feature_id AS feature_id, f.uid AS uid, f.sample AS sample, f.t AS t, f.kind AS kind, f.z AS z, f.y AS y, f.x AS x,
       f.volume AS volume, f.equivalent_diameter AS equivalent_diameter, s.reliable_diameter AS reliable_diameter, fracture_gap,
       f.local_density AS local_density, f.border_touching AS border_touching, f.track_id AS track_id
ORDER BY f.volume DESC, feature_id
