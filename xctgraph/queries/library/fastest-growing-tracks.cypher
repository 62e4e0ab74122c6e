// As in track-growth.
MATCH (b:Feature)-[:OF]->(k:Track)
WHERE b.t = k.t_last
WITH b, k
WHERE k.t_last > k.t_first AND k.n_features >= $min_features
  AND ($sample = '' OR k.sample = $sample) AND ($kind = '' OR k.kind = $kind)
MATCH (a:Feature)
WHERE a.feature_id = k.track_id AND a.volume >= $volume_min
WITH k, a, b, (b.volume - a.volume) / (k.t_last - k.t_first) AS growth_per_scan
WITH k, a, b, growth_per_scan, growth_per_scan / a.volume AS relative_growth_per_scan
WITH k, a, b, growth_per_scan, relative_growth_per_scan,
     CASE WHEN $by = 'relative' THEN relative_growth_per_scan ELSE growth_per_scan END AS rate
RETURN k.track_id AS track_id, k.sample AS sample, k.kind AS kind, k.t_first AS t_first, k.t_last AS t_last,
       k.n_features AS n_features, a.volume AS volume_first, b.volume AS volume_last, growth_per_scan,
       relative_growth_per_scan, b.feature_id AS feature_id, b.z AS z, b.y AS y, b.x AS x
ORDER BY rate DESC, track_id
LIMIT $limit
