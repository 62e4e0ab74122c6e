MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($sample = '' OR s.sample = $sample) AND ($t < 0 OR s.t = $t) AND ($kind = '' OR f.kind = $kind)
  AND ($border = 'any' OR ($border = 'inside' AND NOT f.border_touching) OR ($border = 'touching' AND f.border_touching))
WITH s.scan_id AS scan_id, s.sample AS sample, s.t AS t, s.reliable_diameter AS reliable_diameter, f.kind AS kind,
     f.equivalent_diameter AS diameter
WITH scan_id, sample, t, reliable_diameter, kind, count(diameter) AS n_features, avg(diameter) AS mean_diameter,
     percentileCont(diameter, 0.1) AS p10_diameter, percentileCont(diameter, 0.5) AS median_diameter,
     percentileCont(diameter, 0.9) AS p90_diameter, max(diameter) AS max_diameter,
     count(CASE WHEN diameter < reliable_diameter THEN 1 END) AS n_below
RETURN scan_id, sample, t, kind, n_features, mean_diameter, p10_diameter, median_diameter, p90_diameter, max_diameter,
       reliable_diameter, CASE WHEN reliable_diameter IS NOT NULL THEN n_below END AS n_below_reliable
ORDER BY scan_id, kind
