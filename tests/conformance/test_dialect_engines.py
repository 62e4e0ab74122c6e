"""What the dialect check calls not portable indeed differs: the two engines give other answers, or one gives none."""

from __future__ import annotations

from collections.abc import Iterator

import ladybug
import numpy as np
import pandas as pd
import pytest
from neo4j.exceptions import Neo4jError

from tests import factories
from tests.conformance import graphs
from tests.conftest import neo4j_driver, wipe_neo4j
from xctgraph.queries import dialect
from xctgraph.store import Store, open_store
from xctgraph.store.errors import XctGraphError

_F = "MATCH (f:Feature) WHERE f.t = 0"

EXAMPLES = {
    "log()": f"{_F} RETURN log(f.volume) AS x ORDER BY f.feature_id",
    "ln()": f"{_F} RETURN ln(f.volume) AS x",
    "substring()": f"{_F} RETURN substring(f.uid, 0, 2) AS x",
    "id()": f"{_F} RETURN id(f) AS x",
    "elementid()": f"{_F} RETURN elementId(f) AS x",
    "labels()": f"{_F} RETURN labels(f) AS x",
    "label()": f"{_F} RETURN label(f) AS x",
    "type()": "MATCH (:Feature)-[r:NEAR]->(:Feature) RETURN type(r) AS x",
    "timestamp()": "RETURN timestamp() AS x",
    "datetime()": "RETURN datetime() AS x",
    "point()": f"{_F} RETURN point({{x: f.x, y: f.y}}) AS x",
    "reduce()": "RETURN reduce(s = 0, x IN [1, 2] | s + x) AS x",
    "head()": f"{_F} RETURN head(collect(f.t)) AS x",
    "last()": f"{_F} RETURN last(collect(f.t)) AS x",
    "split()": f"{_F} RETURN split(f.uid, '/') AS x",
    "exp()": "RETURN exp(1.0) AS x",
    "e()": "RETURN e() AS x",
    "stdev()": f"{_F} RETURN stDev(f.volume) AS x",
    "tointeger()": "RETURN toInteger('7') AS x",
    "tofloat()": "RETURN toFloat('7') AS x",
    "cast()": f"{_F} RETURN cast(f.t, 'STRING') AS x",
    "startnode()": "MATCH (:Feature)-[r:NEAR]->(:Feature) RETURN startNode(r).uid AS x",
    "shortestpath()": "MATCH p = shortestPath((a:Feature)-[:NEAR*1..3]-(b:Feature)) WHERE a.feature_id = 1 RETURN length(p) AS x",
    "round()": "RETURN round(2.4) AS x",
    "round(x, n)": "RETURN round(-2.5, 0) AS x",
    "sum of no values": "MATCH (f:Feature) WHERE f.t < 0 RETURN sum(f.volume) AS x",
    "list index": "RETURN [3, 4, 5][1] AS x",
    "list slice": "RETURN [3, 4, 5][1..2] AS x",
    "list comprehension": "RETURN [x IN [1, 2] | x + 1] AS x",
    "pattern comprehension": f"{_F} RETURN [(f)-[:NEAR]-(g:Feature) | g.uid] AS x",
    "parameter $end": "MATCH (f:Feature) WHERE f.t < $end RETURN count(*) AS x",
    "name order": f"{_F} RETURN count(*) AS order",
    "map projection f {.name}": f"{_F} RETURN f {{.uid}} AS x",
    "[:A|:B]": "MATCH (:Feature)-[r:NEAR|:TOUCHES]->(:Feature) RETURN count(r) AS x",
    "EXISTS { (…) }": f"{_F} AND EXISTS {{ (f)-[:NEAR]-(:Feature) }} RETURN count(*) AS x",
    "COUNT { (…) }": f"{_F} RETURN COUNT {{ (f)-[:NEAR]-(:Feature) }} AS x ORDER BY x",
    "COLLECT { … }": f"{_F} RETURN COLLECT {{ MATCH (f)-[:NEAR]-(g:Feature) RETURN g.uid }} AS x",
    "CALL { … }": f"{_F} CALL (f) {{ MATCH (f)-[:NEAR]-(g:Feature) RETURN count(g) AS n }} RETURN n ORDER BY n",
    "WITH … ORDER BY without LIMIT": f"{_F} WITH f ORDER BY f.volume RETURN f.uid AS x",
    "WHERE inside a pattern": "MATCH (f:Feature WHERE f.t = 0) RETURN count(*) AS x",
    "two relationships of one type in a MATCH": "MATCH (a:Feature)-[:NEAR]-(b:Feature)-[:NEAR]-(c:Feature) RETURN count(*) AS x",
    "condition on a relationship between two others": (
        "MATCH (j:Track)<-[:OF]-(a:Feature)-[r:NEXT]->(b:Feature)-[:OF]->(k:Track) WHERE r.dt = 1 RETURN count(*) AS x"
    ),
    "label Featur": "MATCH (f:Featur) RETURN count(*) AS x",
    "relationship NEARBY": "MATCH (:Feature)-[r:NEARBY]->(:Feature) RETURN count(r) AS x",
    "property f.voulme": f"{_F} RETURN f.voulme AS x",
    "property r.volume": "MATCH (:Feature)-[r:NEAR]->(:Feature) RETURN r.volume AS x",
    "(:A:B)": "MATCH (f:Feature:Track) RETURN count(*) AS x",
    "* SHORTEST": "MATCH p = (a:Feature {feature_id: 1})-[:NEAR* SHORTEST 1..3]-(b:Feature) RETURN count(*) AS x",
    "* without direction": "MATCH (a:Feature)-[:NEAR*2..3]-(b:Feature) WHERE a.feature_id = 1 RETURN count(*) AS x",
    "a < b < c": "MATCH (f:Feature) RETURN count(CASE WHEN 0 < f.volume < 1000000 THEN 1 END) AS x",
    "RETURN f": f"{_F} RETURN f",
    "AS f": f"{_F} RETURN f.uid AS f ORDER BY f",
    "all(… IN relationships(p)) over paths of several lengths": (
        "MATCH p = (a:Feature)-[:NEXT*2..3]->(b:Feature) WHERE all(n IN relationships(p) WHERE n.event = 'continue') "
        "RETURN count(*) AS x"
    ),
    "(e, n | WHERE …)": "MATCH (a:Feature)-[:NEXT*1..3 (e, n | WHERE e.iou > 0.5)]->(b:Feature) RETURN count(*) AS x",
    "* TRAIL": "MATCH (a:Feature {feature_id: 1})-[:NEAR* TRAIL 1..2]-(b:Feature) RETURN count(*) AS x",
    "* ACYCLIC": "MATCH (a:Feature {feature_id: 1})-[:NEAR* ACYCLIC 1..2]-(b:Feature) RETURN count(*) AS x",
    "WITH … ORDER BY … and collect": f"{_F} WITH f ORDER BY f.volume LIMIT 5 RETURN collect(f.uid) AS x",
    "date()": "RETURN date() AS x",
    "endnode()": "MATCH (:Feature)-[r:NEAR]->(:Feature) RETURN endNode(r).uid AS x",
    "allshortestpaths()": (
        "MATCH p = allShortestPaths((a:Feature)-[:NEAR*1..3]-(b:Feature)) WHERE a.feature_id = 1 AND b.feature_id = 2 "
        "RETURN length(p) AS x"
    ),
    "point.distance()": f"{_F} RETURN point.distance(point({{x: f.x, y: f.y}}), point({{x: 0.0, y: 0.0}})) AS x",
}
# What our own way to an engine hides: it converts sums, allows longer paths, and refuses to write.
BARE = {
    "sum of whole numbers": "MATCH (f:Feature) RETURN sum(f.n_voxels) AS x",
    "* without a largest length": "MATCH (a:Feature)-[:NEXT*]->(b:Feature) WHERE a.sample = 'chain' RETURN count(*) AS x",
    "* beyond 30 steps": "MATCH (a:Feature)-[:NEXT*1..60]->(b:Feature) WHERE a.sample = 'chain' RETURN count(*) AS x",
    "REMOVE": f"EXPLAIN {_F} REMOVE f.kind",
    "FOREACH": f"EXPLAIN {_F} FOREACH (x IN [1] | SET f.t = x)",
    "SET +=": f"EXPLAIN {_F} SET f += {{t: 1}}",
}
# What neither engine has, or what is slow on large graphs only.
UNSEEN = {
    "distance()": f"{_F} RETURN distance(f.z, f.y) AS x",
    "MATCH with a comma": "MATCH (a:Feature {feature_id: 1}), (b:Feature {feature_id: 2}) RETURN a.uid AS a1, b.uid AS b1",
}


