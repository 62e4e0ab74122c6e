MATCH (s:Scan)-[:CONTAINS]->(d:Feature)
WHERE ($t < 0 OR s.t = $t) AND ($sample = '' OR s.sample = $sample) AND ($kind = '' OR d.kind = $kind)
OPTIONAL MATCH (d)-[n:NEXT]->(g:Feature)
WHERE n.event = 'swallowed'
WITH d, n.dt AS dt, g
WHERE g.feature_id IS NOT NULL
OPTIONAL MATCH (f:Feature)-[:NEXT]->(g)
WHERE f.kind = 'fracture' AND f.feature_id <> d.feature_id
OPTIONAL MATCH (d)-[r:NEAR]-(f)
OPTIONAL MATCH (d)-[c:TOUCHES]-(f)
WITH d, dt, g, min(r.gap) AS gap, CASE WHEN count(c.contact_area) > 0 THEN coalesce(sum(c.contact_area), 0.0) END AS contact_area
RETURN d.feature_id AS feature_id, d.uid AS feature, g.feature_id AS fracture_id, g.uid AS fracture, d.sample AS sample, d.t AS t,
       dt, d.kind AS kind, gap, contact_area, d.z AS z, d.y AS y, d.x AS x, d.volume AS volume,
       d.equivalent_diameter AS equivalent_diameter, d.local_density AS local_density, d.track_id AS track_id
ORDER BY feature_id, fracture_id
