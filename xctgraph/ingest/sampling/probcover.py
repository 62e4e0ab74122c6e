"""ProbCover: the slices whose balls of one radius in the embedding cover the most others.

O. Yehuda, A. Dekel, G. Hacohen and D. Weinshall, Active learning through a covering lens, NeurIPS 2022. A slice covers all whose
Euclidean distance is at most delta, itself too; the next pick is the slice that covers the most of those not covered yet.

Whether two slices are neighbours is decided in float64, pair by pair, but for few pairs: the first principal components give a
lower bound of the distance that rules most pairs out by a short matrix product. No list of neighbours is kept, so memory does not
grow with the square of the slices, nor with their number of neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.sampling.checks import finite, picks
from xctgraph.ingest.sampling.components import Components
from xctgraph.ingest.sampling.metric import squared_distances
from xctgraph.store.errors import InputError

TILE = 2048
# Of a tile of pairs with more survivors than this share, a full matrix product is cheaper than distances one by one.
_MANY = 0.03
# Squared distances from float32 products err by less than this share of the squared norms (1,280 columns: 2e-6).
_DOUBT = np.float32(2e-5)


@dataclass(frozen=True)
class Cover:
    """What was chosen.

    Attributes
    ----------
    rows : ndarray of int64
        In the order of choice.
    gains : ndarray of int64
        Slices that each pick covers and none before it did.
    covered : float
        Share of all slices that the picks cover.
    """

    rows: NDArray[np.int64]
    gains: NDArray[np.int64]
    covered: float


def choose(
    embeddings: NDArray[np.float32],
    n: int,
    delta: float,
    order: NDArray[np.int64] | None = None,
    components: Components | None = None,
) -> Cover:
    """Choose `n` slices greedily; at equal gains the smallest row.

    Where all are covered before `n` are chosen, covering begins anew among those not chosen.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (slices, columns)
    n
        Number of picks.
    delta
        Radius, in units of the embedding: see `radius`.
    order : ndarray of int64, shape (slices,)
        Order to compare them in, with similar ones close together, such as by cluster: saves time, changes nothing.

    Raises
    ------
    InputError
        If `n` or `delta` is out of range, or an embedding is not finite.
    """
    picks(n, len(embeddings))
    if not (np.isfinite(delta) and delta >= 0):
        raise InputError(f"delta = {delta:g} is the radius of a ball in the embedding: a finite number, 0 or more")
    finite(embeddings)
    space = components or Components.of(embeddings)
    degree = _degrees(space, np.arange(len(embeddings)) if order is None else order, delta)
    gain, everything = degree.copy(), np.arange(len(degree))
    chosen, covered, ever = (np.zeros(len(degree), bool) for _ in range(3))
    rows: list[int] = []
    gains: list[int] = []
    for _ in range(n):
        if covered.all():
            covered, gain = np.zeros(len(degree), bool), degree.copy()
        pick = int(np.argmax(np.where(chosen, -1, gain)))
        chosen[pick] = True
        rows.append(pick)
        gains.append(int(gain[pick]))
        # Only what is within two radii of the pick can be a neighbour of what it covers.
        close = everything[space.lower_bounds(pick) <= 2 * delta * (1 + 1e-5) + space.slack]
        inside = close[np.sqrt(squared_distances(embeddings, close, embeddings[pick].astype(np.float64))) <= delta]
        new = inside[~covered[inside]]
        covered[new] = True
        ever[new] = True
        _count(space, close, new, delta, gain, -1)
    return Cover(np.array(rows, np.int64), np.array(gains, np.int64), float(ever.mean()))


def radius(
    embeddings: NDArray[np.float32], clusters: NDArray[np.integer], *, purity: float = 0.95, sample: int = 1000, seed: int = 0
) -> float:
    """Largest delta at which a share `purity` of the balls holds slices of one cluster only (section 3.3 of the paper).

    A ball is pure as long as delta is below the distance to the nearest slice of another cluster: the quantile ``1 - purity`` of
    that distance, over `sample` slices drawn at random, against all.

    Raises
    ------
    InputError
        If there are fewer than two clusters, or `purity` is not between 0 and 1.
    """
    if not 0 < purity < 1:
        raise InputError(f"purity = {purity:g} is a share of balls: between 0 and 1")
    if len(np.unique(clusters)) < 2:
        raise InputError("a radius by purity needs two clusters or more: give delta, or cluster into more")
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.permutation(len(embeddings))[:sample])
    centre = embeddings[drawn].mean(axis=0, dtype=np.float64).astype(np.float32)
    left = embeddings[drawn] - centre
    norms = np.einsum("ij,ij->i", left, left)
    nearest = np.full(len(drawn), np.inf, np.float32)
    which = np.zeros(len(drawn), np.int64)
    for start in range(0, len(embeddings), TILE):
        right = embeddings[start : start + TILE] - centre
        squares = norms[:, None] + np.einsum("ij,ij->i", right, right) - 2 * (left @ right.T)
        squares[clusters[drawn][:, None] == clusters[start : start + TILE]] = np.inf
        best = squares.argmin(axis=1)
        value = squares[np.arange(len(drawn)), best]
        nearer = value < nearest
        nearest[nearer], which[nearer] = value[nearer], start + best[nearer]
    apart = np.linalg.norm(embeddings[drawn].astype(np.float64) - embeddings[which], axis=1)
    impure = int((1 - purity) * len(apart) + 1e-9)  # so many may be
    return float(np.nextafter(np.sort(apart)[impure], 0))


def _degrees(space: Components, order: NDArray[np.int64], delta: float) -> NDArray[np.int64]:
    """Number of slices within `delta` of each, itself too."""
    degree = np.zeros(len(order), np.int64)
    tiles = [order[start : start + TILE] for start in range(0, len(order), TILE)]
    balls = [space.ball(tile) for tile in tiles]
    for i, left in enumerate(tiles):
        whole = space.centred(left)
        for j in range(i, len(tiles)):
            gap = float(np.linalg.norm(balls[i][0] - balls[j][0])) - balls[i][1] - balls[j][1]
            if gap <= delta + space.slack:
                _tile(space, left, whole, tiles[j], delta, degree, 1, mirrored=i != j)
    return degree


def _count(
    space: Components, left: NDArray[np.int64], right: NDArray[np.int64], delta: float, count: NDArray[np.int64], sign: int
) -> None:
    """Add, to the count of each of `left`, `sign` for each of `right` within `delta`."""
    for start in range(0, len(left), TILE):
        for other in range(0, len(right), TILE):
            _tile(space, left[start : start + TILE], None, right[other : other + TILE], delta, count, sign, mirrored=False)


def _tile(
    space: Components,
    left: NDArray[np.int64],
    whole: NDArray[np.float32] | None,
    right: NDArray[np.int64],
    delta: float,
    count: NDArray[np.int64],
    sign: int,
    *,
    mirrored: bool,
) -> None:
    limit = np.float32(delta * delta)
    a, b = space.norms[left], space.norms[right]
    kept = _within(space.leading[left] @ space.leading[right].T, a, b, limit, _DOUBT)
    if len(kept) <= _MANY * len(left) * len(right):
        _pairs(space.x, left, right, kept, delta, count, sign, mirrored)
        return
    whole = space.centred(left) if whole is None else whole
    second = space.centred(right)
    a, b = np.einsum("ij,ij->i", whole, whole), np.einsum("ij,ij->i", second, second)
    doubtful = _sure(whole @ second.T, a, b, limit, _DOUBT, left, right, count, sign, mirrored)
    _pairs(space.x, left, right, doubtful, delta, count, sign, mirrored)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _within(
    tile: NDArray[np.float32], a: NDArray[np.float32], b: NDArray[np.float32], limit: np.float32, doubt: np.float32
) -> NDArray[np.int64]:
    """Places in the tile, row by row, of the pairs that the products don't rule out."""
    rows, columns = tile.shape
    near = np.empty(rows, np.int64)
    slack = np.float32(1) - doubt
    for i in range(rows):
        bound = limit - a[i] * slack
        total = 0
        for j in range(columns):
            total += b[j] * slack - np.float32(2) * tile[i, j] <= bound
        near[i] = total
    places = np.empty(near.sum(), np.int64)
    at = 0
    for i in range(rows):
        if near[i]:
            bound = limit - a[i] * slack
            for j in range(columns):
                if b[j] * slack - np.float32(2) * tile[i, j] <= bound:
                    places[at] = i * columns + j
                    at += 1
    return places


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sure(
    tile: NDArray[np.float32],
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    limit: np.float32,
    doubt: np.float32,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    count: NDArray[np.int64],
    sign: int,
    mirrored: bool,
) -> NDArray[np.int64]:
    """Count the pairs that the products decide; the places of the others."""
    rows, columns = tile.shape
    n_open = 0
    for i in range(rows):
        total = 0
        for j in range(columns):
            square = a[i] + b[j] - np.float32(2) * tile[i, j]
            margin = doubt * (a[i] + b[j])
            sure = square < limit - margin
            total += sure
            n_open += not sure and square <= limit + margin
            if mirrored and sure:
                count[right[j]] += sign
        count[left[i]] += sign * total
    places = np.empty(n_open, np.int64)
    at = 0
    for i in range(rows):
        for j in range(columns):
            square = a[i] + b[j] - np.float32(2) * tile[i, j]
            margin = doubt * (a[i] + b[j])
            if at < n_open and limit - margin <= square <= limit + margin:
                places[at] = i * columns + j
                at += 1
    return places


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})  # type: ignore[untyped-decorator]
def _pairs(
    x: NDArray[np.float32],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    places: NDArray[np.int64],
    delta: float,
    count: NDArray[np.int64],
    sign: int,
    mirrored: bool,
) -> None:
    for place in places:
        i, j = left[place // len(right)], right[place % len(right)]
        row, other = x[i], x[j]
        total = 0.0
        for c in range(row.shape[0]):
            difference = np.float64(row[c]) - np.float64(other[c])
            total += difference * difference
        if np.sqrt(total) <= delta:
            count[i] += sign
            if mirrored:
                count[j] += sign
