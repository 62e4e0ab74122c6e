"""Plans that Neo4j makes for what the loader and the readers send: look-ups by index, never by a scan."""

from __future__ import annotations

import time
from collections.abc import Iterator

import neo4j
import numpy as np
import pytest

from tests import factories
from tests.conformance import graphs
from tests.conftest import neo4j_driver, wipe_neo4j
from xctgraph.queries import catalogue
from xctgraph.store import Store, delta, neo4j_load, neo4j_read, open_store
from xctgraph.store.delta import Item
from xctgraph.store.neo4j_steps import Step

SEEK = "NodeUniqueIndexSeek"
_SECONDS = 60.0
_FEATURE = [q.name for q in catalogue.values() if any(p.role == "feature" for p in q.parameters)]


@pytest.fixture(scope="module")
def server(neo4j_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, neo4j.Session]]:
    wipe_neo4j(neo4j_uri)
    with open_store(tmp_path_factory.mktemp("plans") / "x.store", create=True, graph=neo4j_uri) as store:
        factories.fill(store, graphs.rich(np.random.default_rng(1), "S1", 0), project=True)
        with neo4j_driver(neo4j_uri) as driver, driver.session() as session:
            yield store, session
    wipe_neo4j(neo4j_uri)


class Plan:
    """The operators of a plan, from that of the result down, and the children of each."""

    def __init__(self, session: neo4j.Session, statement: str, parameters: dict[str, object]) -> None:
        self.operators: list[tuple[str, list[str]]] = []
        self._add(session.run(f"EXPLAIN {statement}", parameters).consume().plan)

    def _add(self, node: dict) -> str:
        name = str(node["operatorType"]).partition("@")[0]
        below = self.operators
        below.append((name, children := []))
        children += [self._add(child) for child in node.get("children", [])]
        return name

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.operators]

    @property
    def scans(self) -> list[str]:
        return [name for name in self.names if name.endswith("Scan")]

    @property
    def products(self) -> list[list[str]]:
        """What Cartesian products join, other than two nodes that are each looked up by a unique key: that is one row."""
        joined = [children for name, children in self.operators if name == "CartesianProduct"]
        return [children for children in joined if not all(child.startswith(SEEK) for child in children)]

    @property
    def seeks(self) -> int:
        return sum(name.startswith(SEEK) for name in self.names)


def _steps() -> list[Step]:
    verbs = ("create", "change", "delete")
    made = [Step(f"{verb} {item.name}", item, verb, "", item.columns, 1) for item in delta.items() for verb in verbs]
    return [step for step in made if step.verb != "change" or step.item.properties]


@pytest.mark.parametrize("step", _steps(), ids=lambda step: step.name)
def test_rows_are_written_where_an_index_finds_them(server: tuple[Store, neo4j.Session], step: Step) -> None:
    columns = step.item.columns
    plan = Plan(server[1], step.statement(columns), {f"c{i}": [] for i in range(len(columns))})
    assert plan.scans == plan.products == []
    assert plan.seeks == (2 if step.item.ends else 0 if step.verb == "create" else 1), plan.names


@pytest.mark.parametrize("item", delta.items(), ids=lambda item: item.name)
def test_rows_are_read_in_ranges_of_an_index(server: tuple[Store, neo4j.Session], item: Item) -> None:
    plan = Plan(server[1], neo4j_read._range(item), {"last": -1})
    assert plan.scans == plan.products == []
    assert f"{SEEK}ByRange" in plan.names


def test_whatever_else_a_load_sends(
    server: tuple[Store, neo4j.Session], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load, a difference and a load anew are watched: marks, positions, counts, emptying."""
    store, session = server
    sent = _watched(monkeypatch)
    changed = graphs.rich(rng, "S1", 0, n_features=12)
    factories.fill(store, changed, project=True)
    changed["features"].loc[0, "volume"] += 1.0
    factories.fill(store, changed, project=True)
    store.engine.invalidate()
    store.project()
    monkeypatch.undo()
    emptying = {q for q in sent if q.startswith(("MATCH (x:", "MATCH (:")) and "LIMIT $limit" in q}
    counting = {q for q in sent if q.startswith("MATCH (") and q.endswith("RETURN count(*)")} - emptying
    rows = {q for q in sent if q.startswith("UNWIND range(0, size($c0) - 1) AS i ")}
    rest = {q for q in sent if q.startswith(("MATCH", "MERGE", "UNWIND"))} - emptying - counting - rows
    assert min(map(len, (emptying, counting, rows, rest))) > 1
    for statement in emptying:
        assert Plan(session, statement, sent[statement]).products == []
    for statement in counting:
        assert any(name.endswith("CountFromCountStore") for name in Plan(session, statement, sent[statement]).names), statement
    # All marks of a database are wanted: there is one, or a mistake to be told.
    assert neo4j_load.READ_MARKS in rest
    for statement in rest - {neo4j_load.READ_MARKS, "MATCH (n) RETURN count(n)"}:
        plan = Plan(session, statement, sent[statement])
        assert plan.scans == plan.products == [], statement
        assert plan.seeks == 1, statement


def test_the_end_of_an_edge_that_is_missing_is_looked_up(
    server: tuple[Store, neo4j.Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = _watched(monkeypatch)
    for item in delta.items():
        if item.ends:
            neo4j_load._missing(server[1], item, {"c0": [1], "c1": [2]})
    monkeypatch.undo()
    assert len(sent) > 5
    for statement, parameters in sent.items():
        plan = Plan(server[1], statement, parameters)
        assert plan.scans == plan.products == []
        assert plan.seeks == 1


@pytest.mark.parametrize("name", _FEATURE)
def test_questions_about_a_feature_begin_at_it(server: tuple[Store, neo4j.Session], name: str) -> None:
    """Soon after a load: the server counts its indexes in the background, and plans by what it knows of them."""
    query = catalogue[name]
    values = query.parse({"feature": 1})
    until = time.monotonic() + _SECONDS
    while (plan := Plan(server[1], query.text, values)).scans and time.monotonic() < until:
        time.sleep(0.2)
    assert plan.scans == []
    assert plan.seeks == 1


@pytest.mark.parametrize("query", catalogue.values(), ids=list(catalogue))
def test_no_question_multiplies_what_is_not_connected(server: tuple[Store, neo4j.Session], query) -> None:
    required = {"feature": 1, "t": 1}
    values = query.parse({p.name: required[p.name] for p in query.parameters if p.required})
    plan = Plan(server[1], query.text, values)
    assert plan.products == []
    assert "AllNodesScan" not in plan.names


def _watched(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, object]]:
    """Statements sent from now on, with parameters; they are run as ever."""
    sent: dict[str, dict[str, object]] = {}
    for where in (neo4j.Session, neo4j.Transaction):

        def run(self, query, parameters=None, _run=where.run, **more):
            sent.setdefault(str(query), {**(parameters or {}), **more})
            return _run(self, query, parameters, **more)

        monkeypatch.setattr(where, "run", run)
    return sent
