MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE s.t = $t AND ($sample = '' OR s.sample = $sample)
WITH s.cluster_gap AS cluster_gap, f.cluster_id AS cluster_id, f.sample AS sample, f.t AS t, count(*) AS n_features,
     count(CASE WHEN f.kind = 'inclusion' THEN 1 END) AS n_inclusions, count(CASE WHEN f.kind = 'pore' THEN 1 END) AS n_pores,
     count(CASE WHEN f.kind = 'fracture' THEN 1 END) AS n_fractures, count(DISTINCT f.kind) AS n_kinds,
     sum(f.volume) AS volume, avg(f.z) AS z, avg(f.y) AS y, avg(f.x) AS x, max(f.z) - min(f.z) AS extent_z,
     max(f.y) - min(f.y) AS extent_y, max(f.x) - min(f.x) AS extent_x,
     count(CASE WHEN f.border_touching THEN 1 END) AS n_at_border
WHERE n_features >= $min_features
RETURN cluster_id, sample, t, n_features, n_inclusions, n_pores, n_fractures, n_kinds, volume, z, y, x, extent_z, extent_y,
       extent_x, n_at_border, cluster_gap
ORDER BY n_features DESC, cluster_id
LIMIT $limit
