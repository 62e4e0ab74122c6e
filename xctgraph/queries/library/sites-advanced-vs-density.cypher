MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($t < 0 OR s.t = $t) AND ($sample = '' OR s.sample = $sample) AND f.kind = 'fracture'
OPTIONAL MATCH (p:FrontSite)-[:FRONT_OF]->(f)
WITH f, count(p.advance_um) AS n_known, count(CASE WHEN p.advanced THEN 1 END) AS n_advanced,
     avg(p.advance_um) AS mean_advance,
     avg(CASE WHEN p.advanced THEN p.local_density END) AS density_advanced,
     avg(CASE WHEN NOT p.advanced THEN p.local_density END) AS density_not_advanced,
     avg(CASE WHEN p.advance_um IS NOT NULL THEN p.local_density END) AS density,
     avg(p.advance_um * p.local_density) AS product,
     avg(CASE WHEN p.local_density IS NOT NULL THEN p.advance_um END) AS advance_where_known
WHERE n_known > 0
RETURN f.feature_id AS fracture_id, f.uid AS fracture, f.sample AS sample, f.t AS t, n_known AS n_sites, n_advanced,
       mean_advance, density_advanced, density_not_advanced,
       density_advanced - density_not_advanced AS density_difference,
       product - advance_where_known * density AS covariance
ORDER BY fracture_id
