"""Clusters against scenes with known ones, and scikit-learn's scores against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from xctgraph.ingest.sampling import baselines, clusters
from xctgraph.store.errors import InputError


def scene(rng: np.random.Generator, sizes: list[int]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    truth = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    centres = 40 * np.eye(len(sizes), 20)
    return (centres[truth] + rng.normal(size=(len(truth), 20))).astype(np.float32), truth


@pytest.mark.parametrize("method", clusters.METHODS)
def test_well_separated_clusters_are_found(
    rng: np.random.Generator, method: clusters.Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "AGGLOMERATED", 120)
    x, truth = scene(rng, [150, 90, 40])
    best, tried = clusters.sweep(x, [2, 3, 5], method=method, seed=int(rng.integers(100)))
    assert best is tried[1]
    assert best.labels.tolist() == truth.tolist(), "numbered by size"


def test_batches_of_k_means(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "BATCHED_ABOVE", 100)
    x, truth = scene(rng, [300, 150, 60])
    assert clusters.cluster(x, 3, seed=1).labels.tolist() == truth.tolist()


def test_scores_are_those_of_their_definitions(rng: np.random.Generator) -> None:
    x = rng.normal(size=(90, 4)).astype(np.float32)
    found = clusters.cluster(x, 3, seed=5)
    apart = cdist(x, x)
    members = [np.flatnonzero(found.labels == k) for k in range(3)]
    silhouette = []
    for i, k in enumerate(found.labels):
        own = apart[i, members[k]].sum() / (len(members[k]) - 1)
        other = min(apart[i, members[j]].mean() for j in range(3) if j != k)
        silhouette.append((other - own) / max(own, other))
    assert found.silhouette == pytest.approx(np.mean(silhouette), rel=1e-4)
    means = np.stack([x[rows].mean(axis=0) for rows in members])
    spread = [np.linalg.norm(x[rows] - mean, axis=1).mean() for rows, mean in zip(members, means, strict=True)]
    worst = [max((spread[i] + spread[j]) / np.linalg.norm(means[i] - means[j]) for j in range(3) if j != i) for i in range(3)]
    assert found.davies_bouldin == pytest.approx(np.mean(worst), rel=1e-4)


def test_equal_slices_make_fewer_clusters() -> None:
    x = np.repeat(np.eye(2, 5, dtype=np.float32), [7, 4], axis=0)
    found = clusters.cluster(x, 4)
    assert (found.number, np.bincount(found.labels).tolist()) == (2, [7, 4])
    one = clusters.cluster(x, 1)
    assert one.number == 1
    assert np.isnan([one.silhouette, one.davies_bouldin]).all()


def test_wrong_input_is_named() -> None:
    x = np.ones((9, 2), np.float32)
    with pytest.raises(InputError, match="clustering 'dbscan' is not known: kmeans, gaussian-mixture, agglomerative"):
        clusters.cluster(x, 2, method="dbscan")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="10 clusters of 9 slices by kmeans: 1 to 9"):
        clusters.cluster(x, 10)
    with pytest.raises(InputError, match="no number of clusters to try"):
        clusters.sweep(x, [])
    with pytest.raises(InputError, match="10 slices cannot be chosen from 9"):
        baselines.uniform(9, 10)


def test_baselines_spread_as_they_say(rng: np.random.Generator) -> None:
    n_slices = int(rng.integers(50, 400))
    n = int(rng.integers(1, n_slices + 1))
    assert len(np.unique(baselines.random(n_slices, n, rng))) == n
    steps = baselines.uniform(n_slices, n)
    assert len(np.unique(steps)) == n
    assert np.diff(steps).size == 0 or np.ptp(np.diff(steps)) <= 1
    assert abs(steps[0] - (n_slices - 1 - steps[-1])) <= 1


def test_strata_hold_equal_numbers(rng: np.random.Generator) -> None:
    time, z = (grid.ravel() for grid in np.meshgrid(np.arange(12.0), np.arange(40.0), indexing="ij"))
    shuffled = rng.permutation(len(z))
    found = baselines.spatiotemporal(z[shuffled], time[shuffled], 16, rng)
    cells = {(int(time[shuffled][row] // 3), int(z[shuffled][row] // 10)) for row in found}
    assert len(cells) == 16
