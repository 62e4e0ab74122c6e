MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($sample = '' OR s.sample = $sample) AND ($t < 0 OR s.t = $t) AND ($kind = '' OR f.kind = $kind)
OPTIONAL MATCH (f)-[r:NEAR]-(d:Feature)
WHERE $neighbour_kind = '' OR d.kind = $neighbour_kind
WITH s.scan_id AS scan_id, s.sample AS sample, s.t AS t, s.near_gap AS near_gap, f.kind AS kind, f.feature_id AS id,
     min(r.gap) AS gap
RETURN scan_id, sample, t, kind, count(id) AS n_features, count(id) - count(gap) AS n_without, near_gap,
       avg(gap) AS mean_gap, percentileCont(gap, 0.1) AS p10_gap, percentileCont(gap, 0.5) AS median_gap,
       percentileCont(gap, 0.9) AS p90_gap
ORDER BY scan_id, kind
