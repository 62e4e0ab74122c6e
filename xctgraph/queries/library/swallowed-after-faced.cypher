MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($t < 0 OR s.t = $t) AND ($sample = '' OR s.sample = $sample) AND f.kind = 'fracture'
OPTIONAL MATCH (p:FrontSite)-[:FRONT_OF]->(f)
OPTIONAL MATCH (p)-[r:FACES]->(d:Feature)
WHERE r.gap <= $gap_um
WITH f, d, min(r.gap) AS gap
WHERE gap IS NOT NULL
OPTIONAL MATCH (d)-[n:NEXT]->(g:Feature)
WITH f, d, gap, count(n.event) AS n_links, count(CASE WHEN n.event = 'swallowed' THEN 1 END) AS n_events
WITH f, count(d.feature_id) AS n_faced, count(CASE WHEN n_events > 0 THEN 1 END) AS n_swallowed,
     count(CASE WHEN n_links = 0 THEN 1 END) AS n_lost,
     avg(CASE WHEN n_events > 0 THEN gap END) AS gap_swallowed,
     avg(CASE WHEN n_events = 0 AND n_links > 0 THEN gap END) AS gap_left
RETURN f.feature_id AS fracture_id, f.uid AS fracture, f.sample AS sample, f.t AS t, n_faced, n_swallowed, n_lost,
       n_faced - n_swallowed - n_lost AS n_left, gap_swallowed, gap_left
ORDER BY fracture_id
