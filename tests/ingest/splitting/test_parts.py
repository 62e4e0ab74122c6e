"""Touching bodies told apart, against the bodies the volume was made of."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy import BODIES, Body
from tests.ingest.labelling.oracles import Array, cut, everything, label_volume, painted, renumbered
from tests.ingest.splitting.bodies import Spacing, balls, pairs
from xctgraph.ingest import labelling
from xctgraph.ingest.labelling import Labelled, Slab
from xctgraph.ingest.splitting import Parts, split


def parts_of(labelled: Labelled, spacing: Spacing = (1, 1, 1), **options: object) -> Parts:
    every = np.arange(1, labelled.n + 1)
    given = {"depth": 1.5 * max(spacing), "connectivity": 26} | options
    return split(labelled.labels, labelled.moments.box, every, spacing, **given)


def volume_of(parts: Parts) -> Array:
    return parts.labels.crop(*np.array([np.zeros(3, int), parts.labels.shape]).T.ravel().tolist())


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.6, 1.0, 0.8)])
def test_overlapping_balls_are_told_apart(spacing: Spacing, rng: np.random.Generator) -> None:
    truth, n = pairs(rng, 2, 9 * max(spacing), spacing)
    labelled = label_volume({"classes": (truth > 0).astype(np.uint8)})
    assert labelled.n == n // 2
    parts = parts_of(labelled, spacing)
    found = volume_of(parts)
    assert parts.labels.n == n
    np.testing.assert_array_equal(found > 0, truth > 0)
    np.testing.assert_array_equal(found, renumbered(found))
    # Each part is one ball: 97 of 100 voxels of the two are those of both.
    for k in range(1, n + 1):
        ball = np.bincount(truth[found == k]).argmax()
        shared = np.count_nonzero((found == k) & (truth == ball))
        assert shared > 0.97 * max(np.count_nonzero(found == k), np.count_nonzero(truth == ball))
    before = painted(labelled)
    for k in range(1, n + 1):
        assert set(before[found == k]) == {parts.parent[k - 1]}


CONVEX = (*BODIES, Body("rod 1:10", "cylinder", (1, 1, 10)), Body("ellipsoid 4:4:1", "ellipsoid", (4, 4, 1)))


@pytest.mark.parametrize("body", CONVEX, ids=lambda body: body.name)
def test_convex_bodies_are_left_whole(body: Body, rng: np.random.Generator) -> None:
    for n_voxels in (100, 400, 1500, 6000):
        for _ in range(5):
            labelled = label_volume({"classes": body.voxels(n_voxels, rng)})
            parts = parts_of(labelled)
            assert parts.labels is labelled.labels


def test_neither_workers_nor_slabs_change_a_bit(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, _ = pairs(rng, 2, 9.0)
    arrays = {"grey": rng.integers(0, 2**16, truth.shape).astype(np.uint16), "material": rng.random(truth.shape) < 0.9}
    labelled = label_volume({"classes": (truth > 0).astype(np.uint8)} | arrays)
    parts = parts_of(labelled)
    expected = everything(label_volume({"instances": volume_of(parts)} | arrays))
    for workers in (1, 2, 3):
        monkeypatch.setattr("xctgraph.ingest.splitting.parts._SMALL", 1000 if workers == 3 else 10**6)
        again = parts_of(labelled, workers=workers)
        for name in ("z", "y", "x_start", "x_stop", "label"):
            np.testing.assert_array_equal(getattr(again.labels, name), getattr(parts.labels, name))
        for height in (1, 7, truth.shape[0]):
            slabs = (Slab(s.z0, known=parts.labels, grey=s.grey, material=s.material) for s in cut(height, **arrays))
            found = everything(labelling.label(slabs, truth.shape, workers=workers))
            for name, values in found.items():
                np.testing.assert_array_equal(values, expected[name], err_msg=f"{name}, slabs of {height}, {workers} workers")


def test_known_features_without_another_volume(rng: np.random.Generator) -> None:
    labelled = label_volume({"classes": (rng.random((9, 10, 11)) < 0.1).astype(np.uint8)})
    again = labelling.label([Slab(0, known=labelled.labels)], labelled.labels.shape)
    np.testing.assert_array_equal(painted(again), painted(labelled))
    np.testing.assert_array_equal(again.moments.second, labelled.moments.second)


def test_bodies_that_the_volume_cuts(rng: np.random.Generator) -> None:
    centres = np.array([[0.0, 14, 14], [0.0, 14, 29], [25, 40, 8], [25, 40, 23.5]])
    truth = balls((40, 41, 50), centres, np.full(4, 9.0))
    labelled = label_volume({"classes": (truth > 0).astype(np.uint8)})
    assert labelled.n == 2
    parts = parts_of(labelled)
    found = volume_of(parts)
    assert parts.labels.n == 4
    agreeing = [np.unique(truth[found == k], return_counts=True)[1].max() / np.count_nonzero(found == k) for k in range(1, 5)]
    assert min(agreeing) > 0.97
    np.testing.assert_array_equal(found > 0, truth > 0)


def test_only_candidates_are_split_and_those_too_large_are_named(rng: np.random.Generator) -> None:
    truth, n = pairs(rng, 2, 9.0)
    labelled = label_volume({"classes": (truth > 0).astype(np.uint8)})
    given = {"depth": 1.5, "connectivity": 26}
    some = split(labelled.labels, labelled.moments.box, np.array([2, 5]), (1, 1, 1), **given)
    assert some.labels.n == n // 2 + 2
    assert sorted(np.flatnonzero(np.bincount(some.parent) == 2)) == [2, 5]
    none = parts_of(labelled, memory=10_000)
    assert none.labels is labelled.labels
    assert none.too_large.tolist() == list(range(1, n // 2 + 1))
    assert not len(parts_of(labelled, memory=10**7).too_large)
