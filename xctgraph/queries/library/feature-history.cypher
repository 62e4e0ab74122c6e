MATCH (f:Feature {feature_id: $feature})-[:OF]->(k:Track)
OPTIONAL MATCH (g:Feature)-[:OF]->(k)
OPTIONAL MATCH (s:Scan)-[:CONTAINS]->(g)
OPTIONAL MATCH (g)-[r:NEAR]-(c:Feature)
WHERE c.kind = 'fracture'
WITH g, s, min(r.gap) AS fracture_gap
RETURN g.feature_id AS feature_id, g.uid AS uid, g.track_id AS track_id, g.t AS t, s.time_s AS time_s, s.strain AS strain,
       s.load_n AS load_n, g.kind AS kind, g.z AS z, g.y AS y, g.x AS x, g.volume AS volume,
       g.equivalent_diameter AS equivalent_diameter, g.sphericity AS sphericity, g.intensity_mean AS intensity_mean,
       g.local_density AS local_density, fracture_gap, g.border_touching AS border_touching
ORDER BY t, feature_id
