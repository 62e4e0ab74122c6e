"""Questions and statements over HTTP: answers, what is cut, files, cancelling."""

from __future__ import annotations

import io
import threading
import time

import httpx
import numpy as np
import pandas as pd
import pytest

from tests.web.conftest import Served, serving
from xctgraph.explorer.limits import Limits
from xctgraph.queries import catalogue
from xctgraph.store import open_store
from xctgraph.store.errors import QueryError


def frame(answer: httpx.Response) -> pd.DataFrame:
    assert answer.status_code == 200, answer.text
    told = answer.json()
    return pd.DataFrame(dict(zip((c["name"] for c in told["columns"]), told["data"], strict=True)))


def test_form_of_each_question(served: Served) -> None:
    told = served.client.get("/api/questions").json()
    assert [q["name"] for q in told] == list(catalogue)
    for question in told:
        assert question["cypher"] == catalogue[question["name"]].text
        for parameter in question["parameters"]:
            assert f"${parameter['name']}" in question["cypher"]
            assert parameter["valid"]
            if not parameter["required"]:
                continue
            with pytest.raises(QueryError, match="is required"):
                catalogue[question["name"]].parse({})


def test_question_on_each_engine(on_engine: Served) -> None:
    with open_store(on_engine.store) as store:
        features = store.read("features").to_pandas()
    answer = on_engine.client.post("/api/questions/largest-features", json={"parameters": {"t": "1", "limit": 7}})
    rows = features[features.t == 1].sort_values(["volume", "feature_id"], ascending=[False, True])
    assert frame(answer).uid.tolist() == rows.uid[:7].tolist()
    units = {column["name"]: column["unit"] for column in answer.json()["columns"]}
    assert units["volume"] == "um^3"


def test_statements_on_each_engine(on_engine: Served) -> None:
    with open_store(on_engine.store) as store:
        features = store.read("features").to_pandas()
    counts = features.groupby("kind").size().to_dict()
    by_cypher = frame(on_engine.ask("cypher", "MATCH (f:Feature) RETURN f.kind AS kind, count(*) AS n ORDER BY kind"))
    by_sql = frame(on_engine.ask("sql", "SELECT kind, count(*) AS n FROM features GROUP BY kind ORDER BY kind"))
    for found in (by_cypher, by_sql):
        assert dict(zip(found.kind, found.n, strict=True)) == counts
    bound = on_engine.ask("cypher", "MATCH (f:Feature {t: $t}) RETURN count(*) AS n", parameters={"t": 1})
    assert frame(bound).n.tolist() == [(features.t == 1).sum()]


def test_whole_nodes_and_relationships_on_each_engine(on_engine: Served) -> None:
    with open_store(on_engine.store) as store:
        near = store.read("near").to_pandas()
    answer = on_engine.ask("cypher", "MATCH (a:Feature)-[e:NEAR]-(b) WHERE a.feature_id < b.feature_id RETURN a, e, b")
    found = frame(answer)
    assert list(found) == ["a_feature_id", "e_gap", "e_distance", "b_feature_id"]
    assert "RETURN a.feature_id AS `a_feature_id`" in answer.json()["asked"]
    assert answer.json()["warnings"] == []
    wanted = {(a, b): gap for a, b, gap in zip(near.source, near.target, near.gap, strict=True)}
    assert {(a, b): gap for a, b, gap in zip(found.a_feature_id, found.b_feature_id, found.e_gap, strict=True)} == wanted


def test_what_is_cut_is_counted(served: Served) -> None:
    with serving(served.store, limits=Limits(rows=10, workers=1)) as small:
        told = small.ask("sql", "SELECT * FROM range(1234)").json()
        assert (told["shown"], told["total"]) == (10, 1234)
        assert told["data"] == [list(range(10))]
        whole = small.client.post("/api/console?format=csv", json={"language": "sql", "text": "SELECT * FROM range(1234)"})
        assert len(whole.text.splitlines()) == 1235


STATEMENT = """
SELECT feature_id, kind, volume, sphericity, border_touching, [t, label] AS pair, 'a"b,\nµ' AS text FROM features ORDER BY 1
"""


