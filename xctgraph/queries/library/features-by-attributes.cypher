MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE s.t >= $t_min AND s.t <= $t_max AND f.t >= $t_min AND f.t <= $t_max
  AND ($sample = '' OR s.sample = $sample) AND ($kind = '' OR f.kind = $kind)
  AND f.volume >= $volume_min AND f.volume <= $volume_max
  AND f.equivalent_diameter >= $equivalent_diameter_min AND f.equivalent_diameter <= $equivalent_diameter_max
  AND f.sphericity >= $sphericity_min AND f.sphericity <= $sphericity_max
  AND f.z >= $z_min AND f.z <= $z_max AND f.y >= $y_min AND f.y <= $y_max AND f.x >= $x_min AND f.x <= $x_max
  AND coalesce(f.intensity_mean, -1.7e308) >= $intensity_mean_min AND coalesce(f.intensity_mean, 1.7e308) <= $intensity_mean_max
  AND coalesce(f.local_density, -1.7e308) >= $local_density_min AND coalesce(f.local_density, 1.7e308) <= $local_density_max
  AND ($border = 'any' OR ($border = 'inside' AND NOT f.border_touching) OR ($border = 'touching' AND f.border_touching))
WITH f
ORDER BY f.feature_id
LIMIT $limit
RETURN f.feature_id AS feature_id, f.uid AS uid, f.sample AS sample, f.t AS t, f.kind AS kind, f.z AS z, f.y AS y, f.x AS x,
       f.n_voxels AS n_voxels, f.volume AS volume, f.equivalent_diameter AS equivalent_diameter,
       f.surface_area AS surface_area, f.sphericity AS sphericity, f.axis_major_length AS axis_major_length,
       f.axis_intermediate_length AS axis_intermediate_length, f.axis_minor_length AS axis_minor_length,
       f.intensity_mean AS intensity_mean, f.local_density AS local_density, f.border_touching AS border_touching,
       f.cluster_id AS cluster_id, f.track_id AS track_id
ORDER BY feature_id
