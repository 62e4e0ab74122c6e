"""Windows against sums over pairs of voxels and against counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xctgraph.analysis.density.pair_sums import pair_sums
from xctgraph.analysis.density.window import Window
from xctgraph.store.errors import InputError

seeds = st.integers(0, 2**32 - 1)


def random_window(rng: np.random.Generator) -> Window:
    inside = rng.random(rng.integers(1, 6, 3)) < 0.7
    inside.flat[0] = True
    return Window(inside, rng.uniform(0.5, 2.0, 3), rng.normal(size=3))


def shared(window: Window, move: np.ndarray) -> float:
    """Volume that the voxels share with themselves moved: the sum over all pairs of voxels of the overlap of two boxes."""
    corners = window.origin + np.argwhere(window.inside) * window.spacing
    apart = corners[:, None] + move - corners[None]
    return float(np.maximum(window.spacing - np.abs(apart), 0).prod(axis=2).sum())


@settings(deadline=None, max_examples=40)
@given(seeds)
def test_pairs_are_weighted_by_the_volume_that_the_moved_window_shares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    window = random_window(rng)
    a, b = window.draw(1, rng), window.draw(1, rng)
    reach = 1.01 * float(np.linalg.norm(a - b)) + 1e-6
    weight = np.array([2.0])
    for one, two in ((a, b), (b, a)):
        found = pair_sums(one, two, weight, weight, np.array([0.0, reach]), window.set_covariance(reach), window.spacing)
        assert found[0] == pytest.approx(4.0 / shared(window, a[0] - b[0]), rel=1e-9)


@settings(deadline=None, max_examples=25)
@given(seeds)
def test_points_are_drawn_inside_and_everywhere(seed: int) -> None:
    rng = np.random.default_rng(seed)
    window = random_window(rng)
    points = window.draw(4000, rng)
    assert window.contains(points).all()
    assert not window.contains(points + (window.high - window.origin)).any()
    voxel = np.floor((points - window.origin) / window.spacing).astype(int)
    count = np.zeros(window.inside.shape)
    np.add.at(count, tuple(voxel.T), 1)
    mean = 4000 / window.inside.sum()
    assert (np.abs(count[window.inside] - mean) < 6 * np.sqrt(mean) + 6).all()


def test_depth_of_a_box_and_of_the_same_box_as_a_mask(rng: np.random.Generator) -> None:
    size = np.array([24.0, 30.0, 18.0])
    box = Window.box(np.zeros(3), size)
    padded = np.zeros((26, 32, 20), np.bool_)
    padded[1:-1, 1:-1, 1:-1] = True
    mask = Window(padded, np.ones(3), -np.ones(3))
    points = box.draw(300, rng)
    exact = np.minimum(points, size - points).min(axis=1)
    assert box.border_distance(points) == pytest.approx(exact)
    assert np.abs(mask.border_distance(points) - exact).max() <= 0.5 + 1e-9
    depth = np.array([0.0, 1.0, 4.0, 8.9])
    assert box.eroded(depth) == pytest.approx([(size - 2 * d).prod() for d in depth])
    assert mask.volume == box.volume
    assert mask.eroded(depth[1:3]) == pytest.approx(box.eroded(depth[1:3]), rel=0.01)


def test_a_window_without_volume_is_refused() -> None:
    with pytest.raises(InputError, match="at least one true voxel"):
        Window(np.zeros((2, 2, 2), np.bool_), np.ones(3), np.zeros(3))
    with pytest.raises(InputError, match="must be positive"):
        Window.box(np.zeros(3), np.array([1.0, 0.0, 1.0]))
