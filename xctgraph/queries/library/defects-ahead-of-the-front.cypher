MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($t < 0 OR s.t = $t) AND ($sample = '' OR s.sample = $sample) AND f.kind = 'fracture'
OPTIONAL MATCH (p:FrontSite)-[:FRONT_OF]->(f)
OPTIONAL MATCH (p)-[r:FACES]->(d:Feature)
WHERE r.gap <= $gap_um
WITH f, d, count(r.gap) AS n_sites, min(r.gap) AS gap
WHERE n_sites > 0
RETURN f.feature_id AS fracture_id, f.uid AS fracture, d.feature_id AS feature_id, d.uid AS feature, f.sample AS sample,
       f.t AS t, d.kind AS kind, n_sites, gap, d.equivalent_diameter AS equivalent_diameter,
       d.local_density AS local_density, d.track_id AS track_id
ORDER BY fracture_id, feature_id