@pytest.fixture(scope="module")
def both(neo4j_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Store]]:
    made = [graphs.rich(np.random.default_rng(1), "S1", 0), _chain(np.random.default_rng(2))]
    wipe_neo4j(neo4j_uri)
    folder = tmp_path_factory.mktemp("dialect")
    with open_store(folder / "a", create=True) as one, open_store(folder / "b", create=True, graph=neo4j_uri) as other:
        for store in (one, other):
            for graph in made:
                factories.fill(store, graph)
            store.project()
        yield one, other


def _chain(rng: np.random.Generator) -> factories.Graph:
    """One feature followed over more scans than Ladybug walks of its own accord."""
    made = factories.graph(rng, sample="chain", sample_no=1, n_scans=40, n_features=1, kinds=("inclusion",))
    ids = made["features"].sort_values("t").feature_id.to_numpy()
    links = pd.DataFrame({"source": ids[:-1], "target": ids[1:], "t": made.scans[:-1]})
    made.frames["next"] = links.assign(sample="chain", dt=1, overlap=1, iou=0.5, cost=0.0, event="continue")
    return made


@pytest.mark.parametrize("construct", EXAMPLES)
def test_engines_differ_where_the_check_warns(both: tuple[Store, Store], construct: str) -> None:
    text = EXAMPLES[construct]
    assert construct in [finding.construct for finding in dialect.check(text)]
    answers = []
    for store in both:
        try:
            answers.append(store.cypher(text, **({"end": 3} if "$end" in text else {})).to_pylist())
        except XctGraphError as error:
            answers.append(f"{store.engine.name} refuses: {error}")
    assert answers[0] != answers[1]


