"""Smallest distance between the surfaces of features: branch and bound over pieces, exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.proximity.pieces import cut
from xctgraph.store.jit import njit

Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def gaps(
    voxels: NDArray[np.int32],
    owner: NDArray[np.int32],
    n_owners: int,
    spacing: tuple[float, float, float],
    radius: float,
    *,
    split: int = 0,
) -> Pairs:
    """All pairs of features whose voxel centres come within `radius`, with that smallest distance.

    The closest voxels of two disjoint features always lie on their surfaces (have a face neighbour outside), so surfaces suffice.

    Parameters
    ----------
    voxels : (n, 3) int32
        Surface voxels (z, y, x).
    owner : (n,) int32
        Index of the feature of each voxel, 0 .. n_owners - 1.
    n_owners : int
    spacing : (dz, dy, dx), micrometres
    radius : float, micrometres
        The decision `gap <= radius` is made in float64.
    split : int
        If positive, only pairs of an owner below `split` with one at or above it.

    Returns
    -------
    first, second : (p,) int64
        Indices with first < second, sorted.
    gap : (p,) float64, micrometres
    """
    pieces = cut(voxels, owner, spacing, radius)
    by_owner = np.argsort(pieces.owner, kind="stable")
    owner_start = np.searchsorted(pieces.owner[by_owner], np.arange(n_owners + 1))
    first, second, gap = _search(
        pieces.voxel, pieces.start, pieces.owner, pieces.block, pieces.key, pieces.low, pieces.high, pieces.blocks,
        pieces.reach, by_owner, owner_start, np.asarray(spacing, dtype=np.float64), float(radius), split,
    )  # fmt: skip
    return first, second, gap


@njit
def _search(
    voxel: NDArray[np.int32],
    start: NDArray[np.int64],
    owner: NDArray[np.int64],
    block: NDArray[np.int64],
    key: NDArray[np.int64],
    low: NDArray[np.int32],
    high: NDArray[np.int32],
    blocks: NDArray[np.int64],
    reach: NDArray[np.int64],
    by_owner: NDArray[np.int64],
    owner_start: NDArray[np.int64],
    spacing: NDArray[np.float64],
    radius: float,
    split: int,
) -> Pairs:
    n_owners = len(owner_start) - 1
    largest = 1
    for p in range(len(owner)):
        largest = max(largest, start[p + 1] - start[p])
    scratch = np.empty((largest, 3), np.int32)
    limit = radius * radius * (1.0 + 1e-9)
    smallest = spacing.min() ** 2 * (1.0 + 1e-9)
    best = np.full(n_owners, limit)
    seen = np.empty(n_owners, np.int64)
    first = np.empty(1024, np.int64)
    second = np.empty(1024, np.int64)
    gap = np.empty(1024, np.float64)
    n = 0
    for i in range(n_owners if split == 0 else split):
        n_seen = 0
        after = max(i + 1, split)
        for s in range(owner_start[i], owner_start[i + 1]):
            a = by_owner[s]
            x0 = max(block[a, 2] - reach[2], 0)
            x1 = min(block[a, 2] + reach[2], blocks[2] - 1)
            for z in range(max(block[a, 0] - reach[0], 0), min(block[a, 0] + reach[0], blocks[0] - 1) + 1):
                for y in range(max(block[a, 1] - reach[1], 0), min(block[a, 1] + reach[1], blocks[1] - 1) + 1):
                    row = (z * blocks[1] + y) * blocks[2]
                    b = np.searchsorted(key, row + x0)
                    while b < len(key) and key[b] <= row + x1:
                        j = owner[b]
                        if j >= after and (best[j] == limit or best[j] > smallest):
                            bound = _box_distance(low[a], high[a], low[b], high[b], spacing)
                            if bound < best[j]:
                                closest = _closest(voxel, start, a, b, low, high, spacing, best[j], scratch)
                                if closest < best[j]:
                                    if best[j] == limit:
                                        seen[n_seen] = j
                                        n_seen += 1
                                    best[j] = closest
                        b += 1
        found = np.sort(seen[:n_seen])
        for k in range(n_seen):
            j = found[k]
            distance = np.sqrt(best[j])
            best[j] = limit
            if distance <= radius:
                if n == len(first):
                    first = np.append(first, np.empty(n, np.int64))
                    second = np.append(second, np.empty(n, np.int64))
                    gap = np.append(gap, np.empty(n, np.float64))
                first[n] = i
                second[n] = j
                gap[n] = distance
                n += 1
    return first[:n].copy(), second[:n].copy(), gap[:n].copy()


@njit
def _box_distance(
    low_a: NDArray[np.int32],
    high_a: NDArray[np.int32],
    low_b: NDArray[np.int32],
    high_b: NDArray[np.int32],
    spacing: NDArray[np.float64],
) -> float:
    total = 0.0
    for k in range(3):
        apart = max(low_a[k] - high_b[k], low_b[k] - high_a[k], 0) * spacing[k]
        total += apart * apart
    return total


@njit
def _closest(
    voxel: NDArray[np.int32],
    start: NDArray[np.int64],
    a: int,
    b: int,
    low: NDArray[np.int32],
    high: NDArray[np.int32],
    spacing: NDArray[np.float64],
    bound: float,
    scratch: NDArray[np.int32],
) -> float:
    """Smallest squared distance between two pieces, or something not below `bound`."""
    n = 0
    for i in range(start[a], start[a + 1]):
        if _box_distance(voxel[i], voxel[i], low[b], high[b], spacing) < bound:
            scratch[n] = voxel[i]
            n += 1
    if n == 0:
        return bound
    best = bound
    for j in range(start[b], start[b + 1]):
        if _box_distance(voxel[j], voxel[j], low[a], high[a], spacing) >= best:
            continue
        for i in range(n):
            z = (scratch[i, 0] - voxel[j, 0]) * spacing[0]
            y = (scratch[i, 1] - voxel[j, 1]) * spacing[1]
            x = (scratch[i, 2] - voxel[j, 2]) * spacing[2]
            best = min(best, z * z + y * y + x * x)
    return best
