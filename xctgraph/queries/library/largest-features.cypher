MATCH (s:Scan)-[:CONTAINS]->(f:Feature)
WHERE s.t = $t AND ($sample = '' OR s.sample = $sample)
  AND ($kind = '' OR f.kind = $kind)
WITH f
ORDER BY f.volume DESC, f.feature_id
LIMIT $limit
RETURN f.feature_id AS feature_id, f.uid AS uid, f.scan_id AS scan_id, f.sample AS sample, f.t AS t, f.label AS label,
       f.source_label AS source_label, f.kind AS kind, f.z AS z, f.y AS y, f.x AS x, f.vz AS vz, f.vy AS vy, f.vx AS
       vx, f.ref_z AS ref_z, f.ref_y AS ref_y, f.ref_x AS ref_x, f.bbox_z_min AS bbox_z_min, f.bbox_y_min AS
       bbox_y_min, f.bbox_x_min AS bbox_x_min, f.bbox_z_max AS bbox_z_max, f.bbox_y_max AS bbox_y_max, f.bbox_x_max AS
       bbox_x_max, f.n_voxels AS n_voxels, f.volume AS volume, f.equivalent_diameter AS equivalent_diameter,
       f.surface_area AS surface_area, f.sphericity AS sphericity, f.euler_number AS euler_number, f.cov_zz AS cov_zz,
       f.cov_zy AS cov_zy, f.cov_zx AS cov_zx, f.cov_yy AS cov_yy, f.cov_yx AS cov_yx, f.cov_xx AS cov_xx,
       f.axis_major_length AS axis_major_length, f.axis_intermediate_length AS axis_intermediate_length,
       f.axis_minor_length AS axis_minor_length, f.feret_diameter_max AS feret_diameter_max,
       f.feret_diameter_min AS feret_diameter_min, f.major_z AS major_z, f.major_y AS major_y, f.major_x AS major_x,
       f.minor_z AS minor_z, f.minor_y AS minor_y, f.minor_x AS minor_x, f.intensity_mean AS intensity_mean,
       f.intensity_std AS intensity_std, f.intensity_min AS intensity_min, f.intensity_max AS intensity_max,
       f.intensity_q05 AS intensity_q05, f.intensity_q25 AS intensity_q25, f.intensity_median AS intensity_median,
       f.intensity_q75 AS intensity_q75, f.intensity_q95 AS intensity_q95,
       f.border_touching AS border_touching, f.local_density AS local_density, f.cluster_id AS cluster_id,
       f.confidence AS confidence, f.n_patches AS n_patches, f.fracture_area AS fracture_area,
       f.projected_area AS projected_area, f.tortuosity AS tortuosity, f.opening_mean AS opening_mean,
       f.opening_max AS opening_max, f.normal_z AS normal_z, f.normal_y AS normal_y, f.normal_x AS normal_x,
       f.load_angle AS load_angle, f.front_length AS front_length, f.fracture_length AS fracture_length,
       f.track_id AS track_id, f.region_id AS region_id
ORDER BY f.volume DESC, f.feature_id
