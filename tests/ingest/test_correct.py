"""Corrections against a model in memory: applied at once in all tables, kept on re-ingest, taken back, refused where nonsense."""

from __future__ import annotations

import json
from datetime import datetime, tzinfo
from pathlib import Path

import numpy as np
import pytest

from tests.series_model import Said, Series, check, dataset
from xctgraph.ingest import correct, corrections, pipeline, volumes
from xctgraph.store import Store, open_store
from xctgraph.store.errors import InputError

BY = {"author": "mk", "reason": "seen in the slices"}


@pytest.fixture
def model() -> Series:
    return Series({0: {*range(9)}, 1: {*range(7)}, 2: {*range(9)}})


@pytest.fixture
def store(engine: Store, model: Series, tmp_path: Path) -> Store:
    pipeline.ingest(engine, dataset(tmp_path, model.scans))
    check(engine, model)
    return engine


def _check(store: Store, model: Series) -> None:
    check(store, model, "statistics")
    check(store, model, "graph")


def test_corrections_are_made_and_taken_back_in_any_order(store: Store, model: Series, tmp_path: Path) -> None:
    steps = [
        Said("kind", (1, 5), kind="pore"),
        Said("drop", (0, 7)),
        Said("unlink", (0, 2), (1, 2)),
        Said("link", (0, 2), (1, 3)),
        Said("link", (1, 0), (2, 8)),
        Said("drop", (2, 4)),
    ]
    for one in steps:
        if one.other is not None:
            do = correct.link if one.action == "link" else correct.unlink
            done = do(store, model.uid(one.feature), model.uid(one.other), **BY)
        elif one.kind is not None:
            done = correct.kind(store, model.uid(one.feature), one.kind, **BY)
        else:
            done = correct.drop(store, model.uid(one.feature), **BY)
        one.job = done.job_id
        assert done.warnings == ()
        model.said.append(one)
    _check(store, model)
    assert store.labels("S1", 0).counts[1:].tolist().count(0) == 1
    jobs = store.sql("SELECT * FROM jobs WHERE command LIKE 'correct %' ORDER BY started_at").to_pylist()
    assert [row["command"] for row in jobs] == [f"correct {one.action}" for one in steps]
    assert json.loads(jobs[1]["parameters"]) == {"feature": model.uid((0, 7)), **BY}
    assert [row["applied"] for row in store.sql("SELECT applied FROM corrections").to_pylist()] == [True] * 6
    assert store.sql("SELECT uid, kind FROM dropped_features ORDER BY uid").to_pylist() == [
        {"uid": model.uid((0, 7)), "kind": "pore"},
        {"uid": model.uid((2, 4)), "kind": "pore"},
    ]
    # The same scans again are a no-op; made anew they are corrected as before.
    assert {r.action for r in pipeline.ingest(store, dataset(tmp_path, model.scans))} == {"skip"}
    for k in (3, 0, 1, 5, 2, 4):
        correct.undo(store, "last" if steps[k] is model.said[-1] else steps[k].job[:8], **BY)
        model.said.remove(steps[k])
        if k in (0, 2):
            check(store, model, "statistics")
    _check(store, model)
    for table in ("corrections", "dropped_features"):
        assert store.read(table).num_rows == 0
    with pytest.raises(InputError, match="there is no correction to take back"):
        correct.undo(store, "last", **BY)


@pytest.mark.parametrize("engine", ["ladybug"], indirect=True)
def test_corrections_hold_when_a_scan_is_made_anew(store: Store, model: Series, tmp_path: Path) -> None:
    for name, other in ((1, 2), (6, 5)):
        correct.link(store, model.uid((0, name)), model.uid((1, other)), **BY)
        model.said.append(Said("link", (0, name), (1, other)))
    correct.drop(store, model.uid((1, 3)), **BY)
    correct.kind(store, model.uid((1, 4)), "inclusion", **BY)
    model.said += [Said("drop", (1, 3)), Said("kind", (1, 4), kind="inclusion")]
    _check(store, model)
    # Cubes 7 and 8 come first in C order: all labels of the scan change. Cube 5 is gone, and with it a link.
    model.scans[1] = {0, 1, 2, 3, 4, 6, 7, 8}
    (result,) = pipeline.ingest(store, dataset(tmp_path, {1: model.scans[1]}), replace=True)
    (warning,) = [text for text in result.warnings if "correction" in text]
    assert "the correction link S1/0/" in warning
    assert "it is kept, but not applied" in warning
    _check(store, model)
    assert sorted(store.read("corrections")["applied"].to_pylist()) == [False, True, True, True]
    # A scan between two others takes their link's place; with the cube back, the other one holds again.
    model.scans[1].add(5)
    pipeline.ingest(store, dataset(tmp_path, {1: model.scans[1]}), replace=True)
    _check(store, model)
    assert store.read("corrections")["applied"].to_pylist() == [True] * 4


