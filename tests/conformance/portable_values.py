"""Portable Cypher about values: conditions, nulls, arithmetic, strings, aggregates. Name: (Cypher, parameters, SQL)."""

from __future__ import annotations

from collections.abc import Mapping

_F = "MATCH (f:Feature)"
_ID = "feature_id AS id"

CASES: Mapping[str, tuple[str, dict[str, object], str]] = {
    "a condition on null is not true": (
        f"{_F} WHERE NOT f.local_density > 0.02 RETURN f.feature_id AS id ORDER BY id",
        {},
        f"SELECT {_ID} FROM features WHERE NOT local_density > 0.02 ORDER BY id",
    ),
    "null OR true": (
        f"{_F} WHERE f.local_density > 0.02 OR f.intensity_mean > 120.0 RETURN f.feature_id AS id ORDER BY id",
        {},
        f"SELECT {_ID} FROM features WHERE local_density > 0.02 OR intensity_mean > 120 ORDER BY id",
    ),
    "XOR": (
        f"{_F} WHERE (f.t = 1) XOR (f.kind = 'pore') RETURN f.feature_id AS id ORDER BY id",
        {},
        f"SELECT {_ID} FROM features WHERE (t = 1) <> (kind = 'pore') ORDER BY id",
    ),
    "IS NULL": (
        f"{_F} WHERE f.local_density IS NULL AND f.intensity_mean IS NOT NULL RETURN f.feature_id AS id ORDER BY id",
        {},
        f"SELECT {_ID} FROM features WHERE local_density IS NULL AND intensity_mean IS NOT NULL ORDER BY id",
    ),
    "null is in no list": (
        f"{_F} WHERE f.euler_number IN [0, 1] RETURN f.feature_id AS id ORDER BY id",
        {},
        f"SELECT {_ID} FROM features WHERE euler_number IN (0, 1) ORDER BY id",
    ),
    "NOT IN": (
        f"{_F} WHERE NOT f.euler_number IN [0, 1] RETURN f.feature_id AS id ORDER BY id",
        {},
        f"SELECT {_ID} FROM features WHERE euler_number NOT IN (0, 1) ORDER BY id",
    ),
    "<> of text": (
        f"{_F} WHERE f.kind <> 'pore' AND f.sample <> $sample RETURN f.feature_id AS id ORDER BY id",
        {"sample": "S2"},
        f"SELECT {_ID} FROM features WHERE kind <> 'pore' AND sample <> $sample ORDER BY id",
    ),
    "order of text": (
        f"{_F} WHERE f.uid >= 'S1/1/5' AND f.uid < 'S2' RETURN f.uid AS uid ORDER BY uid",
        {},
        "SELECT uid FROM features WHERE uid >= 'S1/1/5' AND uid < 'S2' ORDER BY uid",
    ),
    "regular expression of the whole text": (
        f"{_F} WHERE f.uid =~ '.*/1[0-9]' RETURN f.uid AS uid ORDER BY uid",
        {},
        "SELECT uid FROM features WHERE regexp_full_match(uid, '.*/1[0-9]') ORDER BY uid",
    ),
    "text joined, its length, its cases": (
        f"{_F} RETURN f.feature_id AS id, f.kind + '/' + f.sample AS place, size(f.uid) AS length, upper(f.kind) AS large, "
        "lower(f.sample) AS small ORDER BY id",
        {},
        f"SELECT {_ID}, kind || '/' || sample AS place, length(uid) AS length, upper(kind) AS large, lower(sample) AS small "
        "FROM features ORDER BY id",
    ),
    "true and false": (
        f"{_F} RETURN f.feature_id AS id, f.border_touching AND f.t > 0 AS later, NOT f.border_touching AS inside ORDER BY id",
        {},
        f"SELECT {_ID}, border_touching AND t > 0 AS later, NOT border_touching AS inside FROM features ORDER BY id",
    ),
    "CASE of a value": (
        f"{_F} RETURN f.feature_id AS id, CASE f.kind WHEN 'pore' THEN 1 WHEN 'fracture' THEN 2 END AS code ORDER BY id",
        {},
        f"SELECT {_ID}, CASE kind WHEN 'pore' THEN 1 WHEN 'fracture' THEN 2 END AS code FROM features ORDER BY id",
    ),
    "CASE in CASE": (
        f"{_F} RETURN f.feature_id AS id, CASE WHEN f.kind = 'pore' THEN CASE WHEN f.volume > 900.0 THEN 'large' ELSE "
        "'small' END "
        "ELSE 'other' END AS class ORDER BY id",
        {},
        f"SELECT {_ID}, CASE WHEN kind = 'pore' THEN CASE WHEN volume > 900 THEN 'large' ELSE 'small' END ELSE 'other' "
        "END AS class "
        "FROM features ORDER BY id",
    ),
    "the first that is not null": (
        f"{_F} RETURN f.feature_id AS id, coalesce(f.local_density, f.confidence, -1.0) AS first ORDER BY id",
        {},
        f"SELECT {_ID}, coalesce(local_density, confidence, -1) AS first FROM features ORDER BY id",
    ),
    "remainder below 0": (
        f"{_F} RETURN f.feature_id AS id, (f.t - 9) % 4 AS rest, (f.t - 9) / 4 AS whole ORDER BY id",
        {},
        f"SELECT {_ID}, (t - 9) % 4 AS rest, trunc((t - 9) / 4)::BIGINT AS whole FROM features ORDER BY id",
    ),
    "what an id is made of": (
        f"{_F} RETURN f.uid AS uid, f.feature_id / 17592186044416 AS sample_no, f.feature_id % 2147483648 AS label ORDER BY uid",
        {},
        "SELECT uid, feature_id >> 44 AS sample_no, label FROM features ORDER BY uid",
    ),
    "angles": (
        f"{_F} WHERE f.major_z IS NOT NULL RETURN f.feature_id AS id, acos(f.major_z) AS tilt, degrees(acos(f.major_z)) "
        "AS degrees_, "
        "cos(f.z) AS c, sin(f.z) AS s, pi() AS p ORDER BY id",
        {},
        f"SELECT {_ID}, acos(major_z) AS tilt, degrees(acos(major_z)) AS degrees_, cos(z) AS c, sin(z) AS s, pi() AS p "
        "FROM features WHERE major_z IS NOT NULL ORDER BY id",
    ),
    "to the nearest step": (
        f"{_F} RETURN f.feature_id AS id, floor(f.z / 5.0 + 0.5) * 5.0 AS step ORDER BY id",
        {},
        f"SELECT {_ID}, floor(z / 5 + 0.5) * 5 AS step FROM features ORDER BY id",
    ),
    "parameters in expressions": (
        f"{_F} WHERE f.t = $t RETURN f.feature_id AS id, f.volume * $factor AS scaled, $name AS name ORDER BY id",
        {"t": 2, "factor": 0.5, "name": "it's β"},
        f"SELECT {_ID}, volume * $factor AS scaled, $name AS name FROM features WHERE t = $t ORDER BY id",
    ),
    "smallest and largest text": (
        f"{_F} RETURN f.t AS t, min(f.uid) AS low, max(f.kind) AS high ORDER BY t",
        {},
        "SELECT t, min(uid) AS low, max(kind) AS high FROM features GROUP BY t ORDER BY t",
    ),
    "aggregates of expressions": (
        f"{_F} RETURN f.kind AS kind, avg((f.z - 50.0) ^ 2) AS second, max(f.z - f.y) AS most, min(abs(f.x - 50.0)) AS "
        "least ORDER BY kind",
        {},
        "SELECT kind, avg((z - 50) ** 2) AS second, max(z - y) AS most, min(abs(x - 50)) AS least FROM features GROUP BY kind "
        "ORDER BY kind",
    ),
    "conditions counted and summed": (
        f"{_F} RETURN f.t AS t, count(CASE WHEN f.kind = 'pore' THEN 1 END) AS pores, "
        "coalesce(sum(CASE WHEN f.kind = 'pore' THEN f.volume ELSE 0.0 END), 0.0) AS volume ORDER BY t",
        {},
        "SELECT t, count(*) FILTER (kind = 'pore') AS pores, coalesce(sum(volume) FILTER (kind = 'pore'), 0) AS volume "
        "FROM features GROUP BY t ORDER BY t",
    ),
    "groups of an expression": (
        f"{_F} RETURN floor(f.volume / 500.0) AS bin, count(*) AS n ORDER BY bin",
        {},
        "SELECT floor(volume / 500) AS bin, count(*) AS n FROM features GROUP BY bin ORDER BY bin",
    ),
    "null is a group": (
        f"{_F} RETURN f.euler_number AS euler, count(*) AS n ORDER BY euler",
        {},
        "SELECT euler_number AS euler, count(*) AS n FROM features GROUP BY euler ORDER BY euler NULLS LAST",
    ),
    "quantiles at the ends, without nulls": (
        f"{_F} RETURN f.kind AS kind, percentileCont(f.local_density, 0.0) AS low, percentileCont(f.local_density, "
        "0.25) AS quarter, "
        "percentileDisc(f.local_density, 1.0) AS high ORDER BY kind",
        {},
        "SELECT kind, min(local_density) AS low, quantile_cont(local_density, 0.25) AS quarter, max(local_density) AS high "
        "FROM features GROUP BY kind ORDER BY kind",
    ),
    "quantile of nothing but nulls": (
        f"{_F} WHERE f.local_density IS NULL RETURN count(*) AS n, percentileCont(f.local_density, 0.5) AS median",
        {},
        "SELECT count(*) AS n, NULL::DOUBLE AS median FROM features WHERE local_density IS NULL",
    ),
    "an aggregate of aggregates": (
        f"{_F} WITH f.kind AS kind, f.scan_id AS scan, count(*) AS n RETURN kind, avg(n) AS mean, max(n) AS most ORDER BY kind",
        {},
        "SELECT kind, avg(n) AS mean, max(n) AS most FROM (SELECT kind, scan_id, count(*) AS n FROM features GROUP BY ALL) "
        "GROUP BY kind ORDER BY kind",
    ),
    "different rows": (
        f"{_F} RETURN DISTINCT f.kind AS kind, f.t AS t ORDER BY kind, t DESC",
        {},
        "SELECT DISTINCT kind, t FROM features ORDER BY kind, t DESC",
    ),
    "different rows counted": (
        f"{_F} WITH DISTINCT f.kind AS kind, f.border_touching AS border RETURN count(*) AS n",
        {},
        "SELECT count(*) AS n FROM (SELECT DISTINCT kind, border_touching FROM features)",
    ),
    "order by what is not returned": (
        f"{_F} RETURN f.uid AS uid ORDER BY f.volume DESC, f.feature_id SKIP 3 LIMIT 7",
        {},
        "SELECT uid FROM features ORDER BY volume DESC, feature_id LIMIT 7 OFFSET 3",
    ),
    "order by an expression": (
        f"{_F} RETURN f.uid AS uid, abs(f.z - 50.0) AS off ORDER BY off DESC, uid",
        {},
        "SELECT uid, abs(z - 50) AS off FROM features ORDER BY off DESC, uid",
    ),
    "numbers in a range": (
        "UNWIND range(0, 4) AS i RETURN i, i * i AS square ORDER BY i",
        {},
        "SELECT i, i * i AS square FROM range(5) t(i) ORDER BY i",
    ),
    "lists multiplied": (
        "UNWIND [1, 2] AS i UNWIND ['a', 'b'] AS letter RETURN i, letter ORDER BY i, letter",
        {},
        "SELECT i, letter FROM (VALUES (1), (2)) a(i), (VALUES ('a'), ('b')) b(letter) ORDER BY i, letter",
    ),
}
