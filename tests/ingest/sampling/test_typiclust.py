"""TypiClust against its definition in float64, and against scikit-activeml."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from xctgraph.ingest.sampling import typiclust
from xctgraph.store.errors import InputError


def brute(x: NDArray[np.float32], labels: NDArray[np.int64], n: int, neighbours: int) -> tuple[list[int], list[float]]:
    free = {k: np.flatnonzero(labels == k).tolist() for k in range(labels.max() + 1)}
    order = sorted((k for k in free if free[k]), key=lambda k: (len(free[k]) < 5, -len(free[k]), k))
    rows: list[int] = []
    means: list[float] = []
    while len(rows) < n:
        for k in order:
            if len(rows) == n or not free[k]:
                continue
            points = x[free[k]].astype(np.float64)
            count = min(neighbours, len(points) - 1)
            mean = np.sort(cdist(points, points), axis=1)[:, 1 : count + 1].sum(axis=1) / max(count, 1)
            best = int(np.flatnonzero(mean <= mean.min() * (1 + 1e-6))[0])
            rows.append(free[k].pop(best))
            means.append(float(mean[best]))
    return rows, means


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 120), k=st.integers(1, 6), copies=st.booleans(), far=st.booleans())
def test_picks_are_those_of_the_definition(seed: int, n: int, k: int, copies: bool, far: bool) -> None:
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(n, 8)) + (300 if far else 0)).astype(np.float32)
    if copies:
        x = x[rng.integers(0, n, n)]
    labels = rng.integers(0, k, n)
    count, neighbours = int(rng.integers(1, n + 1)), int(rng.integers(1, 25))
    found = typiclust.choose(x, labels, count, neighbours=neighbours)
    rows, means = brute(x, labels, count, neighbours)
    assert found.rows.tolist() == rows
    np.testing.assert_allclose(found.mean_distance, means, rtol=1e-9, atol=1e-12)


def test_tiles_and_near_duplicates_far_from_the_origin(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances that float32 products give as 0 decide rightly."""
    monkeypatch.setattr(typiclust, "_TILE", 64)
    x = (200 + rng.normal(size=(500, 300)) * 1e-3 * rng.uniform(1, 1.2, size=(500, 1))).astype(np.float32)
    labels = np.zeros(500, np.int64)
    assert typiclust.choose(x, labels, 3).rows.tolist() == brute(x, labels, 3, typiclust.NEIGHBOURS)[0]


def test_scikit_activeml_agrees(rng: np.random.Generator) -> None:
    from skactiveml.pool import TypiClust
    from sklearn.cluster import KMeans

    x = (rng.normal(size=(500, 12)) + rng.normal(size=(6, 12))[rng.integers(0, 6, 500)] * 4).astype(np.float32)
    peer = TypiClust(random_state=3, cluster_algo_dict={"random_state": 3, "n_init": 1}, k=5)
    theirs = peer.query(x, np.full(len(x), np.nan), batch_size=12)
    labels = KMeans(12, random_state=3, n_init=1).fit_predict(x).astype(np.int64)
    # In any order, as clusters of one size come so there.
    assert sorted(typiclust.choose(x, labels, 12, neighbours=5).rows.tolist()) == sorted(theirs.tolist())


def test_wrong_input_is_named() -> None:
    x, labels = np.ones((9, 2), np.float32), np.zeros(9, np.int64)
    with pytest.raises(InputError, match="10 slices cannot be chosen from 9: choose 1 to 9"):
        typiclust.choose(x, labels, 10)
    with pytest.raises(InputError, match="9 embeddings and 3 clusters"):
        typiclust.choose(x, labels[:3], 2)
    with pytest.raises(InputError, match="neighbours = 0: one or more"):
        typiclust.choose(x, labels, 2, neighbours=0)
    with pytest.raises(InputError, match="embedding 0 is not finite"):
        typiclust.choose(np.full((3, 2), np.nan, np.float32), labels[:3], 1)
