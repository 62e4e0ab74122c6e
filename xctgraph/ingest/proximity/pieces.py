"""Surfaces cut into pieces of about equal size, so that a fracture of 10^7 voxels is searched like an inclusion of 25."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xctgraph.store.jit import njit

SMALLEST_BLOCK = 8
LARGEST_BLOCK = 16


@dataclass(frozen=True)
class Pieces:
    """Surface voxels grouped by (block of the volume, feature), blocks in C order.

    Attributes
    ----------
    voxel : (n, 3) int32, the surface voxels in the order of the pieces
    start : (p + 1,) int64, piece k holds `voxel[start[k]:start[k + 1]]`
    owner : (p,) int64, index of the feature
    block : (p, 3) int64, position of the block, and `key` (p,) its C-order number, ascending
    low, high : (p, 3) int32, tight bounding box, both ends inside
    blocks : (3,) int64, blocks along each axis
    reach : (3,) int64, blocks to look at on each side to meet every voxel within the radius
    """

    voxel: NDArray[np.int32]
    start: NDArray[np.int64]
    owner: NDArray[np.int64]
    block: NDArray[np.int64]
    key: NDArray[np.int64]
    low: NDArray[np.int32]
    high: NDArray[np.int32]
    blocks: NDArray[np.int64]
    reach: NDArray[np.int64]


def cut(voxels: NDArray[np.int32], owner: NDArray[np.int32], spacing: tuple[float, float, float], radius: float) -> Pieces:
    """Cut surfaces into pieces for a search within `radius`.

    Parameters
    ----------
    voxels : (n, 3) int32
        Surface voxels (z, y, x).
    owner : (n,) int32
        Index of the feature that each voxel belongs to, from 0.
    spacing : (dz, dy, dx), micrometres
    radius : float, micrometres

    Returns
    -------
    Pieces
        Blocks are near cubes in micrometres, of 8 to 16 voxels of mean size.
    """
    steps = np.asarray(spacing, dtype=np.float64)
    mean = float(np.cbrt(steps.prod()))
    edge = min(max(radius, SMALLEST_BLOCK * mean), LARGEST_BLOCK * mean)
    size = np.maximum(1, np.rint(edge / steps)).astype(np.int64)
    reach = np.ceil(radius / (size * steps)).astype(np.int64)
    if not len(voxels):
        none = np.zeros((0, 3), dtype=np.int32)
        empty = np.zeros(0, dtype=np.int64)
        return Pieces(
            none, np.zeros(1, dtype=np.int64), empty, none.astype(np.int64), empty, none, none, np.ones(3, np.int64), reach
        )

    blocks = voxels.max(axis=0) // size + 1
    n_owners = int(owner.max()) + 1
    group = _group(voxels, owner, size, blocks, n_owners)
    order = np.argsort(group, kind="stable")
    # The arrays of one entry per voxel are let go as soon as they have served: they are the peak of the whole ingest.
    group.sort()  # in place: what `group[order]` is, without another array
    first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    of_first = group[first]
    del group
    voxel = np.take(voxels, order, axis=0)
    del order
    key = of_first // n_owners
    return Pieces(
        voxel=voxel,
        start=np.r_[first, len(voxel)],
        owner=of_first % n_owners,
        block=np.stack(np.unravel_index(key, tuple(blocks)), axis=1).astype(np.int64),
        key=key,
        low=np.minimum.reduceat(voxel, first, axis=0),
        high=np.maximum.reduceat(voxel, first, axis=0),
        blocks=blocks,
        reach=reach,
    )


@njit
def _group(
    voxels: NDArray[np.int32], owner: NDArray[np.int32], size: NDArray[np.int64], blocks: NDArray[np.int64], n_owners: int
) -> NDArray[np.int64]:
    group = np.empty(len(voxels), np.int64)
    for i in range(len(voxels)):
        z = voxels[i, 0] // size[0]
        y = voxels[i, 1] // size[1]
        x = voxels[i, 2] // size[2]
        group[i] = ((z * blocks[1] + y) * blocks[2] + x) * n_owners + owner[i]
    return group
