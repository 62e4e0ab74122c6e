MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($sample = '' OR s.sample = $sample) AND ($t < 0 OR s.t = $t) AND ($kind = '' OR f.kind = $kind)
  AND f.axis_major_length >= $elongation_min * f.axis_minor_length AND f.major_z IS NOT NULL AND f.minor_z IS NOT NULL
WITH s, f.kind AS kind, count(f.feature_id) AS n_of_kind,
     avg(CASE WHEN $axis = 'minor' THEN abs(f.minor_z) ELSE abs(f.major_z) END) AS mean_cos
OPTIONAL MATCH (s)-[:CONTAINS]->(f:Feature)
WHERE f.kind = kind AND f.axis_major_length >= $elongation_min * f.axis_minor_length AND f.major_z IS NOT NULL
  AND f.minor_z IS NOT NULL
WITH s.scan_id AS scan_id, s.sample AS sample, s.t AS t, kind, n_of_kind, mean_cos,
     floor($bins * (CASE WHEN $axis = 'minor' THEN abs(f.minor_z) ELSE abs(f.major_z) END)) AS step
WITH scan_id, sample, t, kind, n_of_kind, mean_cos, CASE WHEN step >= $bins THEN $bins - 1.0 ELSE step END AS bin
WITH scan_id, sample, t, kind, n_of_kind, mean_cos, bin, count(bin) AS n_features
RETURN scan_id, sample, t, kind, bin / $bins AS cos_min, (bin + 1.0) / $bins AS cos_max, n_features,
       1.0 * n_features / n_of_kind AS share, 1.0 / $bins AS random_share, mean_cos
ORDER BY scan_id, kind, cos_min
