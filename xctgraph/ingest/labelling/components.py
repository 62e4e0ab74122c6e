"""Union-find over provisional components, fed slab after slab.

A provisional component is numbered when its first run is met, so numbers rise in C order, and the smaller of two that meet
is kept: the rank of a root among the roots is the rank of its component's first voxel. The outcome is a function of the
sequence of runs alone, whatever slabs they come in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.labelling.growth import grown
from xctgraph.ingest.labelling.runs import Runs
from xctgraph.ingest.union_find import root
from xctgraph.store.jit import njit
from xctgraph.store.labels import Labels

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


class Connected:
    """Joins runs of equal code whose voxels are neighbours under `connectivity` (6, 18 or 26)."""

    def __init__(self, n_y: int, connectivity: int) -> None:
        self.n = 0
        self._parent = np.empty(1024, np.int32)
        self._n_y = n_y
        self._reach = (0 if connectivity == 6 else 1, {6: -1, 18: 0, 26: 1}[connectivity])
        self._last = Runs(np.empty((0, 4), np.int32), np.empty(0, np.int64), np.zeros(n_y + 1, np.int64))
        self._last_component = np.empty(0, np.int32)

    def add(self, runs: Runs) -> I32:
        """Take the runs of the next slab in; returns the provisional component of each."""
        seam = len(self._last_component)
        rows = np.concatenate([self._last.rows, runs.rows[1:] + seam])
        spans = np.concatenate([self._last.spans, runs.spans])
        code = np.concatenate([self._last.code, runs.code])
        component = np.concatenate([self._last_component, np.full(len(runs.code), -1, np.int32)])
        self._parent = grown(self._parent, self.n + len(runs.code))
        self.n = _connect(self._n_y, rows, spans, code, component, self._parent, self.n, *self._reach)
        found = component[seam:]
        tail = runs.rows[-1 - self._n_y]
        self._last = Runs(runs.spans[tail:], runs.code[tail:], runs.rows[-1 - self._n_y :] - tail)
        self._last_component = found[tail:]
        return found

    def root_of(self, component: I32) -> I32:
        """Root of each of some provisional components, as far as the slabs so far join them."""
        roots = np.empty_like(component)
        _find(self._parent, component, roots)
        return roots

    def growing(self) -> I32:
        """Roots of the components that slabs to come may add to: those with a run in the last slice."""
        return np.unique(self.root_of(self._last_component))

    def roots(self) -> I32:
        """Root of every provisional component, (n,)."""
        roots = self._parent[: self.n].copy()
        _flatten(roots)
        return roots


class ByValue:
    """Joins runs of equal code wherever they lie."""

    def __init__(self) -> None:
        self.n = 0
        self._code = np.empty(0, np.int64)
        self._component = np.empty(0, np.int32)

    def add(self, runs: Runs) -> I32:
        """Take the runs of the next slab in; returns the component of each."""
        code, first, inverse = np.unique(runs.code, return_index=True, return_inverse=True)
        at = np.searchsorted(self._code, code)
        known = at < len(self._code)
        known[known] = self._code[at[known]] == code[known]
        component = np.empty(len(code), np.int32)
        component[known] = self._component[at[known]]
        n_new = len(code) - int(known.sum())
        component[np.flatnonzero(~known)[np.argsort(first[~known])]] = np.arange(self.n, self.n + n_new)
        self._component = np.insert(self._component, at[~known], component[~known])
        self._code = np.insert(self._code, at[~known], code[~known])
        self.n += n_new
        return component[inverse]

    def root_of(self, component: I32) -> I32:
        """Every component is its own root."""
        return component.copy()

    def growing(self) -> I32:
        """All components: any value may come again."""
        return self.roots()

    def roots(self) -> I32:
        """Every component is its own root, (n,)."""
        return np.arange(self.n, dtype=np.int32)


class Known:
    """Joins the runs of features that are known, which are numbered by their first voxels."""

    def __init__(self, labels: Labels) -> None:
        self.n = 0
        self._last_slice = np.zeros(labels.n + 1, np.int32)
        self._last_slice[labels.label] = labels.z
        self._z = 0

    def add(self, runs: Runs) -> I32:
        """Take the runs of the next slab in; returns the component of each."""
        component = runs.code.astype(np.int32) - 1
        self.n = max(self.n, int(component.max(initial=-1)) + 1)
        self._z = int(runs.spans[-1, 0]) if len(runs.spans) else self._z
        return component

    def root_of(self, component: I32) -> I32:
        """Every component is its own root."""
        return component.copy()

    def growing(self) -> I32:
        """Components that have runs in slices to come."""
        return np.flatnonzero(self._last_slice[1 : self.n + 1] > self._z).astype(np.int32)

    def roots(self) -> I32:
        """Every component is its own root, (n,)."""
        return np.arange(self.n, dtype=np.int32)


@njit
def _find(parent: I32, component: I32, roots: I32) -> None:
    for i in range(len(component)):
        roots[i] = root(parent, component[i])


@njit
def _flatten(parent: I32) -> None:
    for i in range(len(parent)):
        parent[i] = parent[parent[i]]


@njit
def _connect(
    n_y: int,
    rows: I64,
    spans: I32,
    code: I64,
    component: I32,
    parent: I32,
    n: int,
    reach: int,
    corner_reach: int,
) -> int:
    """Connect the runs of all slices but the first to the rows before them.

    Rows that share faces connect over a gap of `reach` voxels along x, rows that share only edges over `corner_reach`;
    -1 for never.
    """
    for row in range(n_y, len(rows) - 1):
        start, stop = rows[row], rows[row + 1]
        if start == stop:
            continue
        y = row % n_y
        for side in range(4):
            if side == 0:
                dy, other, gap = -1, row - n_y - 1, corner_reach
            elif side == 1:
                dy, other, gap = 0, row - n_y, reach
            elif side == 2:
                dy, other, gap = 1, row - n_y + 1, corner_reach
            else:
                dy, other, gap = -1, row - 1, reach
            if gap < 0 or not 0 <= y + dy < n_y:
                continue
            first, end = rows[other], rows[other + 1]
            for i in range(start, stop):
                while first < end and spans[first, 3] + gap <= spans[i, 2]:
                    first += 1
                j = first
                while j < end and spans[j, 2] < spans[i, 3] + gap:
                    if code[j] == code[i]:
                        b = root(parent, component[j])
                        if component[i] < 0:
                            component[i] = b
                        else:
                            a = root(parent, component[i])
                            component[i] = min(a, b)
                            parent[max(a, b)] = min(a, b)
                    j += 1
        for i in range(start, stop):
            if component[i] < 0:
                component[i] = n
                parent[n] = n
                n += 1
    return n
