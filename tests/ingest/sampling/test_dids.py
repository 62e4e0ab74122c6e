"""DIDS against a transcription of its definition, pair by pair in float64."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from xctgraph.ingest.sampling import metric
from xctgraph.ingest.sampling.allocation import allocate
from xctgraph.ingest.sampling.dids import choose
from xctgraph.store.errors import InputError

Floats = NDArray[np.float64]


def _distances(x: Floats, kind: str) -> Floats:
    if kind == "cosine":
        return cdist(x, x, "cosine")
    apart = cdist(x, x)
    return apart / apart.max() if apart.max() else apart


def _greedy(d_emb: Floats, place: Floats, picks: list[int], alpha: float) -> Floats:
    """D of every member to the nearest of the picks."""
    d = alpha * d_emb + (1 - alpha) * np.abs(place[:, None] - place[None, :])
    return d[:, picks].min(axis=1)


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["euclidean", "cosine"]),
    alpha=st.sampled_from([0.0, 0.5, 0.85, 1.0]),
    n=st.integers(20, 120),
    copies=st.booleans(),
    constant=st.booleans(),
)
def test_picks_are_those_of_the_definition(seed: int, kind: str, alpha: float, n: int, copies: bool, constant: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 7)).astype(np.float32) + 1
    if copies:
        x = x[rng.integers(0, max(1, n // 3), n)]
    clusters = rng.integers(0, 3, n)
    assume(len(np.unique(clusters)) == 3)
    d = np.full(n, 4.0) if constant else rng.normal(size=n)
    count = int(rng.integers(3, n // 2))
    found = choose(x, clusters, d, count, alpha=alpha, metric=kind)  # type: ignore[arg-type]
    place = np.zeros(n) if constant else (d - d.min()) / (d.max() - d.min())
    assert len(set(found.rows.tolist())) == count == found.per_cluster.sum()
    at = 0
    for k in range(3):
        rows = np.flatnonzero(clusters == k)
        d_emb = _distances(x[rows].astype(np.float64), kind)
        picks = [int(np.flatnonzero(rows == row)[0]) for row in found.rows[at : at + found.per_cluster[k]]]
        values = found.objective[at : at + found.per_cluster[k]]
        at += len(picks)
        for i, (pick, value) in enumerate(zip(picks, values, strict=True)):
            score = 1 - d_emb.mean(axis=1) if i == 0 else _greedy(d_emb, place[rows], picks[:i], alpha)
            score[picks[:i]] = -1
            best = score.max()
            # What is chosen is the best up to the rounding, and what it was chosen for is told.
            assert score[pick] == pytest.approx(best, abs=2e-6)
            assert value == pytest.approx(score[pick], abs=2e-6)
            rivals = np.flatnonzero(score > best - 3e-6)
            if len(rivals) == 1:
                assert pick == rivals[0]
            elif np.array_equal(x[rows[rivals]], np.broadcast_to(x[rows[rivals[0]]], (len(rivals), 7))) and (
                i == 0 or len(set(place[rows[rivals]])) == 1
            ):
                assert pick == rivals[0], "equal members: the first is taken"


def test_large_clusters_are_exact(rng: np.random.Generator) -> None:
    """More members than a tile holds: sums of distances and the largest are those of all pairs."""
    x = (rng.normal(size=(5000, 40)) * rng.gamma(2, size=(5000, 1)) + 30).astype(np.float32)
    rows = np.sort(rng.permutation(5000)[:4500])
    sums, largest = metric.euclidean_spread(x, rows)
    apart = cdist(x[rows].astype(np.float64), x[rows].astype(np.float64))
    assert largest == pytest.approx(apart.max(), rel=1e-12)
    np.testing.assert_allclose(sums, apart.sum(axis=1), rtol=metric.DOUBT / 10)
    assert sums.argmin() == apart.sum(axis=1).argmin()
    assert sums.min() == pytest.approx(apart.sum(axis=1).min(), rel=1e-12)


def test_near_duplicates_far_from_the_origin_are_told_apart() -> None:
    """Products of float32 would give these distances as 0."""
    x = np.full((30, 64), 200.0, np.float32)
    x[1] += np.float32(0.01)
    x[2] += np.float32(0.02)
    found = choose(x, np.zeros(30, int), np.zeros(30), 3, alpha=1.0)
    assert found.rows.tolist() == [0, 2, 1]
    assert found.objective[1:] == pytest.approx([1.0, 0.5], rel=1e-3)


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    n=st.integers(1, 20),
    least=st.integers(0, 3),
    most=st.none() | st.integers(1, 8),
)
def test_shares_are_proportional_within_the_bounds(sizes: list[int], n: int, least: int, most: int | None) -> None:
    assume(most is None or most >= max(least, 1))
    lower = [min(least, size) for size in sizes]
    upper = [size if most is None else min(most, size) for size in sizes]
    if not sum(lower) <= n <= sum(upper):
        with pytest.raises(InputError, match=rf"{n} picks cannot be spread over .* allow {sum(lower)} to {sum(upper)} picks"):
            allocate(sizes, n, least=least, most=most)
        return
    found = allocate(sizes, n, least=least, most=most)
    assert found.sum() == n
    assert all(low <= got <= up for low, got, up in zip(lower, found, upper, strict=True))
    # Of all allocations within the bounds, brute force finds none that lies nearer to the shares in the largest deviation.
    total = sum(sizes)
    if all(low <= Fraction(n * size, total) <= up for low, size, up in zip(lower, sizes, upper, strict=True)):
        ideal = [Fraction(n * size, total) for size in sizes]
        every = (
            combination
            for combination in product(*(range(low, up + 1) for low, up in zip(lower, upper, strict=True)))
            if sum(combination) == n
        )
        best = min(sum((a - b) ** 2 for a, b in zip(combination, ideal, strict=True)) for combination in every)
        assert sum((int(a) - b) ** 2 for a, b in zip(found, ideal, strict=True)) == best


def test_larger_clusters_never_get_less(rng: np.random.Generator) -> None:
    sizes = rng.integers(0, 4000, 30)
    found = allocate(sizes.tolist(), 95, least=1, most=9)
    order = np.argsort(sizes, kind="stable")
    assert (np.diff(found[order]) >= -1).all()
    assert found.max() <= 9
    assert (found[sizes > 0] >= 1).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 200}, r"200 slices cannot be chosen from 40: choose 1 to 40"),
        ({"n": 0}, r"0 slices cannot be chosen from 40"),
        ({"alpha": 1.5}, r"alpha = 1.5 is the weight of the embedding: from 0 to 1"),
        ({"metric": "manhattan"}, r"metric 'manhattan' is not known: euclidean or cosine"),
        ({"clusters": np.zeros(3, int)}, r"40 embeddings, 3 clusters and 40 displacements"),
        ({"displacement": np.full(40, np.nan)}, r"displacement of slice 0 is not a finite number"),
        ({"embeddings": np.full((40, 3), np.inf, np.float32)}, r"embedding 0 is not finite"),
        ({"embeddings": np.zeros((40, 3), np.float32), "metric": "cosine"}, r"embedding 0 is zero, and has no direction"),
        ({"least": 3, "most": 2}, r"bound to 3 to 2"),
    ],
)
def test_wrong_input_is_named(change: dict[str, object], words: str) -> None:
    options = {
        "embeddings": np.ones((40, 3), np.float32),
        "clusters": np.zeros(40, int),
        "displacement": np.arange(40.0),
        "n": 5,
    }
    with pytest.raises(InputError, match=words):
        choose(**(options | change))  # type: ignore[arg-type]


def test_one_cluster_and_constant_displacement() -> None:
    x = np.arange(12, dtype=np.float32)[:, None]
    found = choose(x, np.zeros(12, int), np.full(12, 3.0), 3, alpha=1.0)
    assert found.rows.tolist() == [5, 11, 0]
