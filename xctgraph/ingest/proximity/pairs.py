"""Pairs of points of two sets within a radius, by a cell list."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xctgraph.store.jit import njit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def pairs(a: Floats, b: Floats, radius: float) -> tuple[Ints, Ints, Floats]:
    """All pairs of a point of `a` (n, 3) with one of `b` (m, 3) at most `radius` apart.

    Returns
    -------
    i, j : (p,) int64
        Indices into a and b, sorted by i.
    distance : (p,) float64
    """
    if not len(a) or not len(b):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    low = b.min(axis=0)
    extent = b.max(axis=0) - low
    edge = np.maximum(radius, extent / (2 * np.cbrt(len(b)) + 1))
    edge[edge == 0] = 1.0
    cells = (extent // edge).astype(np.int64) + 1
    cell = np.minimum(((b - low) // edge).astype(np.int64), cells - 1)
    number = (cell[:, 0] * cells[1] + cell[:, 1]) * cells[2] + cell[:, 2]
    order = np.argsort(number, kind="stable")
    start = np.searchsorted(number[order], np.arange(cells.prod() + 1))
    counts, j, distance = _visit(a, b[order], order, low, edge, cells, start, radius)
    return np.repeat(np.arange(len(a)), counts), j, distance


def best_mutual(n: int, m: int, i: Ints, j: Ints, cost: Floats) -> NDArray[np.bool_]:
    """Which pairs are the cheapest both of their i (0 .. n - 1) and of their j (0 .. m - 1); the first of equals."""
    return _mutual(n, m, i, j, cost)


@njit
def _visit(
    a: Floats, b: Floats, order: Ints, low: Floats, edge: Floats, cells: Ints, start: Ints, radius: float
) -> tuple[Ints, Ints, Floats]:
    """Number of neighbours of each point of a, and these with their distances, one after another."""
    counts = np.zeros(len(a), np.int64)
    other = np.empty(4 * len(a) + 16, np.int64)
    distance = np.empty(len(other), np.float64)
    limit = radius * radius * (1.0 + 1e-9)
    n = 0
    for i in range(len(a)):
        cz = int(np.floor((a[i, 0] - low[0]) / edge[0]))
        cy = int(np.floor((a[i, 1] - low[1]) / edge[1]))
        cx = int(np.floor((a[i, 2] - low[2]) / edge[2]))
        x0 = max(cx - 1, 0)
        x1 = min(cx + 1, cells[2] - 1)
        if x0 > x1:
            continue
        before = n
        for z in range(max(cz - 1, 0), min(cz + 1, cells[0] - 1) + 1):
            for y in range(max(cy - 1, 0), min(cy + 1, cells[1] - 1) + 1):
                row = (z * cells[1] + y) * cells[2]
                for k in range(start[row + x0], start[row + x1 + 1]):
                    dz = b[k, 0] - a[i, 0]
                    dy = b[k, 1] - a[i, 1]
                    dx = b[k, 2] - a[i, 2]
                    square = dz * dz + dy * dy + dx * dx
                    if square > limit:
                        continue
                    d = np.sqrt(square)
                    if d <= radius:
                        if n == len(other):
                            other = np.append(other, np.empty(n, np.int64))
                            distance = np.append(distance, np.empty(n, np.float64))
                        other[n] = order[k]
                        distance[n] = d
                        n += 1
        counts[i] = n - before
    return counts, other[:n].copy(), distance[:n].copy()


@njit
def _mutual(n: int, m: int, i: Ints, j: Ints, cost: Floats) -> NDArray[np.bool_]:
    best_i = np.full(n, -1, np.int64)
    best_j = np.full(m, -1, np.int64)
    for k in range(len(i)):
        if best_i[i[k]] < 0 or cost[k] < cost[best_i[i[k]]]:
            best_i[i[k]] = k
        if best_j[j[k]] < 0 or cost[k] < cost[best_j[j[k]]]:
            best_j[j[k]] = k
    chosen = np.zeros(len(i), np.bool_)
    for k in range(len(i)):
        chosen[k] = best_i[i[k]] == k and best_j[j[k]] == k
    return chosen
