"""The steps of the linking, each against an oracle of its own."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from tests.ingest.correspondence import scene
from tests.ingest.proximity.volumes import runs
from xctgraph.ingest.correspondence import ScanSide
from xctgraph.ingest.correspondence.drift import drift
from xctgraph.ingest.correspondence.field import Field
from xctgraph.ingest.correspondence.matching import UNMATCHED, Pairs, match
from xctgraph.ingest.correspondence.overlaps import displaced
from xctgraph.ingest.proximity.pairs import best_mutual, pairs

seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=30)
@given(seeds, st.floats(0.1, 80.0))
def test_pairs_are_those_of_a_tree(seed: int, radius: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.uniform(-20, 60, (int(n), 3)) * [1, 1, rng.integers(0, 2)] for n in rng.integers(0, 60, 2))
    i, j, distance = pairs(a, b, radius)
    expected = cKDTree(a).query_ball_tree(cKDTree(b), radius) if len(a) and len(b) else []
    assert sorted(zip(i.tolist(), j.tolist(), strict=True)) == [(k, m) for k, near in enumerate(expected) for m in sorted(near)]
    assert (np.diff(i) >= 0).all()
    np.testing.assert_allclose(distance, np.linalg.norm(a[i] - b[j], axis=1), rtol=1e-12)


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_mutual_pairs_are_the_cheapest_of_both(seed: int) -> None:
    rng = np.random.default_rng(seed)
    chosen = rng.random((6, 7)) < 0.5
    i, j = np.nonzero(chosen)
    cost = rng.permutation(len(i)).astype(float)
    expected = [c == cost[i == a].min() and c == cost[j == b].min() for a, b, c in zip(i, j, cost, strict=True)]
    assert best_mutual(6, 7, i, j, cost).tolist() == expected


@settings(deadline=None, max_examples=60)
@given(seeds)
def test_matching_costs_least_of_all_choices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m = (int(k) for k in rng.integers(1, 5, 2))
    cost = np.where(rng.random((n, m)) < 0.7, rng.uniform(0, UNMATCHED, (n, m)), np.inf)
    if rng.random() < 0.3:
        cost[0, 0] = 0.0
    i, j = np.nonzero(np.isfinite(cost))
    found = match(Pairs(i, j, cost[i, j]))
    assert len(set(found.a.tolist())) == len(found.a)
    assert len(set(found.b.tolist())) == len(found.b)
    np.testing.assert_array_equal(found.cost, cost[found.a, found.b])
    wide = np.c_[cost, np.full((n, n), UNMATCHED)]
    best = min(sum(wide[k, p] for k, p in enumerate(places)) for places in permutations(range(m + n), n))
    assert np.isclose(found.cost.sum() + UNMATCHED * (n - len(found.a)), best, atol=1e-4)


def test_overlaps_are_counted_where_the_field_puts_the_features(rng: np.random.Generator) -> None:
    made = scene.make(rng, n=60, size=60, pores=0.2, crack=(30.0, 40.0))
    spacing = (1.0, 2.0, 1.5)
    a, b = (
        ScanSide(scene.features(v, k, spacing), runs(v), spacing) for v, k in ((made.a, made.kinds_a), (made.b, made.kinds_b))
    )
    shift = rng.integers(-4, 5, 3)
    found = displaced(a, b, Field.constant(a.extent, shift * np.asarray(spacing)))
    index = np.argwhere(made.a > 0)
    moved = index + shift
    inside = ((moved >= 0) & (moved < made.b.shape)).all(axis=1)
    pair = np.stack([made.a[tuple(index[inside].T)], made.b[tuple(moved[inside].T)]])
    pair, count = np.unique(pair[:, pair[1] > 0], axis=1, return_counts=True)
    np.testing.assert_array_equal(np.stack([found.a, found.b]) + 1, pair)
    np.testing.assert_array_equal(found.voxels, count)
    np.testing.assert_array_equal(found.of(found.a[:5], found.b[:5]), found.voxels[:5])
    assert found.of(np.array([a.n - 1]), np.array([0])).tolist() == [
        int(count[(pair == np.array([[a.n], [1]])).all(axis=0)].sum())
    ]


def test_a_drift_of_many_spacings_is_found_through_births_deaths_and_strain(rng: np.random.Generator) -> None:
    for n in (12, 200, 4000):
        points = rng.uniform(0, 300, (n, 3))
        volume = rng.normal(4, 0.6, n)
        shift = rng.uniform(-90, 90, 3)
        keep_a, keep_b = rng.random(n) < 0.92, rng.random(n) < 0.92
        strained = (points - 150) * [1.02, 0.99, 0.99] + 150 + shift + rng.normal(0, 0.3, points.shape)
        spacing = float(np.median(cKDTree(points).query(points, k=2)[0][:, 1]))
        found = drift(
            points[keep_a], strained[keep_b], volume[keep_a], volume[keep_b] + rng.normal(0, 0.1, keep_b.sum()), spacing, None
        )
        assert np.linalg.norm(found.shift - shift) < 2 * found.cell + 3
