"""Size, position, second moments and box of every component, in exact integers.

Moments are taken about the component's first voxel, in closed form per run, and merged by exact shifting, so that the order
of merging does not matter and large coordinates cancel nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.labelling.growth import grown
from xctgraph.ingest.labelling.runs import Runs
from xctgraph.store.jit import njit

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


class Moments(NamedTuple):
    """Integer moments of n components.

    `n_voxels` (n,); `origin` (n, 3), the first voxel in C order; `first` (n, 3), sums of the offsets (z, y, x) of the voxels
    from it; `second` (n, 6), sums of their products zz, zy, zx, yy, yx, xx; `box` (n, 6), first voxel and one past the last
    (z, y, x); `code` (n,), class or instance.
    """

    n_voxels: I64
    origin: I32
    first: I64
    second: I64
    box: I32
    code: I64

    def take(self, kept: NDArray[np.bool_]) -> Moments:
        """Moments of the components that are `kept`, (n,)."""
        return Moments(
            self.n_voxels[kept], self.origin[kept], self.first[kept], self.second[kept], self.box[kept], self.code[kept]
        )


class MomentSums:
    """Moments of provisional components, fed run by run."""

    def __init__(self) -> None:
        self._sums = np.empty((0, 10), np.int64)
        self._box = np.empty((0, 6), np.int32)
        self._origin = np.empty((0, 3), np.int32)
        self._code = np.empty(0, np.int64)

    def add(self, runs: Runs, component: I32, n: int) -> None:
        """Add runs to their components, of which there are `n` now."""
        self._sums = grown(self._sums, n)
        self._box, self._origin, self._code = grown(self._box, n), grown(self._origin, n), grown(self._code, n)
        _add(runs.spans, runs.code, component, self._sums, self._origin, self._box, self._code)

    def folded(self, roots: I32) -> Moments:
        """Merge every component into its root, and return those of the roots in order."""
        n = len(roots)
        _fold(roots, self._sums, self._origin, self._box)
        kept = np.flatnonzero(roots == np.arange(n))
        sums = self._sums[kept]
        return Moments(sums[:, 0].copy(), self._origin[kept], sums[:, 1:4], sums[:, 4:], self._box[kept], self._code[kept])


@njit
def _add(spans: I32, code: I64, component: I32, sums: I64, origin: I32, box: I32, codes: I64) -> None:
    for i in range(len(spans)):
        c = component[i]
        z, y, start, stop = spans[i]
        if sums[c, 0] == 0:
            codes[c] = code[i]
            origin[c, 0] = box[c, 0] = z
            origin[c, 1] = box[c, 1] = y
            origin[c, 2] = box[c, 2] = start
        box[c, 1] = min(box[c, 1], y)
        box[c, 2] = min(box[c, 2], start)
        box[c, 3] = z + 1
        box[c, 4] = max(box[c, 4], y + 1)
        box[c, 5] = max(box[c, 5], stop)
        dz = np.int64(z - origin[c, 0])
        dy = np.int64(y - origin[c, 1])
        low = np.int64(start - origin[c, 2])
        high = np.int64(stop - origin[c, 2] - 1)
        length = high - low + 1
        sum_x = length * (low + high) // 2
        sum_xx = (high * (high + 1) * (2 * high + 1) - (low - 1) * low * (2 * low - 1)) // 6
        sums[c, 0] += length
        sums[c, 1] += dz * length
        sums[c, 2] += dy * length
        sums[c, 3] += sum_x
        sums[c, 4] += dz * dz * length
        sums[c, 5] += dz * dy * length
        sums[c, 6] += dz * sum_x
        sums[c, 7] += dy * dy * length
        sums[c, 8] += dy * sum_x
        sums[c, 9] += sum_xx


@njit
def _fold(roots: I32, sums: I64, origin: I32, box: I32) -> None:
    for c in range(len(roots)):
        r = roots[c]
        if r == c:
            continue
        dz = np.int64(origin[c, 0] - origin[r, 0])
        dy = np.int64(origin[c, 1] - origin[r, 1])
        dx = np.int64(origin[c, 2] - origin[r, 2])
        n, sz, sy, sx = sums[c, 0], sums[c, 1], sums[c, 2], sums[c, 3]
        sums[r, 0] += n
        sums[r, 1] += sz + n * dz
        sums[r, 2] += sy + n * dy
        sums[r, 3] += sx + n * dx
        sums[r, 4] += sums[c, 4] + 2 * dz * sz + n * dz * dz
        sums[r, 5] += sums[c, 5] + dz * sy + dy * sz + n * dz * dy
        sums[r, 6] += sums[c, 6] + dz * sx + dx * sz + n * dz * dx
        sums[r, 7] += sums[c, 7] + 2 * dy * sy + n * dy * dy
        sums[r, 8] += sums[c, 8] + dy * sx + dx * sy + n * dy * dx
        sums[r, 9] += sums[c, 9] + 2 * dx * sx + n * dx * dx
        for k in range(3):
            box[r, k] = min(box[r, k], box[c, k])
            box[r, k + 3] = max(box[r, k + 3], box[c, k + 3])
