"""Whole nodes and relationships in RETURN become properties, and nothing else of a text changes."""

from __future__ import annotations

import pytest

from xctgraph.queries import catalogue
from xctgraph.queries.whole import spelled_out

NEAR = "e.gap AS `e_gap`, e.distance AS `e_distance`"


@pytest.mark.parametrize(
    ("returned", "wanted"),
    [
        ("a, e, b LIMIT 3", f"a.feature_id AS `a_feature_id`, {NEAR}, b.feature_id AS `b_feature_id` LIMIT 3"),
        (
            "DISTINCT a AS first, count(*) AS n ORDER BY n",
            "DISTINCT a.feature_id AS `first_feature_id`, count(*) AS n ORDER BY n",
        ),
        ("`a`, a.volume AS v", "`a`.feature_id AS `a_feature_id`, a.volume AS v"),
        ("a.t AS t UNION MATCH (b:Track) RETURN b", "a.t AS t UNION MATCH (b:Track) RETURN b.track_id AS `b_track_id`"),
        ("'a, e' AS text // a, e\n, b", "'a, e' AS text // a, e\n, b.feature_id AS `b_feature_id`"),
    ],
)
def test_return_is_spelled_out(returned: str, wanted: str) -> None:
    before = "MATCH (a:Feature)-[e:NEAR]-(b) RETURN "
    assert spelled_out(before + returned) == before + wanted


def test_labels_follow_from_a_directed_relationship() -> None:
    wanted = "RETURN s.scan_id AS `s_scan_id`, 'CONTAINS' AS `c`, f.feature_id AS `f_feature_id`"
    assert spelled_out("MATCH (s)-[c:CONTAINS]->(f) RETURN s, c, f").endswith(wanted)
    assert spelled_out("MATCH (f)<-[c:CONTAINS]-(s) RETURN s, c, f").endswith(wanted)


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (s)-[:CONTAINS]-(f) RETURN s, f",
        "MATCH (a) RETURN a",
        "MATCH (a)-[e]-(b) RETURN e",
        "MATCH (a:Feature)-[e:NEAR*1..2]-(b:Feature) RETURN e",
        "MATCH p = (a:Feature)-[:NEAR]-(b:Feature) RETURN p",
        "MATCH (a:Feature) WITH a.volume AS a RETURN a",
        "MATCH (a:Feature) RETURN a.volume AS a",
        "MATCH (a:Feature) WITH a RETURN collect(a.uid) AS a",
        "RETURN 1 AS x",
        "",
        *(query.text for query in catalogue.values()),
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert spelled_out(text) == text
