"""Questions about the features of one scan and their surroundings, in DuckDB SQL."""

from __future__ import annotations

SCAN = "($sample = '' OR sample = $sample) AND ($t < 0 OR t = $t)"
KIND = "($kind = '' OR kind = $kind)"
BORDER = "CASE $border WHEN 'any' THEN true WHEN 'inside' THEN NOT border_touching ELSE border_touching END"

SQL = {
    "size-distribution": f"""
        SELECT s.scan_id, s.sample, s.t, kind, count(*) AS n_features, avg(d) AS mean_diameter,
               quantile_cont(d, 0.1) AS p10_diameter, median(d) AS median_diameter, quantile_cont(d, 0.9) AS p90_diameter,
               max(d) AS max_diameter, s.reliable_diameter, count_if(d < s.reliable_diameter)::BIGINT AS n_below_reliable
        FROM (SELECT *, equivalent_diameter AS d FROM features WHERE {SCAN} AND {KIND} AND {BORDER}) JOIN scans s USING (scan_id)
        GROUP BY s.scan_id, s.sample, s.t, kind, s.reliable_diameter ORDER BY s.scan_id, kind
    """,
    "orientation": f"""
        WITH c AS (
            SELECT scan_id, sample, t, kind, abs(CASE $axis WHEN 'minor' THEN minor_z ELSE major_z END) AS c FROM features
            WHERE {SCAN} AND {KIND} AND axis_major_length / axis_minor_length >= $elongation_min
        ),
        binned AS (SELECT *, least(floor(c * $bins), $bins - 1) AS bin, avg(c) OVER k AS mean, count(*) OVER k AS n FROM c
                   WINDOW k AS (PARTITION BY scan_id, kind))
        SELECT scan_id, sample, t, kind, bin / $bins AS cos_min, (bin + 1) / $bins AS cos_max, count(*) AS n_features,
               count(*) / n AS share, 1 / $bins AS random_share, mean AS mean_cos
        FROM binned GROUP BY scan_id, sample, t, kind, bin, n, mean ORDER BY scan_id, kind, bin
    """,
    "nearest-gaps": f"""
        WITH nearest AS (
            SELECT n.a, min(n.gap) AS gap FROM both_near n JOIN features d ON d.feature_id = n.b
            WHERE $neighbour_kind = '' OR d.kind = $neighbour_kind GROUP BY n.a
        )
        SELECT s.scan_id, s.sample, s.t, kind, count(*) AS n_features, count(*) - count(gap) AS n_without, s.near_gap,
               avg(gap) AS mean_gap, quantile_cont(gap, 0.1) AS p10_gap, median(gap) AS median_gap,
               quantile_cont(gap, 0.9) AS p90_gap
        FROM (SELECT * FROM features WHERE {SCAN} AND {KIND}) f JOIN scans s USING (scan_id)
        LEFT JOIN nearest ON nearest.a = f.feature_id
        GROUP BY s.scan_id, s.sample, s.t, kind, s.near_gap ORDER BY s.scan_id, kind
    """,
    "isolated-features": f"""
        SELECT feature_id, uid, sample, t, kind, z, y, x, volume, equivalent_diameter,
               (SELECT min(n.gap) FROM both_near n JOIN features d ON d.feature_id = n.b
                WHERE n.a = f.feature_id AND ($neighbour_kind = '' OR d.kind = $neighbour_kind)) AS nearest_gap, border_touching
        FROM features f
        WHERE {SCAN} AND {KIND} AND NOT EXISTS (
            SELECT 1 FROM both_near n JOIN features d ON d.feature_id = n.b
            WHERE n.a = f.feature_id AND n.gap <= $gap_um AND ($neighbour_kind = '' OR d.kind = $neighbour_kind))
        ORDER BY volume DESC, feature_id LIMIT $limit
    """,
    "clusters": f"""
        SELECT cluster_id, f.sample, f.t, count(*) AS n_features, count(*) FILTER (kind = 'inclusion') AS n_inclusions,
               count(*) FILTER (kind = 'pore') AS n_pores, count(*) FILTER (kind = 'fracture') AS n_fractures,
               count(DISTINCT kind) AS n_kinds, sum(volume) AS volume, avg(z) AS z, avg(y) AS y, avg(x) AS x,
               max(z) - min(z) AS extent_z, max(y) - min(y) AS extent_y, max(x) - min(x) AS extent_x,
               count(*) FILTER (border_touching) AS n_at_border, s.cluster_gap
        FROM (SELECT * FROM features WHERE {SCAN}) f JOIN scans s USING (scan_id)
        GROUP BY cluster_id, f.sample, f.t, s.cluster_gap HAVING count(*) >= $min_features
        ORDER BY n_features DESC, cluster_id LIMIT $limit
    """,
    "contacts-between-kinds": f"""
        WITH counted AS (SELECT scan_id, sample, t, kind, count(*) AS n_features FROM features WHERE {SCAN} GROUP BY ALL),
        contact AS (
            SELECT f.scan_id, f.kind, d.kind AS other_kind, count(*) AS n_contacts, sum(contact_area) AS contact_area,
                   count(DISTINCT f.feature_id) AS n_touched
            FROM both_touches c JOIN features f ON f.feature_id = c.a JOIN features d ON d.feature_id = c.b GROUP BY ALL
        )
        SELECT scan_id, sample, t, kind, other_kind, n_contacts, contact_area, n_features, n_touched,
               n_touched / n_features AS share_touched
        FROM counted JOIN contact USING (scan_id, kind) ORDER BY scan_id, kind, other_kind
    """,
    "features-between-fractures": """
        WITH pairs AS (
            SELECT d.feature_id AS d, f.feature_id AS f, n.gap, count(*) OVER (PARTITION BY d.feature_id) AS n_fractures
            FROM both_near n JOIN features d ON d.feature_id = n.a JOIN features f ON f.feature_id = n.b
            WHERE d.kind <> 'fracture' AND f.kind = 'fracture' AND n.gap <= $gap_um
        )
        SELECT d.feature_id, d.uid AS feature, f.feature_id AS fracture_id, f.uid AS fracture, d.sample, d.t, d.kind, n_fractures,
               p.gap, c.contact_area, d.z, d.y, d.x, d.volume, d.equivalent_diameter, d.local_density, d.track_id
        FROM pairs p JOIN features d ON d.feature_id = p.d JOIN features f ON f.feature_id = p.f
        LEFT JOIN both_touches c ON c.a = p.d AND c.b = p.f
        WHERE n_fractures > 1 AND ($sample = '' OR d.sample = $sample) AND ($t < 0 OR d.t = $t)
        ORDER BY d.feature_id, f.feature_id
    """,
}
