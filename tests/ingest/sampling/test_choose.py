"""One choice by any method."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from xctgraph.analysis.sampling import umap
from xctgraph.ingest.sampling import baselines
from xctgraph.ingest.sampling.choose import METHODS, Settings, check, choose, displacement
from xctgraph.ingest.sampling.clusters import METHODS as CLUSTERINGS
from xctgraph.ingest.sampling.embed import Embedding
from xctgraph.store.errors import InputError

SETTINGS = Settings(12, clusters=4)


def slices(n: int, **columns: object) -> pa.Table:
    given = {"sample": ["S"] * n, "t": [i // 40 for i in range(n)], "z": [i % 40 for i in range(n)]}
    numbers = {name: pa.array(columns.get(name, [None] * n), pa.float64()) for name in ("strain", "load_n", "time_s")}
    return pa.table(given | numbers)


@pytest.fixture
def embedding(rng: np.random.Generator) -> Embedding:
    x = (rng.normal(size=(120, 16)) + 9 * np.eye(4, 16)[rng.integers(0, 4, 120)]).astype(np.float32)
    return Embedding(x, slices(120, strain=[0.1 * (i // 40) for i in range(120)]), {})


@pytest.mark.parametrize("method", METHODS)
def test_each_method_chooses_as_many_as_asked_and_the_same_again(embedding: Embedding, method: str) -> None:
    asked = replace(SETTINGS, method=method)
    found = choose(embedding, asked)
    assert len(np.unique(found.rows)) == 12
    assert found.scalar == "strain"
    assert found.facts["slices"] == 120
    assert np.array_equal(choose(embedding, asked).rows, found.rows)


def test_the_number_of_clusters_is_that_of_the_best_silhouette(embedding: Embedding) -> None:
    found = choose(embedding, replace(SETTINGS, clusters=None))
    tried = found.facts["tried"]
    assert [one["k"] for one in tried] == [5, 10]
    assert found.facts["clusters"] == max(tried, key=lambda one: one["silhouette"])["k"]
    assert sum(found.facts["picks_per_cluster"]) == 12


def test_one_cluster_constant_displacement_and_few_slices(embedding: Embedding) -> None:
    few = Embedding(embedding.x[:3], slices(3, strain=[0.0] * 3), {})
    assert choose(few, Settings(3)).rows.tolist() == choose(few, Settings(3, clusters=1)).rows.tolist()
    assert choose(few, Settings(3)).scalar == "t", "strain does not vary"


def test_the_scalar_is_the_first_that_all_scans_state() -> None:
    table = slices(80, strain=[None] * 40 + [0.1] * 40, time_s=[0.0] * 40 + [9.0] * 40)
    assert displacement(table, None)[0] == "time_s"
    with pytest.raises(InputError, match="scan t = 0 does not state strain: give it to every"):
        displacement(table, "strain")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "did"}, "method 'did' is not known: did you mean 'dids'"),
        ({"clustering": "kmean"}, "clustering 'kmean' is not known: did you mean 'kmeans'"),
        ({"metric": "cos"}, "metric 'cos' is not known"),
        ({"scalar": "load"}, "scalar 'load' is not known: did you mean 'load_n'"),
        ({"alpha": -1}, "alpha = -1 is the weight"),
        ({"least": 5, "most": 2}, "bound to 5 to 2: the lower bound is 0 or more"),
        ({"method": "probcover", "clusters": 1}, "clusters = 1: probcover takes its radius .* ask for 2 or more"),
    ],
)
def test_wrong_settings_are_named_before_anything_is_read(change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check(replace(SETTINGS, **change))  # type: ignore[arg-type]


def test_more_than_there_are(embedding: Embedding) -> None:
    with pytest.raises(InputError, match="121 slices cannot be chosen from 120: choose 1 to 120"):
        choose(embedding, replace(SETTINGS, n=121))
    broken = Embedding(np.where(np.arange(120)[:, None] == 7, np.nan, embedding.x).astype(np.float32), embedding.slices, {})
    with pytest.raises(InputError, match="embedding 7 is not finite"):
        choose(broken, SETTINGS)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_all_slices_of_few_can_be_chosen(embedding: Embedding, method: str, n: int) -> None:
    """Fewer than any number of clusters that is tried, down to a single slice."""
    few = Embedding(embedding.x[:n], slices(n), {})
    assert umap(few.x).shape == (n, 2)
    for clustering in CLUSTERINGS:
        asked = Settings(n, method=method, clustering=clustering)
        assert sorted(choose(few, asked).rows.tolist()) == list(range(n))


@pytest.mark.parametrize("method", METHODS)
def test_equal_slices_are_chosen_among(method: str) -> None:
    alike = Embedding(np.full((30, 5), 3, np.float32), slices(30), {})
    assert len(set(choose(alike, Settings(12, method=method)).rows.tolist())) == 12


def test_the_bounds_of_the_picks_limit_the_clusters_that_are_tried(embedding: Embedding) -> None:
    found = choose(embedding, Settings(16, most=2))
    assert [one["k"] for one in found.facts["tried"]] == [10, 15]
    assert max(found.facts["picks_per_cluster"]) <= 2
    assert choose(embedding, Settings(12, least=6)).facts["clusters"] == 1


def test_strata_are_never_empty_and_of_equal_numbers(rng: np.random.Generator) -> None:
    for n_slices in (*range(1, 30), 400):
        z, time = np.arange(n_slices) % 7.0, np.arange(n_slices) // 7.0
        for n in range(1, n_slices + 1):
            assert len(set(baselines.spatiotemporal(z, time, n, rng).tolist())) == n
    # One height: the strata are runs in time, each of as many slices.
    found = baselines.spatiotemporal(np.arange(400.0), np.arange(400.0), 24, rng)
    assert np.abs(found - (np.arange(24) + 0.5) * 400 / 24).max() <= 9