@pytest.mark.parametrize("engine", ["ladybug"], indirect=True)
def test_a_scan_between_two_linked_ones_is_told_of(engine: Store, tmp_path: Path) -> None:
    model = Series({0: {*range(7)}, 4: {*range(7)}})
    pipeline.ingest(engine, dataset(tmp_path, model.scans))
    correct.link(engine, model.uid((4, 2)), model.uid((0, 1)), **BY)
    model.said.append(Said("link", (0, 1), (4, 2)))
    check(engine, model)
    model.scans[2] = {*range(6)}
    (result,) = pipeline.ingest(engine, dataset(tmp_path, {2: model.scans[2]}))
    assert any("in scans that follow one another: it is kept, but not applied" in text for text in result.warnings)
    _check(engine, model)
    correct.undo(engine, "last", **BY)
    assert engine.read("corrections").num_rows == 0


@pytest.mark.parametrize("engine", ["ladybug"], indirect=True)
def test_density_and_positions_follow_as_if_the_feature_had_not_been_found(store: Store, model: Series, tmp_path: Path) -> None:
    correct.drop(store, model.uid((0, 2)), **BY)
    model.said.append(Said("drop", (0, 2)))
    dropped = model.uid((0, 2))
    with pytest.raises(InputError, match=f"has no feature {dropped.split('/')[2]}"):
        volumes.crop(store, dropped)
    with open_store(tmp_path / "without", create=True) as other:
        pipeline.ingest(other, dataset(tmp_path, {**model.scans, 0: model.scans[0] - {2}}))
        columns = ["t", "source_label", "local_density", "ref_z", "ref_y", "ref_x", "volume", "kind"]
        a, b = (s.read("features").to_pandas().sort_values(["t", "source_label"])[columns] for s in (store, other))
        assert a.reset_index(drop=True).equals(b.reset_index(drop=True))
        assert np.array_equal(store.read("fields")["uz"].to_numpy(), other.read("fields")["uz"].to_numpy())


@pytest.mark.parametrize("engine", ["ladybug"], indirect=True)
def test_nonsense_is_refused_and_leaves_nothing(store: Store, model: Series) -> None:
    a, b, later = model.uid((0, 0)), model.uid((1, 0)), model.uid((2, 0))
    other = model.uid((1, 1))
    revision = store.manifest().revision
    for words, do in (
        ("do not follow one another", lambda: correct.link(store, a, later, **BY)),
        ("do not follow one another", lambda: correct.link(store, a, model.uid((0, 1)), **BY)),
        ("are linked already", lambda: correct.link(store, a, b, **BY)),
        (f"no link from {a} to {other}: {a} is linked to {b}", lambda: correct.unlink(store, a, other, **BY)),
        ("no feature S1/0/77: scan t = 0 of sample 'S1' has 9", lambda: correct.drop(store, "S1/0/77", **BY)),
        ("no scan t = 9 of sample 'S1'; its scans are t = 0, 1, 2", lambda: correct.drop(store, "S1/9/1", **BY)),
        ("no scan t = 0 of sample 'S2'; samples: S1", lambda: correct.drop(store, "S2/0/1", **BY)),
        ("is not of the form sample/t/label", lambda: correct.drop(store, "17", **BY)),
        ("no kind 'pores': did you mean 'pore'", lambda: correct.kind(store, a, "pores", **BY)),
        ("is of the kind 'inclusion' already", lambda: correct.kind(store, a, "inclusion", **BY)),
        ("needs a reason", lambda: correct.drop(store, a, author="mk", reason=" ")),
        ("needs an author", lambda: correct.drop(store, a, author="", reason="x")),
        ("there is no correction to take back", lambda: correct.undo(store, "last", **BY)),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            do()
    assert store.manifest().revision == revision
    done = correct.unlink(store, a, b, **BY)
    with pytest.raises(InputError, match=f"says so: take it back with `xctgraph correct undo {done.job_id[:8]}`"):
        correct.link(store, a, b, **BY)
    with pytest.raises(InputError, match="no correction that holds with the job 'abcdef'"):
        correct.undo(store, "abcdef", **BY)
    correct.drop(store, a, **BY)
    with pytest.raises(InputError, match=r"no feature S1/0/\d any more: the correction drop"):
        correct.drop(store, a, **BY)


@pytest.mark.parametrize("engine", ["ladybug"], indirect=True)
def test_the_last_correction_is_the_last_whatever_the_clock_says(
    store: Store, model: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime(2001, 1, 1, tzinfo=tz)

    correct.kind(store, model.uid((1, 4)), "fracture", **BY)
    monkeypatch.setattr(correct, "datetime", type("", (), {"now": Clock.now, "fromisoformat": datetime.fromisoformat}))
    correct.kind(store, model.uid((1, 5)), "fracture", **BY)
    last = correct.drop(store, model.uid((1, 3)), **BY)
    assert corrections.read(store, "S1")[-1].job_id == last.job_id
    correct.undo(store, "last", **BY)
    assert [one.action for one in corrections.read(store, "S1")] == ["kind", "kind"]
