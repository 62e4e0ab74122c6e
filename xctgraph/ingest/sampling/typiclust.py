"""TypiClust: the most typical slice of each of as many clusters as are to be chosen.

G. Hacohen, A. Dekel and D. Weinshall, Active learning on a budget: opposite strategies suit high and low budgets, ICML 2022.
Typicality (equation 4) is one over the mean Euclidean distance to the nearest neighbours; they are looked for in the cluster, as
in the authors' code. Distances are not squared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.sampling.checks import finite, picks
from xctgraph.ingest.sampling.metric import squared_distances
from xctgraph.store.errors import InputError

NEIGHBOURS = 20
SMALLEST = 5  # clusters of fewer come after all others
MOST_CLUSTERS = 500
_TILE = 2048
# Squared distances from float32 products err by less than this share of the squared norms (1,280 columns: 2e-6).
_DOUBT = 2e-5


@dataclass(frozen=True)
class Typical:
    """What was chosen.

    Attributes
    ----------
    rows : ndarray of int64
        In the order of choice.
    mean_distance : ndarray of float64
        Of each pick to its nearest neighbours in the cluster: one over its typicality. 0 in a cluster of one.
    """

    rows: NDArray[np.int64]
    mean_distance: NDArray[np.float64]


def choose(embeddings: NDArray[np.float32], clusters: NDArray[np.integer], n: int, *, neighbours: int = NEIGHBOURS) -> Typical:
    """Choose `n` slices: of the largest cluster first, one of each, and again where there are fewer clusters than picks.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (slices, columns)
    clusters : ndarray of int, shape (slices,)
        As many clusters as picks, but at most 500.
    n
        Number of picks.
    neighbours
        Nearest neighbours that count, fewer in a cluster that has not so many.

    Raises
    ------
    InputError
        If lengths differ, `n` or `neighbours` is out of range, or an embedding is not finite.

    Notes
    -----
    At equal sizes the first cluster, at equal typicality (to 1e-6 of the distance) the smallest row.
    """
    if len(embeddings) != len(clusters):
        raise InputError(f"{len(embeddings)} embeddings and {len(clusters)} clusters: give one of each per slice")
    picks(n, len(embeddings))
    if neighbours < 1:
        raise InputError(f"neighbours = {neighbours}: one or more")
    finite(embeddings)
    sizes = np.bincount(clusters)
    by_cluster = np.split(np.argsort(clusters, kind="stable"), np.cumsum(sizes)[:-1])
    order = sorted(np.flatnonzero(sizes).tolist(), key=lambda k: (sizes[k] < SMALLEST, -sizes[k], k))
    rows: list[int] = []
    values: list[float] = []
    left = {k: by_cluster[k] for k in order}
    while len(rows) < n:
        for k in order[: n - len(rows)]:
            if len(left[k]):
                at, value = _most_typical(embeddings, left[k], neighbours)
                rows.append(int(left[k][at]))
                values.append(value)
                left[k] = np.delete(left[k], at)
    return Typical(np.array(rows, np.int64), np.array(values))


def _most_typical(x: NDArray[np.float32], rows: NDArray[np.int64], neighbours: int) -> tuple[int, float]:
    k = min(neighbours, len(rows) - 1)
    if k == 0:
        return 0, 0.0
    points = x[rows].astype(np.float32)
    points -= points.mean(axis=0, dtype=np.float64).astype(np.float32)
    norms = np.einsum("ij,ij->i", points, points)
    means, errors = np.empty(len(rows)), np.empty(len(rows))
    for start in range(0, len(rows), _TILE):
        here = slice(start, start + _TILE)
        squares = norms[here, None] + norms - 2 * (points[here] @ points.T)
        squares[np.arange(len(squares)), start + np.arange(len(squares))] = -np.inf  # not its own neighbour
        nearest = np.sqrt(np.maximum(np.partition(squares, k, axis=1)[:, 1 : k + 1], 0).astype(np.float64))
        of_square = _DOUBT * (norms[here] + norms.max()).astype(np.float64)[:, None]
        means[here] = nearest.mean(axis=1)
        errors[here] = (of_square / np.maximum(nearest, np.sqrt(of_square) + np.finfo(float).tiny)).mean(axis=1)
    doubtful = np.flatnonzero(means - errors <= (means + errors).min())
    exact = np.array([_mean_distance(x, rows, row, k) for row in rows[doubtful]])
    best = np.flatnonzero(exact <= exact.min() * (1 + 1e-6))[0]
    return int(doubtful[best]), float(exact[best])


def _mean_distance(x: NDArray[np.float32], rows: NDArray[np.int64], row: int, k: int) -> float:
    squares = squared_distances(x, rows, x[row].astype(np.float64))
    return float(np.sqrt(np.partition(squares, k)[: k + 1]).sum() / k)
