"""Functions of distance against closed forms: random points, Thomas clusters, a lattice; and against sums over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import maxwell

from xctgraph.analysis.density.nearest import nearest_neighbour_g
from xctgraph.analysis.density.ripley import Pairs, distances, l_of_k, pair_correlation
from xctgraph.analysis.density.statistics import cross_ripley, ripley
from xctgraph.analysis.density.thomas import thomas_k
from xctgraph.analysis.density.window import Window
from xctgraph.store.errors import InputError

BALL = 4 / 3 * np.pi


def cylinder() -> Window:
    _, y, x = np.indices((20, 24, 24))
    return Window((y - 11.5) ** 2 + (x - 11.5) ** 2 < 11.5**2, np.array([4.0, 4.0, 4.0]), np.array([3.0, -5.0, 0.0]))


WINDOWS = {"box": Window.box(np.zeros(3), np.array([80.0, 100.0, 90.0])), "cylinder": cylinder()}


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_k_is_the_sum_over_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = rng.uniform(5.0, 40.0, 3)
    window = Window.box(np.zeros(3), size)
    edges = distances(float(rng.uniform(1.0, 25.0)), 7)
    a, b = window.draw(int(rng.integers(2, 60)), rng), window.draw(int(rng.integers(1, 60)), rng)

    def brute(one: np.ndarray, two: np.ndarray, pairs: int) -> np.ndarray:
        weight = 1 / (size - np.abs(one[:, None] - two[None])).prod(axis=2)
        apart = cdist(one, two)
        return np.array([weight[(apart <= r) & (apart > 0)].sum() for r in edges[1:]]) * size.prod() ** 2 / pairs

    sums = Pairs(window, edges)
    assert sums.k(a) == pytest.approx(brute(a, a, len(a) * (len(a) - 1)), rel=1e-9)
    assert sums.k(a, b) == pytest.approx(brute(a, b, len(a) * len(b)), rel=1e-9)
    assert sums.inhomogeneous_k(a, np.full(len(a), 0.5)) == pytest.approx(brute(a, a, 1) * 4.0 / size.prod() ** 2, rel=1e-9)


@pytest.mark.parametrize("name", WINDOWS)
def test_random_points_have_k_of_the_ball_and_g_of_the_exponential(name: str, rng: np.random.Generator) -> None:
    window, edges = WINDOWS[name], distances(24.0, 8)
    sums, n = Pairs(window, edges), 150
    drawn = [window.draw(n, rng) for _ in range(150)]
    k = np.array([sums.k(points) for points in drawn])
    error = k.std(axis=0) / np.sqrt(len(k))
    assert (np.abs(k.mean(axis=0) - BALL * edges[1:] ** 3) < 5.5 * error).all()
    g = np.array([nearest_neighbour_g(points, window, edges[1:5]) for points in drawn])
    expected = 1 - np.exp(-BALL * edges[1:5] ** 3 * n / window.volume)
    assert np.abs(g.mean(axis=0) - expected).max() < 0.03
    both = np.array([sums.k(points[:60], points[60:]) for points in drawn])
    assert (np.abs(both.mean(axis=0) - BALL * edges[1:] ** 3) < 5.5 * both.std(axis=0) / np.sqrt(len(both))).all()


def test_thomas_clusters_have_their_k(rng: np.random.Generator) -> None:
    spread, parents, size = 6.0, 1e-4, np.array([140.0, 150.0, 160.0])
    window, edges = Window.box(np.zeros(3), size), distances(30.0, 6)
    sums, found = Pairs(window, edges), []
    for _ in range(60):
        margin = 5 * spread
        centres = rng.uniform(-margin, size + margin, (rng.poisson(parents * (size + 2 * margin).prod()), 3))
        points = np.repeat(centres, rng.poisson(4.0, len(centres)), axis=0)
        points = points + rng.normal(0, spread, points.shape)
        points = points[window.contains(points)]
        # Known intensity: the ratio with n (n - 1) in the denominator is biased where there are few clusters.
        found.append(sums.inhomogeneous_k(points, np.full(len(points), 4 * parents)))
    expected = BALL * edges[1:] ** 3 + maxwell.cdf(edges[1:], scale=np.sqrt(2) * spread) / parents
    assert thomas_k(edges[1:], parents, spread) == pytest.approx(expected, rel=1e-9)
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - expected) < 5.5 * error).all()


def test_a_lattice_has_six_neighbours_at_its_spacing() -> None:
    n, a = 6, 5.0
    points = (np.argwhere(np.ones((n, n, n))) + 0.5) * a
    window = Window.box(np.zeros(3), np.full(3, n * a))
    k = Pairs(window, distances(1.5 * a, 30)).k(points)
    per_neighbour = window.volume**2 / (len(points) * (len(points) - 1)) / a**3
    r = distances(1.5 * a, 30)[1:]
    assert k[r < a - 1e-9] == pytest.approx(0.0)
    assert k[(r >= a) & (r < np.sqrt(2) * a)] == pytest.approx(6 * per_neighbour)
    assert k[r > np.sqrt(2) * a] == pytest.approx(18 * per_neighbour)
    assert nearest_neighbour_g(points, window, np.array([0.99 * a, a]))[0] == 0.0


def test_l_and_g_follow_from_k() -> None:
    edges = distances(10.0, 5)
    k = BALL * edges[1:] ** 3
    assert l_of_k(k) == pytest.approx(edges[1:])
    assert pair_correlation(k, edges) == pytest.approx(np.ones(5))


def test_clusters_and_mixtures_are_told(seed: int) -> None:
    rng = np.random.default_rng(seed)
    window, edges = WINDOWS["cylinder"], distances(20.0, 20)
    even = window.draw(300, rng)
    tight = np.concatenate([even[:50] + rng.normal(0, 1.0, (50, 3)) for _ in range(4)])
    tight = tight[window.contains(tight)]
    found = ripley(tight, window, edges, seed=seed, n_simulations=39)
    assert found.envelope["L"].p <= 0.05
    assert found.envelope["G"].p <= 0.05
    again = ripley(tight, window, edges, seed=seed, n_simulations=39, workers=1)
    assert again.envelope["L"].p == found.envelope["L"].p
    partners = even[:100] + rng.normal(0, 1.0, (100, 3))
    beside = cross_ripley(even[:100], partners[window.contains(partners)], window, edges, seed=seed, n_simulations=39)
    assert beside.envelope["L"].p <= 0.05
    assert beside.value["g"][0] > 3


def test_distances_are_checked() -> None:
    with pytest.raises(InputError, match="give a positive distance"):
        distances(-1.0, 10)
    with pytest.raises(InputError, match="3 simulations are too few"):
        ripley(np.ones((5, 3)), WINDOWS["box"], distances(5.0, 2), n_simulations=3)
    lone = Pairs(WINDOWS["box"], distances(5.0, 2))
    assert np.isnan(lone.k(np.ones((1, 3)))).all()
