MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($t < 0 OR s.t = $t) AND ($sample = '' OR s.sample = $sample) AND f.kind = 'fracture'
OPTIONAL MATCH (f)-[r:NEAR]-(d:Feature)
WHERE d.kind <> 'fracture' AND r.gap <= $gap_um
OPTIONAL MATCH (d)-[n:NEXT]->(e:Feature)
OPTIONAL MATCH (f)-[:NEXT]->(g:Feature)
OPTIONAL MATCH (e)-[c:TOUCHES]-(g)
WITH f, d, r.gap AS gap,
     count(CASE WHEN n.event = 'swallowed' AND e.feature_id = g.feature_id THEN 1 END) AS n_swallowed,
     count(c.contact_area) AS n_touches
WHERE n_swallowed > 0 OR n_touches > 0
OPTIONAL MATCH (f)-[b:TOUCHES]-(d)
RETURN f.feature_id AS fracture_id, f.uid AS fracture, d.feature_id AS feature_id, d.uid AS feature, f.sample AS sample,
       f.t AS t, d.kind AS kind, gap, b.contact_area AS contact_area,
       CASE WHEN n_swallowed > 0 THEN 'swallowed' ELSE 'touches' END AS outcome,
       d.volume AS volume, d.equivalent_diameter AS equivalent_diameter, d.local_density AS local_density,
       d.track_id AS track_id
ORDER BY fracture_id, feature_id
