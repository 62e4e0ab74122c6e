"""ProbCover against its definition on all pairs in float64, and against scikit-activeml."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from xctgraph.ingest.sampling import probcover
from xctgraph.store.errors import InputError

Floats = NDArray[np.float64]


def blobs(rng: np.random.Generator, n: int, columns: int, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    labels = rng.integers(0, k, n)
    centres = rng.normal(size=(k, columns)) * 3 + 20
    return (centres[labels] + rng.normal(size=(n, columns))).astype(np.float32), labels


def brute(x: NDArray[np.float32], n: int, delta: float) -> tuple[list[int], list[int]]:
    near = cdist(x.astype(np.float64), x.astype(np.float64)) <= delta
    np.fill_diagonal(near, True)
    open_ = np.ones(len(x), bool)
    rows, gains = [], []
    for _ in range(n):
        if not open_.any():
            open_[:] = True
        gain = near[:, open_].sum(axis=1)
        gain[rows] = -1
        rows.append(int(np.argmax(gain)))
        gains.append(int(gain[rows[-1]]))
        open_ &= ~near[rows[-1]]
    return rows, gains


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(5, 150), share=st.floats(0, 1), copies=st.booleans())
def test_picks_are_those_of_the_definition(seed: int, n: int, share: float, copies: bool) -> None:
    rng = np.random.default_rng(seed)
    x, labels = blobs(rng, n, 9, 4)
    if copies:
        x = x[rng.integers(0, n, n)]
    apart = cdist(x.astype(np.float64), x.astype(np.float64))
    # Halfway between two distances: rounding does not decide.
    values = np.unique(apart.round(7))
    at = min(int(share * len(values)), len(values) - 1)
    delta = float(values[at] + (values[at + 1] if at + 1 < len(values) else values[at] + 1)) / 2
    count = int(rng.integers(1, n + 1))
    found = probcover.choose(x, count, delta, order=np.argsort(labels, kind="stable"))
    rows, gains = brute(x, count, delta)
    assert found.rows.tolist() == rows
    assert found.gains.tolist() == gains
    assert found.covered == (apart[rows] <= delta).any(axis=0).mean()


@pytest.mark.parametrize("columns", [12, 200], ids=["whole", "bounded"])
@pytest.mark.parametrize("quantile", [0.001, 0.2, 0.9])
def test_many_tiles(rng: np.random.Generator, columns: int, quantile: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short and full products, tiles that are ruled out whole and such as hold most pairs give the same."""
    monkeypatch.setattr(probcover, "TILE", 128)
    x, labels = blobs(rng, 1500, columns, 6)
    delta = float(np.quantile(cdist(x[:400].astype(np.float64), x[:400].astype(np.float64)), quantile)) + 1e-5
    for order in (None, np.argsort(labels)):
        found = probcover.choose(x, 25, delta, order=order)
        rows, gains = brute(x, 25, delta)
        assert (found.rows.tolist(), found.gains.tolist()) == (rows, gains)


def test_scikit_activeml_agrees(rng: np.random.Generator) -> None:
    """Both are greedy; ties there are broken at random, so gains are compared, and picks up to the first tie."""
    from skactiveml.pool import ProbCover

    x, labels = blobs(rng, 400, 20, 5)
    # Between two distances that lie apart: the peer rounds otherwise.
    near = np.sort(cdist(x.astype(np.float64), x.astype(np.float64)).ravel())
    near = near[np.searchsorted(near, probcover.radius(x, labels, sample=400)) :][:60]
    at = int(np.argmax(np.diff(near)))
    delta = float(near[at : at + 2].mean())
    peer = ProbCover(deltas=[delta], random_state=0)
    with pytest.warns(UserWarning, match="maximum purity"):  # of a radius that is given
        theirs, utilities = peer.query(x, np.full(len(x), np.nan), batch_size=15, return_utilities=True)
    ours = probcover.choose(x, 15, delta)
    assert ours.rows[0] in np.flatnonzero(utilities[0] == np.nanmax(utilities[0]))
    for found, pick, gain, utility in zip(theirs, ours.rows, ours.gains, utilities, strict=True):
        assert np.nanmax(utility) == gain
        if (utility == gain).sum() > 1:
            break
        assert found == pick


def test_radius_is_that_of_pure_balls(rng: np.random.Generator) -> None:
    x, labels = blobs(rng, 500, 6, 3)
    apart = cdist(x.astype(np.float64), x.astype(np.float64))

    def purity(delta: float) -> float:
        impure = (apart <= delta) & (labels[:, None] != labels)
        return 1 - float(impure.any(axis=1).mean())

    delta = probcover.radius(x, labels, purity=0.9, sample=500)
    assert purity(delta) >= 0.9
    assert purity(delta * (1 + 1e-12)) < 0.9


def test_wrong_input_is_named() -> None:
    x = np.ones((9, 2), np.float32)
    with pytest.raises(InputError, match="10 slices cannot be chosen from 9: choose 1 to 9"):
        probcover.choose(x, 10, 1.0)
    with pytest.raises(InputError, match="delta = nan is the radius of a ball"):
        probcover.choose(x, 1, float("nan"))
    with pytest.raises(InputError, match="embedding 0 is not finite"):
        probcover.choose(np.full((3, 2), np.nan, np.float32), 1, 1.0)
    with pytest.raises(InputError, match="two clusters or more"):
        probcover.radius(x, np.zeros(9, int))
    with pytest.raises(InputError, match="purity = 1 is a share"):
        probcover.radius(x, np.arange(9), purity=1)
