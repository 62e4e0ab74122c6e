MATCH (p:Sample)-[:HAS_SCAN]->(s:Scan)
WHERE $sample = '' OR p.sample = $sample
WITH p, min(s.t) AS t_first, max(s.t) AS t_last
MATCH (p)-[:HAS_SCAN]->(s:Scan)
OPTIONAL MATCH (s)-[:CONTAINS]->(f:Feature)
WHERE $kind = '' OR f.kind = $kind
WITH s, t_first, t_last, f.feature_id AS id, f.border_touching AS border,
     EXISTS { MATCH (:Feature)-[:NEXT]->(f) } AS has_past,
     EXISTS { MATCH (f)-[:NEXT]->(:Feature) } AS has_future,
     EXISTS { MATCH (:Feature)-[i:NEXT]->(f) WHERE i.event = 'merge' } AS merged,
     EXISTS { MATCH (f)-[o:NEXT]->(:Feature) WHERE o.event = 'split' } AS split,
     EXISTS { MATCH (f)-[o:NEXT]->(:Feature) WHERE o.event = 'swallowed' } AS swallowed
WITH s, t_first, t_last, count(id) AS n_features,
     count(CASE WHEN NOT has_past THEN id END) AS births,
     count(CASE WHEN NOT has_past AND border THEN id END) AS births_at_border,
     count(CASE WHEN merged THEN id END) AS merges,
     count(CASE WHEN NOT has_future THEN id END) AS deaths,
     count(CASE WHEN NOT has_future AND border THEN id END) AS deaths_at_border,
     count(CASE WHEN split THEN id END) AS splits,
     count(CASE WHEN swallowed THEN id END) AS swallowed
RETURN s.scan_id AS scan_id, s.sample AS sample, s.t AS t, n_features,
       CASE WHEN s.t > t_first THEN births END AS births,
       CASE WHEN s.t > t_first THEN births_at_border END AS births_at_border,
       CASE WHEN s.t > t_first THEN merges END AS merges,
       CASE WHEN s.t < t_last THEN deaths END AS deaths,
       CASE WHEN s.t < t_last THEN deaths_at_border END AS deaths_at_border,
       CASE WHEN s.t < t_last THEN splits END AS splits,
       CASE WHEN s.t < t_last THEN swallowed END AS swallowed
ORDER BY scan_id
