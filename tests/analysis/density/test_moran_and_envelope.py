"""Moran's I against its matrix form; the global envelope against ordering by hand and against its level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xctgraph.analysis.density.envelope import global_envelope
from xctgraph.analysis.density.moran import moran
from xctgraph.store.errors import InputError


def grid(n: int) -> np.ndarray:
    """Pairs of neighbours of an n x n grid."""
    numbers = np.arange(n * n).reshape(n, n)
    return np.concatenate([
        np.stack([numbers[:-1].ravel(), numbers[1:].ravel()], axis=1),
        np.stack([numbers[:, :-1].ravel(), numbers[:, 1:].ravel()], axis=1),
    ])  # fmt: skip


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_moran_is_its_matrix_form(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, pairs = 7, grid(7)
    value = rng.normal(size=n * n)
    weights = np.zeros((n * n, n * n))
    weights[pairs[:, 0], pairs[:, 1]] = weights[pairs[:, 1], pairs[:, 0]] = 1
    z = value - value.mean()
    found = moran(value, pairs[:, 0], pairs[:, 1], seed=seed, n_permutations=99)
    assert found.i == pytest.approx(n * n / weights.sum() * (z @ weights @ z) / (z @ z))
    assert found.expected == pytest.approx(-1 / (n * n - 1))
    assert (found.n, found.n_pairs) == (49, len(pairs))


def test_moran_tells_a_gradient_from_noise(rng: np.random.Generator) -> None:
    pairs = grid(12)
    smooth = np.add.outer(np.arange(12.0), np.arange(12.0)).ravel()
    assert moran(smooth, pairs[:, 0], pairs[:, 1]).i > 0.8
    assert moran(smooth, pairs[:, 0], pairs[:, 1]).p == pytest.approx(0.001)
    p = [moran(rng.normal(size=144), pairs[:, 0], pairs[:, 1], seed=i, n_permutations=99).p for i in range(100)]
    assert 0.3 < np.mean(p) < 0.7
    with pytest.raises(InputError, match="take smaller cells"):
        moran(np.ones(5), np.array([0]), np.array([1]))


def test_global_envelope_orders_by_extreme_ranks(rng: np.random.Generator) -> None:
    simulated = rng.normal(size=(99, 12))
    for observed in (rng.normal(size=12), np.full(12, 9.0), np.zeros(12)):
        functions = np.vstack([observed, simulated])
        up = functions.argsort(axis=0).argsort(axis=0) + 1.0
        ranks = [tuple(sorted(np.minimum(row, 101 - row))) for row in up]
        found = global_envelope(observed, simulated)
        assert found.p == pytest.approx(sum(one <= ranks[0] for one in ranks) / 100)
        outside = ((observed < found.low) | (observed > found.high)).any()
        assert outside == (found.p <= 0.05)


def test_global_envelope_keeps_its_level(rng: np.random.Generator) -> None:
    p = [global_envelope(f[0], f[1:]).p for f in np.cumsum(rng.normal(size=(400, 40, 10)), axis=2)]
    assert 0.005 < np.mean(np.array(p) <= 0.05) < 0.12
    with pytest.raises(InputError, match="at least 19"):
        global_envelope(np.zeros(3), np.zeros((9, 3)))
