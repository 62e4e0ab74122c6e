MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($t < 0 OR s.t = $t) AND ($sample = '' OR s.sample = $sample) AND f.kind = 'fracture'
OPTIONAL MATCH (f)-[:NEXT]->(g:Feature)
WHERE g.kind = 'fracture'
WITH f, count(g.feature_id) AS n_successors, coalesce(sum(g.volume), 0.0) AS volume_next
WHERE n_successors > 0
OPTIONAL MATCH (f)-[:NEXT]->(g:Feature)
WHERE g.kind = 'fracture'
OPTIONAL MATCH (h:Feature)-[:NEXT]->(g)
WHERE h.kind = 'fracture' AND h.feature_id <> f.feature_id
WITH DISTINCT f, n_successors, volume_next, h
WITH f, n_successors, volume_next, count(h.feature_id) AS n_merged, coalesce(sum(h.volume), 0.0) AS volume_merged
OPTIONAL MATCH (f)-[r:NEAR]-(d:Feature)
WHERE d.kind <> 'fracture' AND r.gap <= $radius_um AND NOT EXISTS { MATCH (f)-[:TOUCHES]-(d) }
OPTIONAL MATCH (d)-[:NEXT]->(e:Feature)
OPTIONAL MATCH (f)-[:NEXT]->(g:Feature)
WHERE g.kind = 'fracture'
OPTIONAL MATCH (e)-[c:TOUCHES]-(g)
WITH f, n_successors, volume_next, n_merged, volume_merged, d, r.gap AS gap, count(e.feature_id) AS n_links,
     count(CASE WHEN e.feature_id = g.feature_id OR c.contact_area IS NOT NULL THEN 1 END) AS n_contacts
WITH f, n_successors, volume_next, n_merged, volume_merged,
     count(d.feature_id) AS n_near, coalesce(sum(d.volume), 0.0) AS volume_near,
     count(CASE WHEN n_contacts > 0 THEN d.feature_id END) AS n_reached,
     count(CASE WHEN n_contacts = 0 AND n_links > 0 THEN d.feature_id END) AS n_not_reached,
     avg(CASE WHEN n_contacts > 0 THEN d.local_density END) AS density_reached,
     avg(CASE WHEN n_contacts = 0 AND n_links > 0 THEN d.local_density END) AS density_not_reached,
     avg(CASE WHEN n_contacts > 0 THEN gap END) AS gap_reached,
     avg(CASE WHEN n_contacts = 0 AND n_links > 0 THEN gap END) AS gap_not_reached
OPTIONAL MATCH (p:FrontSite)-[:FRONT_OF]->(f)
WITH f, n_successors, volume_next, n_merged, volume_merged, n_near, volume_near, n_reached, n_not_reached, density_reached,
     density_not_reached, gap_reached, gap_not_reached,
     count(p.advance_um) AS n_sites, count(CASE WHEN p.advanced THEN 1 END) AS n_advanced,
     avg(CASE WHEN p.advanced THEN p.local_density END) AS density_advanced,
     avg(CASE WHEN NOT p.advanced THEN p.local_density END) AS density_not_advanced
RETURN f.feature_id AS fracture_id, f.uid AS fracture, f.sample AS sample, f.t AS t, n_successors, n_merged,
       f.volume AS volume, volume_next - volume_merged - f.volume AS growth,
       (volume_next - volume_merged - f.volume) / f.volume AS relative_growth, n_near, volume_near, n_reached,
       n_not_reached, n_near - n_reached - n_not_reached AS n_lost, density_reached, density_not_reached,
       density_reached - density_not_reached AS density_difference, gap_reached, gap_not_reached,
       n_sites, n_advanced, density_advanced, density_not_advanced
ORDER BY fracture_id
