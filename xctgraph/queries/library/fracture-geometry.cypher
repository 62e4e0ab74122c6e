MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE ($t < 0 OR s.t = $t) AND ($sample = '' OR s.sample = $sample) AND f.kind = 'fracture'
RETURN f.feature_id AS feature_id, f.uid AS uid, f.sample AS sample, f.t AS t, f.track_id AS track_id, f.volume AS volume,
       f.n_patches AS n_patches, f.fracture_area AS fracture_area, f.tortuosity AS tortuosity,
       f.opening_mean AS opening_mean, f.opening_max AS opening_max, f.load_angle AS load_angle,
       f.fracture_length AS fracture_length, f.front_length AS front_length
ORDER BY feature_id
