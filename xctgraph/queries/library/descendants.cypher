MATCH p = (f:Feature {feature_id: $feature})-[:NEXT*1..30]->(g:Feature)
WITH g, min(length(p)) AS steps
RETURN g.feature_id AS feature_id, g.uid AS uid, g.t AS t, steps, g.kind AS kind, g.z AS z, g.y AS y, g.x AS x, g.volume AS volume,
       g.equivalent_diameter AS equivalent_diameter, g.track_id AS track_id
ORDER BY steps, feature_id
