"""Sums over pairs of points within a radius, each weighted by the chance to have seen it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xctgraph.store.jit import njit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def pair_sums(
    a: Floats, b: Floats | None, weight_a: Floats, weight_b: Floats, edges: Floats, covariance: Floats, spacing: Floats
) -> Floats:
    """Sum of weight_a weight_b / covariance(b - a) over the pairs of points, by their distance.

    Parameters
    ----------
    a, b : (n, 3), (m, 3) float
        Points, micrometres; without b the ordered pairs of two different points of a.
    weight_a, weight_b : (n,), (m,) float
    edges : (k + 1,) float
        Rising from 0 in equal steps.
    covariance : (2 mz + 1, 2 my + 1, 2 mx + 1) float
        Set covariance of the window for moves of whole voxels; see `Window.set_covariance`.
    spacing : (3,) float

    Returns
    -------
    (k,) float
        For pairs with edges[i] < distance <= edges[i + 1].
    """
    other, weight = (a, weight_a) if b is None else (b, weight_b)
    if not len(a) or not len(other):
        return np.zeros(len(edges) - 1)
    radius = float(edges[-1])
    low = np.minimum(a.min(axis=0), other.min(axis=0))
    extent = np.maximum(a.max(axis=0), other.max(axis=0)) - low
    # Cells of half the radius visit fewer pairs in vain than cells of the radius.
    edge = np.maximum(radius / 2, extent / (4 * np.cbrt(len(other)) + 1))
    edge[edge == 0] = 1.0
    cells = (extent // edge).astype(np.int64) + 1
    order, start = _sorted(other, low, edge, cells)
    mine = np.argsort(_number(a, low, edge, cells), kind="stable")
    reach = np.ceil(radius / edge).astype(np.int64)
    return _visit(
        a[mine], weight_a[mine], other[order], weight[order], b is None, low, edge, cells, start, reach, radius, len(edges) - 1,
        covariance, np.asarray(spacing, np.float64),
    )  # fmt: skip


def _number(points: Floats, low: Floats, edge: Floats, cells: Ints) -> Ints:
    cell = np.minimum(((points - low) // edge).astype(np.int64), cells - 1)
    number: Ints = (cell[:, 0] * cells[1] + cell[:, 1]) * cells[2] + cell[:, 2]
    return number


def _sorted(points: Floats, low: Floats, edge: Floats, cells: Ints) -> tuple[Ints, Ints]:
    number = _number(points, low, edge, cells)
    order = np.argsort(number, kind="stable")
    return order, np.searchsorted(number[order], np.arange(cells.prod() + 1)).astype(np.int64)


@njit
def _visit(
    a: Floats,
    weight_a: Floats,
    b: Floats,
    weight_b: Floats,
    same: bool,
    low: Floats,
    edge: Floats,
    cells: Ints,
    start: Ints,
    reach: Ints,
    radius: float,
    n_bins: int,
    covariance: Floats,
    spacing: Floats,
) -> Floats:
    total = np.zeros(n_bins)
    scale = n_bins / radius
    limit = radius * radius
    for i in range(len(a)):
        cz = min(int((a[i, 0] - low[0]) // edge[0]), cells[0] - 1)
        cy = min(int((a[i, 1] - low[1]) // edge[1]), cells[1] - 1)
        cx = min(int((a[i, 2] - low[2]) // edge[2]), cells[2] - 1)
        x0 = max(cx - reach[2], 0)
        x1 = min(cx + reach[2], cells[2] - 1)
        for z in range(max(cz - reach[0], 0), min(cz + reach[0], cells[0] - 1) + 1):
            for y in range(max(cy - reach[1], 0), min(cy + reach[1], cells[1] - 1) + 1):
                row = (z * cells[1] + y) * cells[2]
                for j in range(start[row + x0], start[row + x1 + 1]):
                    # In one set both points are in the same order: each pair is met once, and counts in both.
                    if same and j <= i:
                        continue
                    dz = b[j, 0] - a[i, 0]
                    dy = b[j, 1] - a[i, 1]
                    dx = b[j, 2] - a[i, 2]
                    square = dz * dz + dy * dy + dx * dx
                    if square > limit:
                        continue
                    shared = _between(covariance, dz / spacing[0], dy / spacing[1], dx / spacing[2])
                    if shared > 0.0:
                        k = min(max(int(np.ceil(np.sqrt(square) * scale)) - 1, 0), n_bins - 1)
                        total[k] += weight_a[i] * weight_b[j] / shared
    if same:
        total *= 2.0
    return total


@njit
def _between(covariance: Floats, z: float, y: float, x: float) -> float:
    """Set covariance at a move in voxels, linear along each axis between whole ones."""
    mz, my, mx = covariance.shape[0] // 2, covariance.shape[1] // 2, covariance.shape[2] // 2
    z, y, x = z + mz, y + my, x + mx
    k, j, i = (
        min(max(int(z), 0), 2 * mz - 1),
        min(max(int(y), 0), 2 * my - 1),
        min(max(int(x), 0), 2 * mx - 1),
    )
    w, v, u = z - k, y - j, x - i
    value = 0.0
    for c in range(2):
        for d in range(2):
            for e in range(2):
                share = (w if c else 1.0 - w) * (v if d else 1.0 - v) * (u if e else 1.0 - u)
                value += share * covariance[k + c, j + d, i + e]
    return value
