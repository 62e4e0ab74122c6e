"""Questions about tracks, events and change from scan to scan, in DuckDB SQL."""

from __future__ import annotations

_SCAN = "($sample = '' OR {0}.sample = $sample) AND ($t < 0 OR {0}.t = $t) AND ($kind = '' OR {0}.kind = $kind)"
_OF_F, _OF_G = _SCAN.format("f"), _SCAN.format("g")

_LINEAGE = """
    WITH RECURSIVE way AS (
        SELECT {other} AS id, 1 AS steps FROM next WHERE {this} = $feature
        UNION SELECT n.{other}, steps + 1 FROM way JOIN next n ON n.{this} = id WHERE steps < 30
    )
    SELECT feature_id, uid, t, min(steps)::BIGINT AS steps, kind, z, y, x, volume, equivalent_diameter, track_id
    FROM way JOIN features ON feature_id = id GROUP BY ALL ORDER BY steps, feature_id
"""

# {0}: the end of the links that this feature must not be; {1}: the end of the series that is left out.
_COME_OR_GONE = f"""
    SELECT f.feature_id, f.uid, f.sample, f.t, f.kind, f.z, f.y, f.x, f.volume, f.equivalent_diameter, s.reliable_diameter,
           (SELECT min(n.gap) FROM both_near n JOIN features c ON c.feature_id = n.b
            WHERE n.a = f.feature_id AND c.kind = 'fracture') AS fracture_gap, f.local_density, f.border_touching, f.track_id
    FROM features f JOIN scans s USING (scan_id)
    WHERE {_OF_F} AND f.feature_id NOT IN (SELECT {{0}} FROM next)
      AND f.t <> (SELECT {{1}}(t) FROM scans WHERE sample = f.sample)
    ORDER BY f.volume DESC, f.feature_id LIMIT $limit
"""

_GROWN = f"""
    SELECT f.*, g.volume / f.volume - 1 AS growth
    FROM features f JOIN next n ON n.source = f.feature_id JOIN features g ON g.feature_id = n.target
    WHERE n.event = 'continue' AND n.dt = 1 AND f.volume >= $volume_min AND {_OF_F}
      AND ($border = 'any' OR NOT (f.border_touching OR g.border_touching))
"""
_SUMMARY = """
    count(*) AS n_features, avg(growth) AS mean_growth, quantile_cont(growth, 0.25) AS p25_growth,
    median(growth) AS median_growth, quantile_cont(growth, 0.75) AS p75_growth
"""

