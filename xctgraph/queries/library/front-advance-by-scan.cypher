MATCH (s:Scan)
WHERE $sample = '' OR s.sample = $sample
OPTIONAL MATCH (s)-[:CONTAINS]->(f:Feature)
WHERE f.kind = 'fracture'
OPTIONAL MATCH (p:FrontSite)-[:FRONT_OF]->(f)
WITH s, count(DISTINCT f.feature_id) AS n_fractures, count(p.site_id) AS n_sites,
     coalesce(sum(p.front_length), 0.0) AS front_length, count(p.advance_um) AS n_known,
     count(CASE WHEN p.advanced THEN 1 END) AS n_advanced, avg(p.advance_um) AS mean_advance,
     max(p.advance_um) AS largest_advance, avg(p.local_density) AS local_density, avg(p.opening) AS opening
RETURN s.scan_id AS scan_id, s.sample AS sample, s.t AS t, n_fractures, n_sites, front_length, n_known, n_advanced,
       mean_advance, largest_advance, local_density, opening
ORDER BY scan_id
