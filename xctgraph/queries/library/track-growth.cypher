// A track has the id of its first feature. The conditions on tracks come after the edges: before them Ladybug expects few
// tracks, and takes up to seventy times as long.
MATCH (b:Feature)-[:OF]->(k:Track)
WHERE b.t = k.t_last
WITH b, k
WHERE k.t_last > k.t_first AND k.n_features >= $min_features
  AND ($sample = '' OR k.sample = $sample) AND ($kind = '' OR k.kind = $kind)
MATCH (a:Feature)
WHERE a.feature_id = k.track_id
RETURN k.track_id AS track_id, k.sample AS sample, k.kind AS kind, k.lineage_id AS lineage_id, k.t_first AS t_first,
       k.t_last AS t_last, k.n_features AS n_features, a.volume AS volume_first, b.volume AS volume_last,
       b.volume - a.volume AS growth, (b.volume - a.volume) / (k.t_last - k.t_first) AS growth_per_scan,
       (b.volume - a.volume) / a.volume AS relative_growth
ORDER BY track_id
LIMIT $limit
