MATCH (s:Scan)
WHERE ($sample = '' OR s.sample = $sample) AND ($quality = 'any' OR NOT coalesce(s.suspect, false))
OPTIONAL MATCH (s)-[:CONTAINS]->(f:Feature)
WITH collect(DISTINCT f.kind) AS present
UNWIND present + ['fracture', 'inclusion', 'pore'] AS kind
WITH DISTINCT kind
MATCH (s:Scan)
WHERE ($sample = '' OR s.sample = $sample) AND ($quality = 'any' OR NOT coalesce(s.suspect, false))
OPTIONAL MATCH (s)-[:CONTAINS]->(f:Feature)
WHERE f.kind = kind
WITH s, kind, count(f.feature_id) AS n_features, coalesce(sum(f.volume), 0.0) AS volume
RETURN s.scan_id AS scan_id, s.sample AS sample, s.t AS t, s.time_s AS time_s, kind, n_features, volume,
       s.material_volume AS material_volume, volume / s.material_volume AS volume_fraction
ORDER BY scan_id, kind