SQL = {
    "feature-history": """
        SELECT g.feature_id, g.uid, g.track_id, g.t, s.time_s, s.strain, s.load_n, g.kind, g.z, g.y, g.x, g.volume,
               g.equivalent_diameter, g.sphericity, g.intensity_mean, g.local_density,
               (SELECT min(n.gap) FROM both_near n JOIN features c ON c.feature_id = n.b
                WHERE n.a = g.feature_id AND c.kind = 'fracture') AS fracture_gap, g.border_touching
        FROM features f JOIN features g USING (track_id) JOIN scans s ON s.scan_id = g.scan_id
        WHERE f.feature_id = $feature ORDER BY g.t, g.feature_id
    """,
    "ancestors": _LINEAGE.format(this="target", other="source"),
    "descendants": _LINEAGE.format(this="source", other="target"),
    "doubtful-links": f"""
        SELECT f.feature_id, f.uid, g.feature_id AS next_id, g.uid AS next_uid, f.sample, f.t, n.dt, f.kind, g.kind AS next_kind,
               n.event, n.confidence, n.iou, n.overlap, n.cost, f.z, f.y, f.x, f.volume, g.volume AS next_volume
        FROM next n JOIN features f ON f.feature_id = n.source JOIN features g ON g.feature_id = n.target
        WHERE n.confidence < $confidence_max AND {_OF_F} ORDER BY n.confidence, f.feature_id, g.feature_id LIMIT $limit
    """,
    "new-features": _COME_OR_GONE.format("target", "min"),
    "vanished-features": _COME_OR_GONE.format("source", "max"),
    "merged-features": f"""
        WITH part AS (
            SELECT n.*, f.volume, count(*) OVER w AS n_merged, sum(f.volume) OVER w AS volume_before,
                   count_if(event = 'merge') OVER w AS merges
            FROM next n JOIN features f ON f.feature_id = n.source WINDOW w AS (PARTITION BY n.target)
        )
        SELECT g.feature_id AS merged_id, g.uid AS merged, f.feature_id, f.uid AS feature, g.sample, g.t, p.dt, p.event, f.kind,
               g.kind AS merged_kind, n_merged, f.volume, volume_before, g.volume AS merged_volume,
               g.volume - volume_before AS volume_balance, g.volume / volume_before - 1 AS relative_balance, p.confidence
        FROM part p JOIN features f ON f.feature_id = p.source JOIN features g ON g.feature_id = p.target
        WHERE merges > 0 AND {_OF_G} ORDER BY g.feature_id, f.feature_id
    """,
    "split-features": f"""
        WITH part AS (
            SELECT n.*, count(*) OVER w AS n_parts, sum(g.volume) OVER w AS volume_after,
                   count_if(event = 'split') OVER w AS splits
            FROM next n JOIN features g ON g.feature_id = n.target WINDOW w AS (PARTITION BY n.source)
        )
        SELECT f.feature_id, f.uid AS feature, g.feature_id AS part_id, g.uid AS part, f.sample, f.t, p.dt, p.event, f.kind,
               g.kind AS part_kind, n_parts, f.volume, g.volume AS part_volume, volume_after,
               volume_after - f.volume AS volume_balance, volume_after / f.volume - 1 AS relative_balance, p.confidence
        FROM part p JOIN features f ON f.feature_id = p.source JOIN features g ON g.feature_id = p.target
        WHERE splits > 0 AND {_OF_F} ORDER BY f.feature_id, g.feature_id
    """,
    "swallowed-features": f"""
        WITH before AS (
            SELECT e.source AS d, e.target AS g, n.gap, c.contact_area
            FROM next e JOIN next p ON p.target = e.target JOIN features f ON f.feature_id = p.source AND f.kind = 'fracture'
            LEFT JOIN both_near n ON n.a = e.source AND n.b = p.source
            LEFT JOIN both_touches c ON c.a = e.source AND c.b = p.source
        )
        SELECT f.feature_id, f.uid AS feature, g.feature_id AS fracture_id, g.uid AS fracture, f.sample, f.t, e.dt, f.kind,
               (SELECT min(gap) FROM before b WHERE b.d = e.source AND b.g = e.target) AS gap,
               (SELECT sum(contact_area) FROM before b WHERE b.d = e.source AND b.g = e.target) AS contact_area,
               f.z, f.y, f.x, f.volume, f.equivalent_diameter, f.local_density, f.track_id
        FROM next e JOIN features f ON f.feature_id = e.source JOIN features g ON g.feature_id = e.target
        WHERE e.event = 'swallowed' AND {_OF_F} ORDER BY f.feature_id, g.feature_id
    """,
    "motion-between-scans": f"""
        WITH moved AS (
            SELECT f.scan_id, f.sample, f.t, f.kind, n.dt, g.z - f.z AS dz, g.y - f.y AS dy, g.x - f.x AS dx
            FROM next n JOIN features f ON f.feature_id = n.source JOIN features g ON g.feature_id = n.target
            WHERE n.event = 'continue' AND {_OF_F}
        )
        SELECT scan_id, sample, t, kind, dt, count(*) AS n_features, avg(dz) AS mean_dz, avg(dy) AS mean_dy, avg(dx) AS mean_dx,
               quantile_cont(dz, 0.75) - quantile_cont(dz, 0.25) AS spread_dz,
               quantile_cont(dy, 0.75) - quantile_cont(dy, 0.25) AS spread_dy,
               quantile_cont(dx, 0.75) - quantile_cont(dx, 0.25) AS spread_dx
        FROM moved GROUP BY scan_id, sample, t, kind, dt ORDER BY scan_id, kind, dt
    """,
    "growth-vs-neighbours": f"""
        SELECT kind, (SELECT count(*) FROM both_near n JOIN features d ON d.feature_id = n.b
                      WHERE n.a = grown.feature_id AND n.gap <= $gap_um AND ($neighbour_kind = '' OR d.kind = $neighbour_kind)
                     ) AS n_neighbours, {_SUMMARY}
        FROM ({_GROWN}) grown GROUP BY kind, n_neighbours ORDER BY kind, n_neighbours
    """,
    "growth-vs-density": f"""
        SELECT kind, floor(local_density / $bin_width) * $bin_width AS density_min,
               (floor(local_density / $bin_width) + 1) * $bin_width AS density_max, {_SUMMARY}
        FROM ({_GROWN}) WHERE local_density IS NOT NULL GROUP BY ALL ORDER BY kind, density_min
    """,
}
