"""The library queries once more, in DuckDB SQL on the parts: what both graph engines must answer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import duckdb
import pyarrow as pa

from tests.conformance import oracle_change, oracle_features
from xctgraph.store import Store

_SCAN = "($sample = '' OR sample = $sample)"
_FRACTURE = "f.kind = 'fracture' AND ($sample = '' OR f.sample = $sample) AND ($t < 0 OR f.t = $t)"
_KIND = "($kind = '' OR kind = $kind)"

_TRACK_ENDS = """
    SELECT k.track_id, k.sample, k.kind, k.lineage_id, k.t_first, k.t_last, k.n_features, a.volume AS volume_first,
           b.volume AS volume_last, b.feature_id, b.z, b.y, b.x
    FROM tracks k
    JOIN features a ON a.track_id = k.track_id AND a.t = k.t_first
    JOIN features b ON b.track_id = k.track_id AND b.t = k.t_last
    WHERE ($sample = '' OR k.sample = $sample) AND ($kind = '' OR k.kind = $kind)
      AND k.n_features >= $min_features AND k.t_last > k.t_first
"""

SQL = {
    "scan-quality": f"""
        SELECT scan_id, sample, t, acquired_at, snr, contrast, ring_strength, reliable_diameter, suspect, suspect_reason
        FROM scans WHERE {_SCAN} AND ($quality = 'any' OR suspect IS DISTINCT FROM true) ORDER BY scan_id
    """,
    "counts-and-volume-fraction": """
        WITH kinds AS (
            SELECT unnest(['inclusion', 'pore', 'fracture']) AS kind
            UNION SELECT kind FROM features JOIN scans s USING (scan_id)
            WHERE ($sample = '' OR s.sample = $sample) AND ($quality = 'any' OR s.suspect IS DISTINCT FROM true)
        )
        SELECT s.scan_id, s.sample, s.t, s.time_s, k.kind, count(f.feature_id) AS n_features,
               coalesce(sum(f.volume), 0) AS volume, s.material_volume,
               coalesce(sum(f.volume), 0) / s.material_volume AS volume_fraction
        FROM scans s CROSS JOIN kinds k LEFT JOIN features f ON f.scan_id = s.scan_id AND f.kind = k.kind
        WHERE ($sample = '' OR s.sample = $sample) AND ($quality = 'any' OR s.suspect IS DISTINCT FROM true)
        GROUP BY s.scan_id, s.sample, s.t, s.time_s, k.kind, s.material_volume ORDER BY s.scan_id, k.kind
    """,
    "largest-features": f"""
        SELECT * EXCLUDE (job_id) FROM features WHERE t = $t AND {_SCAN} AND {_KIND}
        ORDER BY volume DESC, feature_id LIMIT $limit
    """,
    "features-by-attributes": f"""
        SELECT feature_id, uid, sample, t, kind, z, y, x, n_voxels, volume, equivalent_diameter, surface_area, sphericity,
               axis_major_length, axis_intermediate_length, axis_minor_length, intensity_mean, local_density, border_touching,
               cluster_id, track_id
        FROM features
        WHERE {_SCAN} AND {_KIND} AND t BETWEEN $t_min AND $t_max
          AND volume BETWEEN $volume_min AND $volume_max
          AND equivalent_diameter BETWEEN $equivalent_diameter_min AND $equivalent_diameter_max
          AND sphericity BETWEEN $sphericity_min AND $sphericity_max
          AND z BETWEEN $z_min AND $z_max AND y BETWEEN $y_min AND $y_max AND x BETWEEN $x_min AND $x_max
          AND ($intensity_mean_min = -1.7e308 OR intensity_mean >= $intensity_mean_min)
          AND ($intensity_mean_max = 1.7e308 OR intensity_mean <= $intensity_mean_max)
          AND ($local_density_min = -1.7e308 OR local_density >= $local_density_min)
          AND ($local_density_max = 1.7e308 OR local_density <= $local_density_max)
          AND CASE $border WHEN 'any' THEN true WHEN 'inside' THEN NOT border_touching ELSE border_touching END
        ORDER BY feature_id LIMIT $limit
    """,
    "neighbours": """
        SELECT d.feature_id, d.uid, d.kind, n.gap, n.distance, c.contact_area, d.z, d.y, d.x, d.volume, d.equivalent_diameter,
               d.track_id
        FROM both_near n JOIN features d ON d.feature_id = n.b
        LEFT JOIN both_touches c ON c.a = n.a AND c.b = n.b
        WHERE n.a = $feature AND n.gap <= $gap_um AND ($kind = '' OR d.kind = $kind)
        ORDER BY n.gap, d.feature_id
    """,
    "density-around-features": f"""
        WITH around AS (
            SELECT n.a, count(*) AS n, sum(d.volume) AS volume, min(n.gap) AS gap
            FROM both_near n JOIN features d ON d.feature_id = n.b
            WHERE n.gap <= $gap_um AND ($neighbour_kind = '' OR d.kind = $neighbour_kind) GROUP BY n.a
        )
        SELECT feature_id, uid, sample, t, kind, z, y, x, equivalent_diameter, coalesce(n, 0) AS n_neighbours,
               coalesce(around.volume, 0) AS neighbour_volume, gap AS nearest_gap, local_density, border_touching
        FROM features LEFT JOIN around ON around.a = feature_id
        WHERE t = $t AND {_SCAN} AND {_KIND}
        ORDER BY n_neighbours DESC, local_density DESC NULLS LAST, feature_id LIMIT $limit
    """,
    "track-growth": f"""
        SELECT track_id, sample, kind, lineage_id, t_first, t_last, n_features, volume_first, volume_last,
               volume_last - volume_first AS growth, (volume_last - volume_first) / (t_last - t_first) AS growth_per_scan,
               volume_last / volume_first - 1 AS relative_growth
        FROM ({_TRACK_ENDS}) ORDER BY track_id LIMIT $limit
    """,
    "births-deaths-splits-merges": f"""
        WITH ends AS (SELECT sample, min(t) AS first, max(t) AS last FROM scans GROUP BY sample),
        flags AS (
            SELECT scan_id, border_touching AS border,
                   feature_id NOT IN (SELECT target FROM next) AS born,
                   feature_id NOT IN (SELECT source FROM next) AS dead,
                   feature_id IN (SELECT target FROM next WHERE event = 'merge') AS merged,
                   feature_id IN (SELECT source FROM next WHERE event = 'split') AS split,
                   feature_id IN (SELECT source FROM next WHERE event = 'swallowed') AS swallowed
            FROM features WHERE {_KIND}
        )
        SELECT s.scan_id, s.sample, s.t, count(born) AS n_features,
               CASE WHEN s.t > first THEN count(*) FILTER (born) END AS births,
               CASE WHEN s.t > first THEN count(*) FILTER (born AND border) END AS births_at_border,
               CASE WHEN s.t > first THEN count(*) FILTER (merged) END AS merges,
               CASE WHEN s.t < last THEN count(*) FILTER (dead) END AS deaths,
               CASE WHEN s.t < last THEN count(*) FILTER (dead AND border) END AS deaths_at_border,
               CASE WHEN s.t < last THEN count(*) FILTER (split) END AS splits,
               CASE WHEN s.t < last THEN count(*) FILTER (swallowed) END AS swallowed
        FROM scans s JOIN ends e ON e.sample = s.sample LEFT JOIN flags ON flags.scan_id = s.scan_id
        WHERE ($sample = '' OR s.sample = $sample)
        GROUP BY s.scan_id, s.sample, s.t, first, last ORDER BY s.scan_id
    """,
    "near-fracture-then-reached": """
        WITH pairs AS (
            SELECT f.feature_id AS f, d.feature_id AS d, n.gap
            FROM both_near n JOIN features f ON f.feature_id = n.a JOIN features d ON d.feature_id = n.b
            WHERE f.kind = 'fracture' AND d.kind <> 'fracture' AND n.gap <= $gap_um
              AND ($sample = '' OR f.sample = $sample) AND ($t < 0 OR f.t = $t)
        ),
        swallowed AS (
            SELECT DISTINCT f, d FROM pairs JOIN next g ON g.source = f JOIN next e ON e.source = d AND e.event = 'swallowed'
            WHERE e.target = g.target
        ),
        touching AS (
            SELECT DISTINCT f, d FROM pairs JOIN next g ON g.source = f JOIN next e ON e.source = d
            JOIN both_touches c ON c.a = e.target AND c.b = g.target
        )
        SELECT p.f AS fracture_id, ff.uid AS fracture, p.d AS feature_id, dd.uid AS feature, ff.sample, ff.t, dd.kind, p.gap,
               (SELECT contact_area FROM both_touches c WHERE c.a = p.f AND c.b = p.d) AS contact_area,
               CASE WHEN (p.f, p.d) IN (SELECT (f, d) FROM swallowed) THEN 'swallowed' ELSE 'touches' END AS outcome,
               dd.volume, dd.equivalent_diameter, dd.local_density, dd.track_id
        FROM pairs p JOIN features ff ON ff.feature_id = p.f JOIN features dd ON dd.feature_id = p.d
        WHERE (p.f, p.d) IN (SELECT (f, d) FROM swallowed UNION SELECT (f, d) FROM touching)
        ORDER BY p.f, p.d
    """,
    "fastest-growing-tracks": f"""
        SELECT track_id, sample, kind, t_first, t_last, n_features, volume_first, volume_last,
               (volume_last - volume_first) / (t_last - t_first) AS growth_per_scan,
               (volume_last - volume_first) / (t_last - t_first) / volume_first AS relative_growth_per_scan, feature_id, z, y, x
        FROM ({_TRACK_ENDS}) WHERE volume_first >= $volume_min
        ORDER BY CASE $by WHEN 'relative' THEN relative_growth_per_scan ELSE growth_per_scan END DESC, track_id LIMIT $limit
    """,
    "fracture-growth-vs-density": """
        WITH successor AS (
            SELECT DISTINCT f.feature_id AS f, g.feature_id AS g, g.volume
            FROM features f JOIN next n ON n.source = f.feature_id JOIN features g ON g.feature_id = n.target
            WHERE f.kind = 'fracture' AND g.kind = 'fracture'
              AND ($sample = '' OR f.sample = $sample) AND ($t < 0 OR f.t = $t)
        ),
        after AS (SELECT f, count(*) AS n, sum(volume) AS volume FROM successor GROUP BY f),
        merged AS (
            SELECT f, count(*) AS n, sum(volume) AS volume FROM (
                SELECT DISTINCT s.f, h.feature_id, h.volume
                FROM successor s JOIN next n ON n.target = s.g JOIN features h ON h.feature_id = n.source
                WHERE h.kind = 'fracture' AND h.feature_id <> s.f
            ) GROUP BY f
        ),
        beside AS (
            SELECT a.f, d.feature_id AS d, d.volume, d.local_density, n.gap,
                   d.feature_id IN (SELECT source FROM next) AS linked,
                   EXISTS (SELECT 1 FROM next e JOIN successor s ON s.f = a.f
                           WHERE e.source = d.feature_id AND (e.target = s.g OR EXISTS (
                               SELECT 1 FROM both_touches c WHERE c.a = e.target AND c.b = s.g))) AS reached
            FROM after a JOIN both_near n ON n.a = a.f JOIN features d ON d.feature_id = n.b
            WHERE d.kind <> 'fracture' AND n.gap <= $radius_um
              AND NOT EXISTS (SELECT 1 FROM both_touches c WHERE c.a = n.a AND c.b = n.b)
        ),
        summary AS (
            SELECT f, count(*) AS n_near, sum(volume) AS volume_near, count(*) FILTER (reached) AS n_reached,
                   count(*) FILTER (linked AND NOT reached) AS n_not_reached, count(*) FILTER (NOT linked) AS n_lost,
                   avg(local_density) FILTER (reached) AS density_reached,
                   avg(local_density) FILTER (linked AND NOT reached) AS density_not_reached,
                   avg(gap) FILTER (reached) AS gap_reached, avg(gap) FILTER (linked AND NOT reached) AS gap_not_reached
            FROM beside GROUP BY f
        ),
        front AS (
            SELECT feature_id AS f, count(advance_um) AS n_sites, count(*) FILTER (advanced) AS n_advanced,
                   avg(local_density) FILTER (advanced) AS density_advanced,
                   avg(local_density) FILTER (NOT advanced) AS density_not_advanced
            FROM front_sites GROUP BY feature_id
        )
        SELECT f.feature_id AS fracture_id, f.uid AS fracture, f.sample, f.t, a.n AS n_successors, coalesce(m.n, 0) AS n_merged,
               f.volume, a.volume - f.volume - coalesce(m.volume, 0) AS growth,
               (a.volume - f.volume - coalesce(m.volume, 0)) / f.volume AS relative_growth,
               coalesce(n_near, 0) AS n_near, coalesce(volume_near, 0) AS volume_near, coalesce(n_reached, 0) AS n_reached,
               coalesce(n_not_reached, 0) AS n_not_reached, coalesce(n_lost, 0) AS n_lost, density_reached, density_not_reached,
               density_reached - density_not_reached AS density_difference, gap_reached, gap_not_reached,
               coalesce(n_sites, 0) AS n_sites, coalesce(n_advanced, 0) AS n_advanced, density_advanced, density_not_advanced
        FROM after a JOIN features f ON f.feature_id = a.f LEFT JOIN merged m ON m.f = a.f LEFT JOIN summary s ON s.f = a.f
        LEFT JOIN front p ON p.f = a.f
        ORDER BY f.feature_id
    """,
    "sites-advanced-vs-density": f"""
        SELECT f.feature_id AS fracture_id, f.uid AS fracture, f.sample, f.t, count(*) AS n_sites,
               count(*) FILTER (p.advanced) AS n_advanced, avg(p.advance_um) AS mean_advance,
               avg(p.local_density) FILTER (p.advanced) AS density_advanced,
               avg(p.local_density) FILTER (NOT p.advanced) AS density_not_advanced,
               avg(p.local_density) FILTER (p.advanced) - avg(p.local_density) FILTER (NOT p.advanced) AS density_difference,
               covar_pop(p.advance_um, p.local_density) AS covariance
        FROM features f JOIN front_sites p USING (feature_id) WHERE p.advance_um IS NOT NULL AND {_FRACTURE}
        GROUP BY f.feature_id, f.uid, f.sample, f.t ORDER BY f.feature_id
    """,
    "defects-ahead-of-the-front": f"""
        SELECT f.feature_id AS fracture_id, f.uid AS fracture, d.feature_id, d.uid AS feature, f.sample, f.t, d.kind,
               count(*) AS n_sites, min(e.gap) AS gap, d.equivalent_diameter, d.local_density, d.track_id
        FROM features f JOIN front_sites p USING (feature_id) JOIN faces e ON e.source = p.site_id
        JOIN features d ON d.feature_id = e.target WHERE e.gap <= $gap_um AND {_FRACTURE}
        GROUP BY ALL ORDER BY f.feature_id, d.feature_id
    """,
    "front-advance-by-scan": """
        SELECT s.scan_id, s.sample, s.t, count(DISTINCT f.feature_id) AS n_fractures, count(site_id) AS n_sites,
               coalesce(sum(p.front_length), 0) AS front_length, count(advance_um) AS n_known,
               count(*) FILTER (advanced) AS n_advanced, avg(advance_um) AS mean_advance, max(advance_um) AS largest_advance,
               avg(p.local_density) AS local_density, avg(p.opening) AS opening
        FROM scans s LEFT JOIN features f ON f.scan_id = s.scan_id AND f.kind = 'fracture'
        LEFT JOIN front_sites p USING (feature_id)
        WHERE ($sample = '' OR s.sample = $sample) GROUP BY s.scan_id, s.sample, s.t ORDER BY s.scan_id
    """,
    "fracture-geometry": f"""
        SELECT feature_id, uid, sample, t, track_id, volume, n_patches, fracture_area, tortuosity, opening_mean, opening_max,
               load_angle, fracture_length, front_length
        FROM features f WHERE {_FRACTURE} ORDER BY feature_id
    """,
    "swallowed-after-faced": f"""
        WITH faced AS (
            SELECT f.feature_id AS f, e.target AS d, min(e.gap) AS gap
            FROM features f JOIN front_sites p USING (feature_id) JOIN faces e ON e.source = p.site_id
            WHERE e.gap <= $gap_um AND {_FRACTURE} GROUP BY ALL
        ),
        fate AS (
            SELECT f, d, gap, d IN (SELECT source FROM next WHERE event = 'swallowed') AS swallowed,
                   d NOT IN (SELECT source FROM next) AS lost
            FROM faced
        )
        SELECT f.feature_id AS fracture_id, f.uid AS fracture, f.sample, f.t, count(*) AS n_faced,
               count(*) FILTER (swallowed) AS n_swallowed, count(*) FILTER (lost) AS n_lost,
               count(*) FILTER (NOT swallowed AND NOT lost) AS n_left, avg(gap) FILTER (swallowed) AS gap_swallowed,
               avg(gap) FILTER (NOT swallowed AND NOT lost) AS gap_left
        FROM fate JOIN features f ON f.feature_id = fate.f
        GROUP BY f.feature_id, f.uid, f.sample, f.t ORDER BY f.feature_id
    """,
    "regions-damage": """
        WITH beside AS (
            SELECT source AS a, target AS b FROM adjacent UNION ALL SELECT target, source FROM adjacent
        ),
        counted AS (
            SELECT a, count(*) AS n, count(*) FILTER (fracture_area > 0) AS cracked
            FROM beside JOIN regions ON region_id = b GROUP BY a
        )
        SELECT r.region_id, r.sample, r.t, r.ref_z, r.ref_y, r.ref_x, r.inclusion_fraction, r.pore_fraction, r.strain,
               r.fracture_area, n.fracture_area - r.fracture_area AS area_growth,
               n.pore_fraction - r.pore_fraction AS pore_growth,
               coalesce(c.n, 0) AS n_adjacent, coalesce(c.cracked, 0) AS n_adjacent_cracked
        FROM regions r LEFT JOIN counted c ON c.a = r.region_id LEFT JOIN next_region e ON e.source = r.region_id
        LEFT JOIN regions n ON n.region_id = e.target
        WHERE ($t < 0 OR r.t = $t) AND ($sample = '' OR r.sample = $sample) ORDER BY r.region_id
    """,
    **oracle_features.SQL,
    **oracle_change.SQL,
}


def connect(store: Store) -> duckdb.DuckDBPyConnection:
    """The tables of the store in DuckDB, read from the parts, with both directions of NEAR and TOUCHES."""
    connection = duckdb.connect()
    names = ("samples", "scans", "features", "tracks", "near", "touches", "next")
    for name in (*names, "front_sites", "faces", "regions", "adjacent", "next_region"):
        part = store.read(name)
        connection.register("part", part)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM part")
    for name, value in (("near", "gap, distance"), ("touches", "contact_area")):
        connection.execute(
            f"CREATE TABLE both_{name} AS SELECT source AS a, target AS b, {value} FROM {name} "
            f"UNION ALL SELECT target, source, {value} FROM {name}"
        )
    return connection


def answer(connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, object] | None = None) -> pa.Table:
    """Rows of `sql` with the parameters that it uses."""
    used = {name: value for name, value in (values or {}).items() if f"${name}" in sql}
    return connection.sql(sql, params=used).to_arrow_table()


def assert_same(found: pa.Table, expected: pa.Table, what: object) -> None:
    """Equal columns, rows and order; floats to 1e-9."""
    assert found.column_names == expected.column_names, what
    assert found.num_rows == expected.num_rows, (what, found.to_pylist(), expected.to_pylist())
    for i, (one, other) in enumerate(zip(found.to_pylist(), expected.to_pylist(), strict=True)):
        for name, value in one.items():
            assert _same(value, other[name]), (what, f"row {i}, {name}: {value!r} is not {other[name]!r}")


def _same(a: object, b: object) -> bool:
    if isinstance(a, float) and b is not None:
        return math.isclose(a, float(str(b)), rel_tol=1e-9, abs_tol=1e-9)
    return a == b and (a is None) == (b is None)
