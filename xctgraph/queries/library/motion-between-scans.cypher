MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($t < 0 OR s.t = $t) AND ($sample = '' OR s.sample = $sample) AND ($kind = '' OR f.kind = $kind)
OPTIONAL MATCH (f)-[n:NEXT]->(g:Feature)
WHERE n.event = 'continue'
WITH s.scan_id AS scan_id, s.sample AS sample, s.t AS t, f.kind AS kind, n.dt AS dt, g.z - f.z AS dz, g.y - f.y AS dy,
     g.x - f.x AS dx
WHERE dz IS NOT NULL
RETURN scan_id, sample, t, kind, dt, count(dz) AS n_features, avg(dz) AS mean_dz, avg(dy) AS mean_dy, avg(dx) AS mean_dx,
       percentileCont(dz, 0.75) - percentileCont(dz, 0.25) AS spread_dz,
       percentileCont(dy, 0.75) - percentileCont(dy, 0.25) AS spread_dy,
       percentileCont(dx, 0.75) - percentileCont(dx, 0.25) AS spread_dx
ORDER BY scan_id, kind, dt
