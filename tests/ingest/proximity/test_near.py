from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from tests.ingest.proximity.volumes import features, random_volume, runs, seeds, spacings
from xctgraph.ingest.proximity import near
from xctgraph.ingest.proximity.gaps import gaps
from xctgraph.store.errors import InputError


def brute(volume: np.ndarray, n: int, spacing: tuple[float, float, float], radius: float) -> dict[tuple[int, int], float]:
    points = [np.argwhere(volume == k + 1) for k in range(n)]

    def closest(a: np.ndarray, b: np.ndarray) -> float:
        # Differences of voxel indices, and not of positions, so that pairs exactly at the radius are decided without rounding.
        z, y, x = (np.subtract.outer(a[:, k], b[:, k]) * spacing[k] for k in range(3))
        return float(np.sqrt(z * z + y * y + x * x).min())

    found = {(a + 1, b + 1): closest(points[a], points[b]) for a in range(n) for b in range(a + 1, n)}
    return {pair: gap for pair, gap in found.items() if gap <= radius}


@settings(deadline=None, max_examples=40)
@given(seeds, spacings, st.floats(0.4, 40.0))
def test_gaps_are_those_of_all_voxels(seed: int, spacing: tuple[float, float, float], radius: float) -> None:
    volume, kinds = random_volume(seed)
    table = near(runs(volume), features(volume, kinds, spacing), spacing, radius)
    expected = brute(volume, len(kinds), spacing, radius)
    pairs = list(zip(table["source"].to_pylist(), table["target"].to_pylist(), strict=True))
    assert pairs == sorted(expected)
    np.testing.assert_allclose(table["gap"].to_numpy(), [expected[pair] for pair in pairs], rtol=1e-12)
    centre = np.array([(np.argwhere(volume == k + 1) * np.asarray(spacing)).mean(axis=0) for k in range(len(kinds))]).reshape(
        -1, 3
    )
    distance = [np.linalg.norm(centre[b - 1] - centre[a - 1]) for a, b in pairs]
    np.testing.assert_allclose(table["distance"].to_numpy(), distance, rtol=1e-9, atol=1e-12)


def test_face_neighbours_are_one_voxel_edge_apart_and_the_radius_is_inclusive() -> None:
    volume = np.zeros((1, 1, 8), np.int32)
    volume[0, 0, 1], volume[0, 0, 2:4], volume[0, 0, 6] = 1, 2, 3
    table = near(runs(volume), features(volume, ["pore", "inclusion", "pore"], (9.0, 9.0, 2.0)), (9.0, 9.0, 2.0), 6.0)
    assert table.drop_columns(["distance"]).to_pylist() == [
        {"source": 1, "target": 2, "gap": 2.0},
        {"source": 2, "target": 3, "gap": 6.0},
    ]
    assert near(runs(volume), features(volume, ["pore"] * 3, (9.0, 9.0, 2.0)), (9.0, 9.0, 2.0), 1.99).num_rows == 0


def test_rows_of_the_features_may_come_in_any_order(rng: np.random.Generator) -> None:
    volume, kinds = random_volume(int(rng.integers(2**32)))
    table = features(volume, kinds, (1.0, 2.0, 1.0))
    mixed = table.take(pa.array(rng.permutation(len(kinds))))
    assert near(runs(volume), mixed, (1.0, 2.0, 1.0), 9.0).equals(near(runs(volume), table, (1.0, 2.0, 1.0), 9.0))


def test_a_scan_without_features_has_no_pairs() -> None:
    volume = np.zeros((3, 3, 3), np.int32)
    table = near(runs(volume), features(volume, [], (1.0, 1.0, 1.0)), (1.0, 1.0, 1.0), 5.0)
    assert table.num_rows == 0
    assert table.schema.types == [pa.int64(), pa.int64(), pa.float64(), pa.float64()]


def test_wrong_input_is_named() -> None:
    volume = np.ones((2, 2, 2), np.int32)
    volume[0] = 2
    table = features(volume, ["pore", "pore"], (1.0, 1.0, 1.0))
    with pytest.raises(InputError, match=r"near gap 0\.0 um must be positive"):
        near(runs(volume), table, (1.0, 1.0, 1.0), 0.0)
    with pytest.raises(InputError, match=r"holds label 2, but there are only 1 features"):
        near(runs(volume), table.slice(0, 1), (1.0, 1.0, 1.0), 1.0)
    with pytest.raises(InputError, match=r"labels 1 to 1 once each: 1 is missing"):
        near(runs(volume), table.slice(1, 1), (1.0, 1.0, 1.0), 1.0)


def test_a_large_fracture_does_not_slow_the_search(rng: np.random.Generator) -> None:
    n, size = 20_000, 600
    ball = np.argwhere(np.ones((5, 5, 5))) - 2
    ball = ball[(ball**2).sum(axis=1) <= 4]
    centre = rng.integers(5, size - 5, (n, 3))
    y, x = np.mgrid[:size, :size]
    z = (size / 2 + 8 * np.sin(x / 37)).astype(np.int64)
    sheet = np.concatenate([np.stack([z + k, y, x], axis=-1).reshape(-1, 3) for k in (0, 3)])
    voxels = np.concatenate([(centre[:, None] + ball).reshape(-1, 3), sheet]).astype(np.int32)
    owner = np.r_[np.repeat(np.arange(n), len(ball)), np.full(len(sheet), n)].astype(np.int32)
    gaps(voxels[:10], owner[:10], 1, (1.0, 1.0, 1.0), 15.0)
    start = time.process_time()
    first, second, gap = gaps(voxels, owner, n + 1, (1.0, 1.0, 1.0), 15.0)
    assert time.process_time() - start < 5
    distance, _ = cKDTree(sheet).query(voxels[: n * len(ball)], distance_upper_bound=20)
    closest = distance.reshape(n, -1).min(axis=1)
    np.testing.assert_array_equal(first[second == n], np.flatnonzero(closest <= 15))
    apart = closest[first[second == n]] > 0  # these inclusions are laid across the sheet: real features don't share voxels
    np.testing.assert_allclose(gap[second == n][apart], closest[closest <= 15][apart], rtol=1e-12)