def test_files_hold_the_whole_answer(served: Served) -> None:
    with open_store(served.store) as store:
        wanted = store.sql(STATEMENT).to_pandas()
    body = {"language": "sql", "text": STATEMENT}
    files = {form: served.client.post(f"/api/console?format={form}", json=body) for form in ("csv", "json", "parquet")}
    for form, answer in files.items():
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-disposition"] == f'attachment; filename="answer.{form}"'
    read = {
        "csv": pd.read_csv(io.BytesIO(files["csv"].content)),
        "json": pd.DataFrame(files["json"].json()),
        "parquet": pd.read_parquet(io.BytesIO(files["parquet"].content)),
    }
    for form, found in read.items():
        assert len(found) == len(wanted)
        for name in ("feature_id", "kind", "volume", "border_touching", "text"):
            assert found[name].tolist() == wanted[name].tolist(), (form, name)
        np.testing.assert_array_equal(found.sphericity.astype(float), wanted.sphericity)
    assert read["csv"]["pair"][0] == "[0, 1]"


def test_numbers_that_json_or_javascript_cannot_hold(served: Served) -> None:
    answer = served.ask("sql", "SELECT 9007199254740993 AS big, 'nan'::DOUBLE AS nan, '-inf'::DOUBLE AS low, NULL AS nothing")
    assert answer.json()["data"] == [["9007199254740993"], [None], [None], [None]]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("questions/largest", {}, 404, "there is no query 'largest'"),
        ("questions/largest-features", {}, 400, "parameter 't' is required"),
        ("questions/largest-features", {"parameters": {"t": 99}}, 400, "t = 99"),
        ("questions/largest-features", {"parameters": {"t": "two"}}, 400, "parameter t = 'two' is not valid"),
        ("questions/largest-features", {"parametres": {}}, 400, "parametres: Extra inputs are not permitted"),
        ("console", {"language": "cypher", "text": "MATCH (f:Feature) RETURN f.colour AS c"}, 400, "colour"),
        ("console", {"language": "cypher", "text": "MATCH (f:Feature {t: $t}) RETURN f.uid AS uid"}, 400, "uses $t"),
        ("console", {"language": "sql", "text": "SELECT nothing"}, 400, "nothing"),
        ("console", {"language": "gremlin", "text": "g.V()"}, 400, "language"),
        ("console", {"language": "sql", "text": "SELECT 1", "key": "../x"}, 400, "key"),
        ("console?format=xlsx", {"language": "sql", "text": "SELECT 1"}, 400, "format"),
    ],
)
def test_wrong_questions(served: Served, path: str, body: dict[str, object], status: int, words: str) -> None:
    answer = served.client.post(f"/api/{path}", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json().keys() == {"error"}
    assert words in answer.json()["error"]["message"]


def test_cancel(served: Served) -> None:
    slow = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 7"
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(served.ask("sql", slow, key="slow")))
    started = time.monotonic()
    thread.start()
    while not served.client.delete("/api/running/slow").json()["cancelled"]:
        assert time.monotonic() - started < 15
        time.sleep(0.05)
    thread.join()
    assert answers[0].status_code == 400
    assert "cancelled" in answers[0].json()["error"]["message"]
    ended = served.client.delete("/api/running/slow")
    assert (ended.status_code, ended.json()) == (200, {"cancelled": False})
    assert frame(served.ask("sql", "SELECT 7 AS n")).n.tolist() == [7]


def test_too_many_questions_are_turned_away(served: Served) -> None:
    slow = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 7"
    with serving(served.store, limits=Limits(seconds=3, workers=1, waiting=1)) as small:
        answers: list[httpx.Response] = []
        threads = [threading.Thread(target=lambda: answers.append(small.ask("sql", slow))) for _ in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        refused = small.ask("sql", "SELECT 1")
        assert refused.status_code == 503
        assert refused.json()["error"]["message"] == "2 questions wait for an answer: try again in some seconds"
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in answers] == [422, 422]
