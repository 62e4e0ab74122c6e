"""Which components reach a face of the volume, or the edge of the sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.labelling.growth import grown
from xctgraph.ingest.labelling.runs import Runs
from xctgraph.store.jit import njit

Shape = tuple[int, int, int]
I32 = NDArray[np.int32]
Mask = NDArray[np.bool_]


class BorderContact:
    """Border contact of provisional components, fed slab after slab.

    A component has it if one of its voxels lies on a face of the volume, lies outside the sample mask, or has one of its 6
    neighbours there.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._touches = np.zeros(0, np.bool_)
        # Last slice of the sample mask with the runs in it: it is looked at again when the slice after it is known.
        self._mask = np.empty((0, *shape[1:]), np.bool_)
        self._spans = np.empty((0, 4), np.int32)
        self._component = np.empty(0, np.int32)

    def add(self, runs: Runs, component: I32, n: int, z0: int, material: I32 | None) -> None:
        """Take in the runs of the slab from z0 on, and those of its sample mask (m, 4) where there is one."""
        self._touches = grown(self._touches, n)
        n_z, n_y, n_x = self._shape
        z, y, start, stop = runs.spans.T
        at_face = (z == 0) | (z == n_z - 1) | (y == 0) | (y == n_y - 1) | (start == 0) | (stop == n_x)
        self._touches[component[at_face]] = True
        if material is None:
            return
        mask = np.concatenate([self._mask, np.zeros((len(runs.rows) // n_y, n_y, n_x), np.bool_)])
        _paint(z0 - len(self._mask), material, mask)
        spans = np.concatenate([self._spans, runs.spans])
        component = np.concatenate([self._component, component])
        _touch_outside(z0 - len(self._mask), mask, spans, component, self._touches)
        tail = len(self._component) + runs.rows[-1 - n_y]
        self._mask, self._spans, self._component = mask[-1:].copy(), spans[tail:], component[tail:]

    def folded(self, roots: I32) -> Mask:
        """Border contact of the roots, in order."""
        touches: Mask = np.zeros(len(roots), np.bool_)
        touches[roots[self._touches[: len(roots)]]] = True
        return touches[np.flatnonzero(roots == np.arange(len(roots)))]


@njit
def _paint(z0: int, spans: I32, mask: Mask) -> None:
    for i in range(len(spans)):
        mask[spans[i, 0] - z0, spans[i, 1], spans[i, 2] : spans[i, 3]] = True


@njit
def _touch_outside(z0: int, mask: Mask, spans: I32, component: I32, touches: Mask) -> None:
    n_z, n_y, n_x = mask.shape
    for i in range(len(spans)):
        if touches[component[i]]:
            continue
        z, y, start, stop = spans[i, 0] - z0, spans[i, 1], spans[i, 2], spans[i, 3]
        outside = not (mask[z, y, max(start - 1, 0)] and mask[z, y, min(stop, n_x - 1)])
        for x in range(start, stop):
            outside = (
                outside
                or not mask[z, y, x]
                or not mask[max(z - 1, 0), y, x]
                or not mask[min(z + 1, n_z - 1), y, x]
                or not mask[z, max(y - 1, 0), x]
                or not mask[z, min(y + 1, n_y - 1), x]
            )
        touches[component[i]] = outside
