MATCH (f:Feature {feature_id: $feature})-[r:NEAR]-(d:Feature)
WHERE r.gap <= $gap_um AND ($kind = '' OR d.kind = $kind)
OPTIONAL MATCH (f)-[c:TOUCHES]-(d)
RETURN d.feature_id AS feature_id, d.uid AS uid, d.kind AS kind, r.gap AS gap, r.distance AS distance,
       c.contact_area AS contact_area, d.z AS z, d.y AS y, d.x AS x, d.volume AS volume,
       d.equivalent_diameter AS equivalent_diameter, d.track_id AS track_id
ORDER BY gap, feature_id
