MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($t < 0 OR s.t = $t) AND ($sample = '' OR s.sample = $sample) AND ($kind = '' OR f.kind = $kind)
  AND f.volume >= $volume_min AND ($border = 'any' OR NOT f.border_touching) AND f.local_density IS NOT NULL
OPTIONAL MATCH (f)-[n:NEXT]->(g:Feature)
WHERE n.event = 'continue' AND n.dt = 1 AND ($border = 'any' OR NOT g.border_touching)
WITH f.kind AS kind, floor(f.local_density / $bin_width) AS bin, (g.volume - f.volume) / f.volume AS growth
WHERE growth IS NOT NULL
RETURN kind, bin * $bin_width AS density_min, (bin + 1.0) * $bin_width AS density_max, count(growth) AS n_features,
       avg(growth) AS mean_growth, percentileCont(growth, 0.25) AS p25_growth, percentileCont(growth, 0.5) AS median_growth,
       percentileCont(growth, 0.75) AS p75_growth
ORDER BY kind, density_min