@pytest.mark.parametrize("construct", BARE)
def test_bare_engines_differ_too(both: tuple[Store, Store], neo4j_uri: str, construct: str) -> None:
    text = BARE[construct]
    assert construct in [finding.construct for finding in dialect.check(text)]
    answers = [_ladybug(both[0], text), _neo4j(neo4j_uri, text)]
    assert answers[0] != answers[1]
    assert list in map(type, answers), "neither engine answers"


def test_a_bare_ladybug_takes_a_missing_parameter_for_null(both: tuple[Store, Store], neo4j_uri: str) -> None:
    text = "MATCH (f:Feature {kind: $kind}) RETURN f.uid AS x"
    assert _ladybug(both[0], text) == []
    assert "ParameterMissing" in str(_neo4j(neo4j_uri, text))


def _ladybug(store: Store, text: str) -> object:
    """Values with their types, straight from the engine, or its error."""
    with (
        ladybug.Database(str(store.path / "graph.lbug"), read_only=True) as database,
        ladybug.Connection(database) as connection,
    ):
        try:
            answer = connection.execute(text)
        except RuntimeError as error:
            return str(error)
        assert isinstance(answer, ladybug.QueryResult)
        return [[(type(value), value) for value in row] for row in answer]


def _neo4j(uri: str, text: str) -> object:
    with neo4j_driver(uri) as driver, driver.session(default_access_mode="READ") as session:
        try:
            return [[(type(value), value) for value in record.values()] for record in session.run(text)]
        except Neo4jError as error:
            return str(error.code)


@pytest.mark.parametrize("construct", UNSEEN)
def test_the_check_knows_what_one_answer_does_not_show(construct: str) -> None:
    assert construct in [finding.construct for finding in dialect.check(UNSEEN[construct])]


def test_every_rule_has_an_example() -> None:
    seen = {f.reason for text in (EXAMPLES | BARE | UNSEEN).values() for f in dialect.check(text)}
    from xctgraph.queries import rules

    assert seen == {r for r, _ in rules.FUNCTIONS.values()} | {r for _, r, _ in rules.CONSTRUCTS.values()}
    named = {f.construct for text in (EXAMPLES | BARE | UNSEEN).values() for f in dialect.check(text)}
    assert {f"{name}()" for name in rules.FUNCTIONS} <= named
