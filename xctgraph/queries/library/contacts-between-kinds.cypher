MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($sample = '' OR s.sample = $sample) AND ($t < 0 OR s.t = $t)
WITH s, f.kind AS kind, count(f.feature_id) AS n_features
OPTIONAL MATCH (s)-[:CONTAINS]->(f:Feature)
WHERE f.kind = kind
OPTIONAL MATCH (f)-[c:TOUCHES]-(d:Feature)
WITH s, kind, n_features, d.kind AS other_kind, count(c.contact_area) AS n_contacts,
     coalesce(sum(c.contact_area), 0.0) AS contact_area, count(DISTINCT f.feature_id) AS n_touched
WHERE other_kind IS NOT NULL
RETURN s.scan_id AS scan_id, s.sample AS sample, s.t AS t, kind, other_kind, n_contacts, contact_area, n_features, n_touched,
       1.0 * n_touched / n_features AS share_touched
ORDER BY scan_id, kind, other_kind
