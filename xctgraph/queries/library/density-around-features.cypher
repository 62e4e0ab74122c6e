MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE s.t = $t AND ($sample = '' OR s.sample = $sample) AND ($kind = '' OR f.kind = $kind)
WITH f
OPTIONAL MATCH (f)-[r:NEAR]-(d:Feature)
WHERE r.gap <= $gap_um AND ($neighbour_kind = '' OR d.kind = $neighbour_kind)
WITH f, count(d.feature_id) AS n_neighbours, coalesce(sum(d.volume), 0.0) AS neighbour_volume, min(r.gap) AS nearest_gap
WITH f, n_neighbours, neighbour_volume, nearest_gap, coalesce(f.local_density, -1.0) AS rank
ORDER BY n_neighbours DESC, rank DESC, f.feature_id
LIMIT $limit
RETURN f.feature_id AS feature_id, f.uid AS uid, f.sample AS sample, f.t AS t, f.kind AS kind, f.z AS z, f.y AS y, f.x AS x,
       f.equivalent_diameter AS equivalent_diameter, n_neighbours, neighbour_volume, nearest_gap,
       f.local_density AS local_density, f.border_touching AS border_touching
ORDER BY n_neighbours DESC, rank DESC, feature_id
