MATCH (r:Region)
WHERE ($t < 0 OR r.t = $t) AND ($sample = '' OR r.sample = $sample)
OPTIONAL MATCH (r)-[:ADJACENT]-(a:Region)
WITH r, count(a.region_id) AS n_adjacent, count(CASE WHEN a.fracture_area > 0.0 THEN 1 END) AS n_adjacent_cracked
OPTIONAL MATCH (r)-[:NEXT_REGION]->(n:Region)
RETURN r.region_id AS region_id, r.sample AS sample, r.t AS t, r.ref_z AS ref_z, r.ref_y AS ref_y, r.ref_x AS ref_x,
       r.inclusion_fraction AS inclusion_fraction, r.pore_fraction AS pore_fraction, r.strain AS strain,
       r.fracture_area AS fracture_area, n.fracture_area - r.fracture_area AS area_growth,
       n.pore_fraction - r.pore_fraction AS pore_growth, n_adjacent, n_adjacent_cracked
ORDER BY region_id
