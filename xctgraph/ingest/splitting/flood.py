"""Watershed of a distance map: basins of maxima that stand out from their saddles by a depth, and are kept apart.

Voxels are taken from the largest distance down (Vincent & Soille 1991). Where basins meet, those that stand less than the
depth above the meeting point are merged into another: those that remain are the maxima whose dynamics (Grimaud 1992) are
at least the depth, which are the markers that an h-maxima transform leaves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.union_find import root
from xctgraph.store.jit import njit

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Spacing = tuple[float, float, float]


def neighbours(shape: tuple[int, int, int], spacing: Spacing, connectivity: int) -> tuple[I64, F64]:
    """Steps to the neighbours of a voxel in a flat array of `shape`, in C order, and their lengths."""
    steps = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    reach = np.abs(steps).sum(axis=1)
    chosen = (reach > 0) & (reach <= {6: 1, 18: 2, 26: 3}[connectivity])
    flat: I64 = steps[chosen] @ np.array([shape[1] * shape[2], shape[2], 1])
    return flat, np.linalg.norm(steps[chosen] * np.asarray(spacing), axis=1)


def basins(distance: F64, depth: float, connectivity: int, spacing: Spacing = (1.0, 1.0, 1.0)) -> tuple[I32, int]:
    """Basins of a distance map.

    Parameters
    ----------
    distance
        Distance (z, y, x) of every voxel of one connected body to what is outside it; 0 outside, and on the faces of the array.
    depth
        What a maximum must stand above the highest point on the way to a higher one, in the unit of the distance.
    connectivity
        Neighbours that the body is connected by: 6, 18 or 26.
    spacing
        Voxel size (dz, dy, dx): a voxel between two basins belongs to the one that it rises to most steeply.

    Returns
    -------
    Basin of every voxel, (z, y, x): 1 to n in the order of the basins' first voxels, 0 outside; and n.
    """
    flat = distance.ravel()
    inside = np.flatnonzero(flat)
    order = inside[np.argsort(-flat[inside], kind="stable")]
    basin = np.zeros(flat.size, np.int32)
    n = _flood(flat, order, *neighbours(distance.shape, spacing, connectivity), depth, basin)
    return basin.reshape(distance.shape), _renumber(inside, basin, n)


@njit
def _flood(distance: F64, order: I64, steps: I64, lengths: F64, depth: float, basin: I32) -> int:
    """Give every voxel of `order` a basin; returns the largest number given, most of which stand for no basin."""
    parent = np.zeros(len(order) + 1, np.int32)
    top = np.zeros(len(order) + 1)
    n = 0
    for i in order:
        # The basin that it rises to most steeply, of those that stand out; where none does the highest, of equals the oldest.
        own = 0
        stands_out = False
        steepest = 0.0
        for k in range(len(steps)):
            j = i + steps[k]
            if basin[j] == 0:
                continue
            other = root(parent, basin[j])
            slope = (distance[j] - distance[i]) / lengths[k]
            if top[other] - distance[i] >= depth:
                better = not stands_out or slope > steepest
                stands_out = True
            else:
                better = not stands_out and (own == 0 or top[other] > top[own] or (top[other] == top[own] and other < own))
            if better:
                own, steepest = other, slope
        for step in steps:
            other = root(parent, basin[i + step])
            if other not in (own, 0) and top[other] - distance[i] < depth:
                parent[other] = own
        if own == 0:
            n += 1
            own = n
            parent[n] = n
            top[n] = distance[i]
        basin[i] = own
    for i in order:
        basin[i] = root(parent, basin[i])
    return n


@njit
def _renumber(inside: I64, basin: I32, n: int) -> int:
    """Number basins by their first voxels; returns how many there are."""
    number = np.zeros(n + 1, np.int32)
    found = 0
    for i in inside:
        if number[basin[i]] == 0:
            found += 1
            number[basin[i]] = found
        basin[i] = number[basin[i]]
    return found
