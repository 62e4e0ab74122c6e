MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($t < 0 OR s.t = $t) AND ($sample = '' OR s.sample = $sample) AND f.kind = 'fracture'
OPTIONAL MATCH (f)-[r:NEAR]-(d:Feature)
WHERE d.kind <> 'fracture' AND r.gap <= $gap_um
WITH d, count(f.feature_id) AS n_fractures
WHERE n_fractures >= 2 AND d.feature_id IS NOT NULL
OPTIONAL MATCH (d)-[r:NEAR]-(f:Feature)
WHERE f.kind = 'fracture' AND r.gap <= $gap_um
OPTIONAL MATCH (d)-[c:TOUCHES]-(f)
RETURN d.feature_id AS feature_id, d.uid AS feature, f.feature_id AS fracture_id, f.uid AS fracture, d.sample AS sample, d.t AS t,
       d.kind AS kind, n_fractures, r.gap AS gap, c.contact_area AS contact_area, d.z AS z, d.y AS y, d.x AS x,
       d.volume AS volume, d.equivalent_diameter AS equivalent_diameter, d.local_density AS local_density, d.track_id AS track_id
ORDER BY feature_id, fracture_id
