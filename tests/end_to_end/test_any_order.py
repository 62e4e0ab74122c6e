"""Ingest, replace, insert, append, drop, correct, undo, load, query in any order: all projections hold what a model says."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.conftest import wipe_neo4j
from tests.series_model import ALWAYS, OPTIONAL, Key, Said, Series, check, dataset
from xctgraph.ingest import correct, pipeline, removal
from xctgraph.store import Store, open_store
from xctgraph.store.errors import ScanExists

BY = {"author": "mk", "reason": "any"}
TIMES = st.integers(0, 6)
OTHERS = st.sets(st.sampled_from(OPTIONAL))


class AnyOrder(RuleBasedStateMachine):
    """Rules are what people do; each keeps the model in step."""

    uri: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        if self.uri is not None:
            wipe_neo4j(self.uri)
        self.store: Store = open_store(self.path / "s", create=True, graph=self.uri)
        self.model = Series()

    def teardown(self) -> None:
        self.check_all()
        self.store.close()
        self.folder.cleanup()

    def check_all(self) -> None:
        if self.model.scans:
            check(self.store, self.model, "statistics")
            check(self.store, self.model, "graph")

    @initialize(others=OTHERS, more=OTHERS)
    def start(self, others: set[int], more: set[int]) -> None:
        self.model.scans |= {2: {*ALWAYS, *others}, 4: {*ALWAYS, *more}}
        pipeline.ingest(self.store, dataset(self.path, self.model.scans))

    @rule(t=TIMES, others=OTHERS)
    def append_insert_or_replace(self, t: int, others: set[int]) -> None:
        names = {*ALWAYS, *others}
        given = dataset(self.path, {t: names})
        changed = t in self.model.scans and self.model.scans[t] != names
        if changed:
            with pytest.raises(ScanExists):
                pipeline.ingest(self.store, given)
        (result,) = pipeline.ingest(self.store, given, replace=changed)
        assert result.action == ("replace" if changed else "skip" if t in self.model.scans else "add")
        self.model.scans[t] = names

    @precondition(lambda self: len(self.model.scans) > 2)
    @rule(data=st.data())
    def drop_scan(self, data: st.DataObject) -> None:
        t = data.draw(st.sampled_from(sorted(self.model.scans)))
        removal.drop_scan(self.store, "S1", t)
        del self.model.scans[t]

    @rule(data=st.data(), kind=st.sampled_from(["inclusion", "pore"]))
    def kind(self, data: st.DataObject, kind: str) -> None:
        key = data.draw(st.sampled_from(self.model.features()))
        if self.model.kind(key) != kind:
            self._say(Said("kind", key, kind=kind), lambda uid: correct.kind(self.store, uid, kind, **BY))

    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.model.features()))
        # The first three stay, so that the displacement is known.
        if key[1] > 2:
            self._say(Said("drop", key), lambda uid: correct.drop(self.store, uid, **BY))

    @rule(data=st.data())
    def link(self, data: st.DataObject) -> None:
        times = sorted(self.model.scans)
        k = data.draw(st.integers(0, len(times) - 2))
        a, b = (data.draw(st.sampled_from([(t, name) for name in self.model.kept(t)])) for t in times[k : k + 2])
        if (a, b) not in self.model.links() and not self._by_hand(a, b):
            other = self.model.uid(b)
            self._say(Said("link", a, b), lambda uid: correct.link(self.store, uid, other, **BY))

    @precondition(lambda self: bool(self.model.links()))
    @rule(data=st.data())
    def unlink(self, data: st.DataObject) -> None:
        a, b = data.draw(st.sampled_from(self.model.links()))
        if not self._by_hand(a, b):
            other = self.model.uid(b)
            self._say(Said("unlink", a, b), lambda uid: correct.unlink(self.store, uid, other, **BY))

    @precondition(lambda self: bool(self.model.said))
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.model.said))
        correct.undo(self.store, one.job, **BY)
        self.model.said.remove(one)

    @rule(which=st.sampled_from(["statistics", "graph"]))
    def query(self, which: str) -> None:
        check(self.store, self.model, which)

    @rule()
    def load_and_open_again(self) -> None:
        self.store.project()
        assert all(status.current for status in self.store.status())
        self.store.close()
        self.store = open_store(self.path / "s", graph=self.uri)

    def _say(self, one: Said, do: Callable[[str], correct.Corrected]) -> None:
        one.job = do(self.model.uid(one.feature)).job_id
        self.model.said.append(one)

    def _by_hand(self, a: Key, b: Key) -> bool:
        return any((one.feature, one.other) == (a, b) for one in self.model.said)


def _run(machine: type[AnyOrder], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )


def test_any_order_ends_in_what_the_model_says() -> None:
    _run(AnyOrder, examples=3, steps=8)


def test_any_order_on_neo4j(neo4j_uri: str) -> None:
    class OnNeo4j(AnyOrder):
        uri = neo4j_uri

    _run(OnNeo4j, examples=1, steps=5)
