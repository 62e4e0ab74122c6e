"""The question asked of a store, and its answer kept there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.analysis.growth.stored import fill
from tests.cli.command import run
from xctgraph.analysis import growth
from xctgraph.analysis.growth import primary
from xctgraph.analysis.growth.nulls import Material
from xctgraph.analysis.growth.simulate import Design, Simulated, simulate
from xctgraph.store import open_store
from xctgraph.store.errors import InputError

DESIGN = Design(fractures=2, hazard_ratio=2.5)


@pytest.fixture(scope="module")
def made() -> Simulated:
    return simulate(DESIGN, np.random.default_rng(5))


@pytest.fixture(scope="module")
def path(made: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("growth") / "xct.store"
    with open_store(path, create=True) as store:
        fill(store, made)
    return path


def test_store_and_arrays_give_the_same_answer(made: Simulated, path: Path) -> None:
    with open_store(path) as store:
        found = growth.toward_density(store, n_shifts=299, n_draws=19)
    expected = growth.toward(
        made.sites, Material(made.defects, made.window), sample="S1", radius_um=25.0, threshold_um=5.0, n_shifts=299, n_draws=19
    )
    assert found.primary.p == expected.primary.p
    assert found.effect == pytest.approx(expected.effect, rel=1e-6)
    assert found.interval == pytest.approx(expected.interval, rel=1e-6)
    assert found.primary.n_fractures == 2
    assert found.primary.n_pairs == 4
    assert "2 fractures in 4 pairs of scans. One crack is one specimen" in found.text
    for a, b in zip(found.radii, expected.radii, strict=True):
        assert (a.radius_um, a.p, a.p_corrected) == (b.radius_um, b.p, b.p_corrected)


def test_another_radius_takes_the_density_of_centroids(made: Simulated, path: Path) -> None:
    with open_store(path) as store:
        found = growth.toward_density(store, radius_um=40.0, n_shifts=299, n_draws=19)
    sites = made.sites.with_density(Material(made.defects, made.window).ahead(made.sites, 40.0))
    expected = primary.primary(sites.judged(5.0, 0.5), n_shifts=299)
    assert (found.p, found.effect) == (expected.p, pytest.approx(expected.effect, rel=1e-6))


def test_command_prints_and_keeps_the_study(path: Path, tmp_path: Path) -> None:
    figure = tmp_path / "growth.html"
    done = run("analyze", "growth", "--store", str(path), "--shifts", "299", "--draws", "19", "--seed", "3", "--json",
               "--figure", str(figure))  # fmt: skip
    assert done.code == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["primary"]["effect"] > 1 > said["primary"]["p"]
    assert len(said["primary"]["interval"]) == 2
    assert len(said["nulls"]) == 3
    assert "hazard ratio per standard deviation" in figure.read_text(encoding="utf-8")
    with open_store(path) as store:
        study = store.sql(
            "SELECT s.*, j.command FROM studies s JOIN jobs j USING (job_id) WHERE study_id = ?", [said["study_id"]]
        )
        (row,) = study.to_pylist()
        node = store.cypher("MATCH (s:Study {study_id: $id}) RETURN s.p AS p, s.seed AS seed", id=said["study_id"])
        rest = store.read("studies").num_rows
    assert (row["p"], row["effect"], row["seed"]) == (said["primary"]["p"], said["primary"]["effect"], 3)
    assert row["command"] == "analyze growth"
    assert json.loads(row["parameters"])["radius_um"] == 25.0
    assert node.to_pylist() == [{"p": row["p"], "seed": 3}]
    again = run("analyze", "growth", "--store", str(path), "--shifts", "299", "--draws", "19")
    assert again.code == 0
    assert "One crack is one specimen" in again.stdout
    with open_store(path) as store:
        assert store.read("studies").num_rows == rest + 1


def test_what_cannot_be_answered_is_said(made: Simulated, path: Path, tmp_path: Path) -> None:
    with open_store(path) as store:
        with pytest.raises(InputError, match="no sample 'S2'; it holds S1"):
            growth.toward_density(store, sample="S2")
        with pytest.raises(InputError, match=r"radius_um = -1.0 must be a positive number"):
            growth.toward_density(store, radius_um=-1.0)
        with pytest.raises(InputError, match=r"share = 1.0 must be at least 0 and below 1"):
            growth.toward_density(store, share=1.0)
        with pytest.raises(InputError, match="take a lower threshold of advance"):
            growth.toward_density(store, threshold_um=1e6)
    none = open_store(tmp_path / "none.store", create=True)
    with none, pytest.raises(InputError, match="the store holds the samples none: name one"):
        growth.toward_density(none)
    done = run("analyze", "growth", "--store", str(path), "--figure", "x.png")
    assert done.code == 2
    assert "ends in neither .html nor .json" in done.stderr
