MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($t < 0 OR s.t = $t) AND ($sample = '' OR s.sample = $sample) AND ($kind = '' OR f.kind = $kind)
  AND f.volume >= $volume_min AND ($border = 'any' OR NOT f.border_touching)
OPTIONAL MATCH (f)-[n:NEXT]->(g:Feature)
WHERE n.event = 'continue' AND n.dt = 1 AND ($border = 'any' OR NOT g.border_touching)
WITH f, g
WHERE g.feature_id IS NOT NULL
OPTIONAL MATCH (f)-[r:NEAR]-(d:Feature)
WHERE r.gap <= $gap_um AND ($neighbour_kind = '' OR d.kind = $neighbour_kind)
WITH f.kind AS kind, f.feature_id AS id, g.feature_id AS next_id, (g.volume - f.volume) / f.volume AS growth,
     count(d.feature_id) AS n_neighbours
RETURN kind, n_neighbours, count(growth) AS n_features, avg(growth) AS mean_growth, percentileCont(growth, 0.25) AS p25_growth,
       percentileCont(growth, 0.5) AS median_growth, percentileCont(growth, 0.75) AS p75_growth
ORDER BY kind, n_neighbours
