"""Faces shared by voxels of different features."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xctgraph.store.jit import njit
from xctgraph.store.labels import Labels
from xctgraph.store.runs import sum_pairs

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


class ContactFaces(NamedTuple):
    """Pairs of touching features, `a` < `b`, sorted, int32; `nz`, `ny`, `nx` shared voxel faces normal to z, y, x, int64."""

    a: I32
    b: I32
    nz: I64
    ny: I64
    nx: I64


def contact_faces(labels: Labels) -> ContactFaces:
    """Count the voxel faces that every pair of features shares, by the axis they are normal to."""
    arrays = (labels.shape[1], labels.row_offsets, labels.x_start, labels.x_stop, labels.label)
    found = np.empty((_find(*arrays, np.empty((0, 5), np.int64)), 5), np.int64)
    _find(*arrays, found)
    a, b, faces = sum_pairs(found[:, 0], found[:, 1], [found[:, k] for k in (2, 3, 4)])
    return ContactFaces(a, b, *faces)


@njit
def _find(n_y: int, rows: I64, x_start: I32, x_stop: I32, label: I32, found: I64) -> int:
    """Count the contacts between runs, and write (a, b, nz, ny, nx) where `found` (m, 5) has room."""
    n = 0
    for row in range(len(rows) - 1):
        start, stop = rows[row], rows[row + 1]
        for i in range(start, stop - 1):
            if x_stop[i] == x_start[i + 1]:
                if n < len(found):
                    found[n, 0] = min(label[i], label[i + 1])
                    found[n, 1] = max(label[i], label[i + 1])
                    found[n, 2] = found[n, 3] = 0
                    found[n, 4] = 1
                n += 1
        for axis in range(2):
            other = row - n_y if axis == 0 else row - 1
            if other < 0 or (axis == 1 and row % n_y == 0):
                continue
            first, end = rows[other], rows[other + 1]
            for i in range(start, stop):
                while first < end and x_stop[first] <= x_start[i]:
                    first += 1
                j = first
                while j < end and x_start[j] < x_stop[i]:
                    if label[i] != label[j]:
                        if n < len(found):
                            found[n, 0] = min(label[i], label[j])
                            found[n, 1] = max(label[i], label[j])
                            found[n, 2] = found[n, 3] = found[n, 4] = 0
                            found[n, 2 + axis] = min(x_stop[i], x_stop[j]) - max(x_start[i], x_start[j])
                        n += 1
                    j += 1
    return n
