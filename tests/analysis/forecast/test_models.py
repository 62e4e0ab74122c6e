"""Models on samples whose rule is known: the graph helps where the rule is of the graph, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.analysis.forecast import made
from xctgraph.analysis.forecast import Answer, forecast

pytest.importorskip("torch_geometric")


def answer(folder: Path, rng: np.random.Generator, rule: made.Rule, **options: object) -> Answer:
    with made.make(folder / "xct.store", rng, rule, samples=8) as store:
        found = forecast(store, targets=("swallowed",), repeats=1, n_draws=199, **({"ablations": False} | options))
    (one,) = found.answers
    return one


def precision(one: Answer, name: str) -> float:
    return one.scores[name].average_precision.value


def test_what_only_neighbours_tell_is_found_by_networks_alone(tmp_path: Path, rng: np.random.Generator) -> None:
    one = answer(tmp_path, rng, made.by_neighbours, ablations=True)
    assert one.best in ("network", "network-next")
    for name in ("distance", "place", "density", "trees", "without NEAR", "shuffled NEAR"):
        assert precision(one, name) < one.tested_share + 0.2, name
    for name in ("network", "network-next", "without sites"):
        assert precision(one, name) > 0.85, name
    assert one.primary.interval[0] > 0.2
    assert one.primary.p < 0.05
    assert one.structure is not None
    assert one.structure.interval[0] > 0.2
    assert "The graph adds to flat columns." in one.text
    worth = {name: values[0] for name, values in one.worth.items()}
    assert max(worth, key=lambda name: worth[name]) in ("NEAR", "defect.sphericity")
    assert worth["NEAR"] > 0.2
    assert abs(worth["TOUCHES"]) < 1e-9, "there are no such edges"


def test_what_the_defect_itself_tells_needs_no_graph(tmp_path: Path, rng: np.random.Generator) -> None:
    one = answer(tmp_path, rng, made.by_itself)
    assert min(precision(one, name) for name in ("place", "trees", "network")) > one.tested_share + 0.15
    assert max(precision(one, "network"), precision(one, "network-next")) < precision(one, "trees") + 0.08
    assert one.primary.value < 0.08


def test_what_the_scan_before_tells_is_seen_over_next(tmp_path: Path, rng: np.random.Generator) -> None:
    one = answer(tmp_path, rng, made.by_its_past)
    assert one.best == "network-next"
    assert precision(one, "network-next") > precision(one, "network") + 0.08
    assert precision(one, "network-next") > precision(one, "place") + 0.08


def test_shuffled_outcomes_are_left_to_chance(tmp_path: Path, rng: np.random.Generator) -> None:
    with made.make(tmp_path / "xct.store", rng, made.by_neighbours, samples=8) as store:
        found = forecast(store, targets=("swallowed",), repeats=1, n_draws=199, ablations=False, shuffle=True)
    (one,) = found.answers
    for name in one.scores:
        assert precision(one, name) < one.tested_share + 0.15, name
    assert found.text.startswith("Outcomes were shuffled: nothing is to be found.")


@pytest.mark.parametrize("networks", [False, True])
def test_the_same_seed_gives_the_same_numbers(tmp_path: Path, rng: np.random.Generator, networks: bool) -> None:
    with made.make(tmp_path / "xct.store", rng, made.by_itself, scans=8) as store:
        runs = [
            forecast(store, split="time", repeats=1, seed=seed, n_draws=99, networks=networks, ablations=False).to_dict()
            for seed in (3, 3, 4)
        ]
    assert runs[0] == runs[1]
    assert runs[0]["answers"] != runs[2]["answers"]
