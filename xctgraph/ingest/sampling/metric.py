"""Distances between embeddings, and what the choice needs of them: kernels that read each embedding once, in float64.

Embeddings are float32 as a rule; sums of their products are made in float64, so that a choice is that of float64. Only the
products of all pairs of a cluster go through float32 matrix products, and what they decide narrowly is computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
TILE = 2048
# Means of distances from float32 products err by less than this share (measured: 2e-6 of embeddings of 1,280 columns).
DOUBT = 1e-4


Kernel = TypeVar("Kernel", bound=Callable[..., object])


def _sums(kernel: Kernel) -> Kernel:
    """Compile a kernel whose sums may be made in any order: that lets them use the vector units."""
    compiled = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})(kernel)
    return cast("Kernel", compiled)


@_sums
def squared_norms(x: NDArray[np.float32], rows: Rows) -> Floats:
    """Squared length of each of the `rows` of `x`."""
    out = np.empty(len(rows))
    for k in range(len(rows)):
        row = x[rows[k]]
        total = 0.0
        for j in range(row.shape[0]):
            value = np.float64(row[j])
            total += value * value
        out[k] = total
    return out


@_sums
def products(x: NDArray[np.float32], rows: Rows, point: Floats) -> Floats:
    """Scalar product of each of the `rows` of `x` with `point`."""
    out = np.empty(len(rows))
    for k in range(len(rows)):
        row = x[rows[k]]
        total = 0.0
        for j in range(row.shape[0]):
            total += np.float64(row[j]) * point[j]
        out[k] = total
    return out


@_sums
def squared_distances(x: NDArray[np.float32], rows: Rows, point: Floats) -> Floats:
    """Squared distance of each of the `rows` of `x` from `point`, from differences: exact for near-duplicates."""
    out = np.empty(len(rows))
    for k in range(len(rows)):
        row = x[rows[k]]
        total = 0.0
        for j in range(row.shape[0]):
            difference = np.float64(row[j]) - point[j]
            total += difference * difference
        out[k] = total
    return out


@_sums
def weighted_sum(x: NDArray[np.float32], rows: Rows, weights: Floats) -> Floats:
    """Sum of the `rows` of `x`, each times its weight."""
    out = np.zeros(x.shape[1])
    for k in range(len(rows)):
        row = x[rows[k]]
        weight = weights[k]
        for j in range(row.shape[0]):
            out[j] += weight * np.float64(row[j])
    return out


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)  # type: ignore[untyped-decorator]
def _fold(
    tile: NDArray[np.float32],
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    rows: Floats,
    columns: Floats,
    top: Floats,
) -> None:
    """Turn the products of two tiles into distances: add them to the sums of rows and columns, keep the largest of each row."""
    part = np.zeros(tile.shape[1], np.float32)
    for i in range(tile.shape[0]):
        total = np.float32(0.0)
        largest = np.float32(0.0)
        for j in range(tile.shape[1]):
            square = a[i] + b[j] - np.float32(2.0) * tile[i, j]
            distance = np.sqrt(max(square, np.float32(0.0)))
            part[j] += distance
            total += distance
            largest = max(largest, distance)
        rows[i] += total
        top[i] = max(top[i], largest)
        if i % 64 == 63 or i == tile.shape[0] - 1:
            # Only short sums in float32.
            for j in range(tile.shape[1]):
                columns[j] += part[j]
                part[j] = np.float32(0.0)


def euclidean_spread(x: NDArray[np.float32], rows: Rows) -> tuple[Floats, float]:
    """Sum of the distances of each member of a cluster to all, and the cluster's largest distance.

    All pairs go through matrix products of float32 about the cluster's centroid, half of them by symmetry. The sums of the
    members within `DOUBT` of the smallest, and the largest distance, are then made exact in float64.

    Parameters
    ----------
    x : ndarray, shape (n, d)
    rows : ndarray of int64
        Members of the cluster.

    Returns
    -------
    sums : ndarray of float64, as many as `rows`
    largest : float
    """
    n = len(rows)
    centre = weighted_sum(x, rows, np.ones(n)) / n
    sums, top = np.zeros(n), np.zeros(n)
    for start, left, left_norms in _tiles(x, rows, centre, 0, np.float32):
        for other, right, right_norms in _tiles(x, rows, centre, start, np.float32):
            tile = left @ right.T
            here, there = slice(start, start + len(left)), slice(other, other + len(right))
            # The tile on the diagonal is its own mirror image.
            mirrored = sums[there] if other != start else np.zeros(len(left))
            _fold(tile, left_norms, right_norms, sums[here], mirrored, top[here])
    doubtful = np.flatnonzero((sums <= sums.min() * (1 + DOUBT)) | (top >= top.max() * (1 - DOUBT)))
    largest = 0.0
    for start in range(0, len(doubtful), TILE):
        chosen = doubtful[start : start + TILE]
        sums[chosen], found = _exact(x, rows, centre, rows[chosen])
        largest = max(largest, found)
    return sums, largest


def _exact(x: NDArray[np.float32], rows: Rows, centre: Floats, chosen: Rows) -> tuple[Floats, float]:
    if len(chosen) <= 16:
        distances = np.stack([np.sqrt(squared_distances(x, rows, x[row].astype(np.float64))) for row in chosen])
        return distances.sum(axis=1), float(distances.max())
    left = x[chosen] - centre
    norms = np.einsum("ij,ij->i", left, left)
    sums, largest = np.zeros(len(chosen)), 0.0
    for _, right, right_norms in _tiles(x, rows, centre, 0, np.float64):
        squares = np.maximum(norms[:, None] + right_norms - 2 * (left @ right.T), 0)
        sums += np.sqrt(squares).sum(axis=1)
        largest = max(largest, float(np.sqrt(squares.max())))
    return sums, largest


def _tiles(
    x: NDArray[np.float32], rows: Rows, centre: Floats, start: int, kind: type[np.floating[Any]]
) -> Iterator[tuple[int, NDArray[Any], NDArray[Any]]]:
    for first in range(start, len(rows), TILE):
        tile = x[rows[first : first + TILE]].astype(kind, copy=False)
        tile -= centre.astype(kind)
        yield first, tile, np.einsum("ij,ij->i", tile, tile)
