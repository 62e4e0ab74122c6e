MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE s.t = $t AND ($sample = '' OR s.sample = $sample) AND ($kind = '' OR f.kind = $kind)
OPTIONAL MATCH (f)-[r:NEAR]-(d:Feature)
WHERE $neighbour_kind = '' OR d.kind = $neighbour_kind
WITH f, min(r.gap) AS nearest_gap
WHERE nearest_gap IS NULL OR nearest_gap > $gap_um
WITH f, nearest_gap
ORDER BY f.volume DESC, f.feature_id
LIMIT $limit
RETURN f.feature_id AS feature_id, f.uid AS uid, f.sample AS sample, f.t AS t, f.kind AS kind, f.z AS z, f.y AS y, f.x AS x,
       f.volume AS volume, f.equivalent_diameter AS equivalent_diameter, nearest_gap, f.border_touching AS border_touching
ORDER BY f.volume DESC, feature_id
