"""Parts of components, each component in its crop; the label volume never exists."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from xctgraph.ingest.splitting.flood import basins
from xctgraph.store.jit import njit
from xctgraph.store.labels import Labels

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
Spacing = tuple[float, float, float]

# Measured: distances, the nearest voxels outside that the transform keeps, basins and the order of the voxels.
CROP_BYTES = 64
# Crops up to this size are worked on in several threads, larger ones one by one.
_SMALL = 2**18


class Parts(NamedTuple):
    """What components were split into.

    `labels` are those of the parts and of the components left whole, numbered by their first voxels: the ones given if nothing is
    split; `parent` (n,) is the
    component that each comes from; `too_large` the components whose crop does not fit into the memory, left whole.
    """

    labels: Labels
    parent: I32
    too_large: I32


class _Split(NamedTuple):
    """Runs of the parts of one component: of every run of its own the number of pieces, and first voxel and part of each."""

    runs: I64
    n_pieces: I32
    x_start: I32
    part: I32


def split(
    labels: Labels,
    box: I32,
    candidates: NDArray[np.int64],
    spacing: Spacing,
    *,
    depth: float,
    connectivity: int,
    workers: int = 1,
    memory: int | None = None,
) -> Parts:
    """Split components where their distance map has several maxima.

    The distance is that of a voxel centre to the nearest one outside the component; what lies beyond the volume is outside. No
    voxel is lost, and the result does not depend on the number of workers.

    Parameters
    ----------
    labels
        Components.
    box
        Bounding box of every component, (n, 6): first voxel and one past the last, (z, y, x).
    candidates
        Labels of the components that may be split.
    spacing
        Voxel size (dz, dy, dx) in micrometres.
    depth
        What a maximum of the distance must stand above the neck that leads to a higher one, in micrometres.
    connectivity
        Neighbours that components are connected by: 6, 18 or 26.
    workers
        Threads.
    memory
        Bytes that the crop of a component may take; None for no limit.
    """
    order, offsets = labels.by_label
    size = (np.diff(box.reshape(-1, 2, 3), axis=1)[:, 0] + 2).prod(axis=1, dtype=np.int64)[candidates - 1]
    fits = np.ones(len(candidates), np.bool_) if memory is None else size * CROP_BYTES <= memory
    small = size <= _SMALL

    def part(label: int) -> _Split | None:
        runs = order[offsets[label] : offsets[label + 1]]
        return _split_one(labels, runs, box[label - 1], spacing, depth, connectivity)

    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(part, candidates[fits & small].tolist()))
    found += [part(label) for label in candidates[fits & ~small].tolist()]
    done = [one for one in found if one is not None]
    too_large = candidates[~fits].astype(np.int32)
    if not done:
        return Parts(labels, np.arange(1, labels.n + 1, dtype=np.int32), too_large)
    return Parts(*_joined(labels, done), too_large)


def _split_one(labels: Labels, runs: I64, box: I32, spacing: Spacing, depth: float, connectivity: int) -> _Split | None:
    z, y, x_start, x_stop = (column[runs] for column in (labels.z, labels.y, labels.x_start, labels.x_stop))
    low = box[:3] - 1
    mask = np.zeros(box[3:] - low + 1, np.bool_)
    _paint(mask, z - low[0], y - low[1], x_start - low[2], x_stop - low[2])
    distance = distance_transform_edt(mask, sampling=spacing)
    basin, n = basins(distance, depth, connectivity, spacing)
    if n == 1:
        return None
    count = np.empty(len(runs), np.int32)
    arrays = (basin, z - low[0], y - low[1], x_start - low[2], x_stop - low[2], count)
    size = _cut(*arrays, np.empty((0, 2), np.int32))
    found = np.empty((size, 2), np.int32)
    _cut(*arrays, found)
    return _Split(runs, count, found[:, 0] + low[2], found[:, 1])


def _joined(labels: Labels, done: list[_Split]) -> tuple[Labels, I32]:
    """Labels with the runs of the parts in place of those of their components; and the component of each."""
    count = np.ones(len(labels.label), np.int32)
    for one in done:
        count[one.runs] = one.n_pieces
    first = np.cumsum(count, dtype=np.int64) - count
    z, y, x_start, x_stop, parent = (
        np.repeat(c, count) for c in (labels.z, labels.y, labels.x_start, labels.x_stop, labels.label)
    )
    part = np.ones(len(z), np.int32)
    for one in done:
        within = np.arange(len(one.part)) - np.repeat(np.cumsum(one.n_pieces) - one.n_pieces, one.n_pieces)
        at = np.repeat(first[one.runs], one.n_pieces) + within
        x_start[at], part[at] = one.x_start, one.part
        # All but the last piece of a run end where the next begins.
        inner = np.flatnonzero(within > 0)
        x_stop[at[inner - 1]] = one.x_start[inner]
    key = parent.astype(np.int64) << 32 | part
    values, at, inverse = np.unique(key, return_index=True, return_inverse=True)
    rank = np.empty(len(values), np.int32)
    rank[np.argsort(at)] = np.arange(1, len(values) + 1)
    parents = np.empty(len(values), np.int32)
    parents[rank - 1] = parent[at]
    return Labels(labels.shape, z, y, x_start, x_stop, rank[inverse]), parents


@njit
def _paint(mask: NDArray[np.bool_], z: I32, y: I32, x_start: I32, x_stop: I32) -> None:
    for i in range(len(z)):
        mask[z[i], y[i], x_start[i] : x_stop[i]] = True


@njit
def _cut(basin: I32, z: I32, y: I32, x_start: I32, x_stop: I32, count: I32, found: I32) -> int:
    """Cut runs where the basin changes: how many pieces each has, and (first x, basin) of all, where `found` has room."""
    n = 0
    for i in range(len(z)):
        before = n
        row = basin[z[i], y[i]]
        for x in range(x_start[i], x_stop[i]):
            if x == x_start[i] or row[x] != row[x - 1]:
                if n < len(found):
                    found[n, 0] = x
                    found[n, 1] = row[x]
                n += 1
        count[i] = n - before
    return n
