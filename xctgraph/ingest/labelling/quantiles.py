"""Quantiles of the grey values of every component, exact, while the volume streams past.

Values are held, in as many bytes as they have in the volume, until their component can grow no further; then they are sorted
and forgotten. A component that goes on and has more values than a histogram of all values of their type takes room for is held
as that histogram, so that one which percolates through the volume needs no more; types of more than 16 bits have no such
histogram. Values are counted only, so neither the slabs nor the moments at which components are settled can change a bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.labelling.grey import RunGrey
from xctgraph.ingest.labelling.growth import grown
from xctgraph.ingest.labelling.sortable import Keys, sort, values_of
from xctgraph.ingest.parallel import in_parts
from xctgraph.store.jit import njit

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

SHARES = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
# Values that are waited for, so that what is done once for all components costs little per value.
_SETTLED_AT_ONCE = 2**18


class Components(Protocol):
    """What is asked of the union-find."""

    def root_of(self, component: I32) -> I32:
        """Root of each component, as far as is known."""

    def growing(self) -> I32:
        """Roots of the components that slabs to come may add to."""


class _Segments(NamedTuple):
    """Grey values of parts of components, one part after the other: their components, sizes, and the keys of the values."""

    component: I32
    length: I64
    keys: Keys


class _Picked(NamedTuple):
    """Roots and sizes of n components, and the keys (n, 12) of the values below and above each quantile, and of the extremes."""

    root: I32
    size: I64
    keys: Keys


class GreyQuantiles:
    """Grey values of provisional components, fed slab after slab, for quantiles at `SHARES`.

    Parameters
    ----------
    dtype
        Type of the values.
    min_voxels
        Components of fewer voxels are passed over.
    workers
        Threads that sort.
    """

    def __init__(self, dtype: np.dtype[Any], min_voxels: int, workers: int) -> None:
        self._dtype = dtype
        self._n_bins = 2 ** (8 * dtype.itemsize) if dtype.itemsize <= 2 else 0
        self._min_voxels = min_voxels
        self._workers = workers
        self._segments: list[_Segments] = []
        self._n_kept = 0
        self._n_values = 0
        self._number = np.empty(0, np.int32)
        self._histograms: dict[int, I64] = {}
        self._picked: list[_Picked] = []

    @property
    def n_bytes(self) -> int:
        """Bytes held, with what settling takes for a while."""
        n_segments = sum(len(held.component) for held in self._segments)
        n_picked = sum(len(picked.root) for picked in self._picked)
        open_ = 2 * (self._n_values * self._dtype.itemsize + 12 * n_segments) + len(self._histograms) * self._n_bins * 8
        return open_ + self._number.nbytes + n_picked * (12 + 12 * self._dtype.itemsize)

    def add(self, found: RunGrey, component: I32, components: Components, n: int) -> None:
        """Add the grey values of runs to their components, of which there are `n` now."""
        self._segments.append(_Segments(component, found.length, found.keys))
        self._n_values += len(found.keys)
        self._number = grown(self._number, n, -1)
        if self._n_values - self._n_kept >= max(_SETTLED_AT_ONCE, self._n_kept // 2):
            self._settle(components, components.growing())

    def folded(self, components: Components, roots: I32) -> F64:
        """Quantiles of the roots in order, (n, 5); NaN where one of the values is, and for components passed over."""
        self._settle(components, np.empty(0, np.int32))
        table = np.full((len(roots), len(SHARES)), np.nan)
        for picked in self._picked:
            table[picked.root] = _interpolated(picked.size, values_of(picked.keys, self._dtype).astype(np.float64))
        found: F64 = table[roots == np.arange(len(roots))]
        return found

    def _settle(self, components: Components, growing: I32) -> None:
        """Pick the values of all components that do not grow, and keep those of the others only."""
        root, count, grows, keys = self._by_root(components, growing)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(count)])
        counted = self._count(components, root, offsets, keys, grows)
        self._pick(root, offsets, keys, ~grows & ~counted & (count >= self._min_voxels))
        going_on = set(growing.tolist()) if self._histograms else set()
        for r in self._histograms.keys() - going_on:
            self._picked.append(_pick_counted(r, self._histograms.pop(r), keys.dtype))
        kept = grows & ~counted
        if kept.any():
            self._segments.append(_Segments(root[kept], count[kept], keys[np.repeat(kept, count)]))
        self._n_kept = self._n_values = int(count[kept].sum())

    def _by_root(self, components: Components, growing: I32) -> tuple[I32, I64, Mask, Keys]:
        """Take all segments: the roots they belong to, how many values each has, whether it grows, and the keys by root."""
        segments, self._segments = self._segments, []
        size = sum(len(held.component) for held in segments)
        roots, count, m = np.empty(size, np.int32), np.zeros(size, np.int64), 0
        groups = []
        for held in segments:
            group = components.root_of(held.component)
            m = _group(group, held.length, self._number, m, roots, count)
            groups.append(group)
        roots, count = roots[:m].copy(), count[:m].copy()
        grows = np.zeros(m, np.bool_)
        _mark(growing, self._number, roots, grows)
        keys = np.empty(self._n_values, f"u{self._dtype.itemsize}")
        at = np.cumsum(count) - count
        segments.reverse()
        for group in groups:
            held = segments.pop()
            _gather(held.keys, group, held.length, at, keys)
        return roots, count, grows, keys

    def _count(self, components: Components, root: I32, offsets: I64, keys: Keys, grows: Mask) -> Mask:
        """Move the values of groups into histograms, where there is one already or it takes less room; which groups."""
        counted: Mask = np.zeros(len(root), np.bool_)
        if not self._n_bins:
            return counted
        held, self._histograms = self._histograms, {}
        for r, histogram in zip(components.root_of(np.array(list(held), np.int32)).tolist(), held.values(), strict=True):
            self._histograms[r] = self._histograms[r] + histogram if r in self._histograms else histogram
        large = grows & (np.diff(offsets) * keys.itemsize > self._n_bins * 8)
        if self._histograms:
            large |= np.isin(root, list(self._histograms))
        for k in np.flatnonzero(large).tolist():
            histogram = self._histograms.setdefault(int(root[k]), np.zeros(self._n_bins, np.int64))
            _add(keys[offsets[k] : offsets[k + 1]], histogram)
            counted[k] = True
        return counted

    def _pick(self, root: I32, offsets: I64, keys: Keys, chosen: Mask) -> None:
        picked = np.empty((len(root), 2 * len(SHARES) + 2), keys.dtype)

        def part(first: int, last: int) -> None:
            _pick(keys, offsets, chosen, first, last, SHARES, picked)

        in_parts(part, offsets, self._workers)
        self._picked.append(_Picked(root[chosen], np.diff(offsets)[chosen], picked[chosen]))


@njit
def _group(root: I32, length: I64, number: I32, m: int, roots: I32, count: I64) -> int:
    """Put in place of each root its number among the `roots`, of which `m` are known; count values; returns how many there are.

    `number` holds the number of every root, -1 where it has none yet.
    """
    for i in range(len(root)):
        r = root[i]
        if number[r] < 0:
            number[r] = m
            roots[m] = r
            m += 1
        root[i] = number[r]
        count[number[r]] += length[i]
    return m


@njit
def _mark(growing: I32, number: I32, roots: I32, grows: Mask) -> None:
    """Mark the roots that grow, and forget all numbers."""
    for r in growing:
        if number[r] >= 0:
            grows[number[r]] = True
    for r in roots:
        number[r] = -1


@njit
def _gather(keys: Keys, group: I32, length: I64, at: I64, gathered: Keys) -> None:
    """Copy segment after segment to where its group stands, `at` (groups,), which moves on."""
    k = 0
    for i in range(len(group)):
        g = group[i]
        for j in range(length[i]):
            gathered[at[g] + j] = keys[k + j]
        at[g] += length[i]
        k += length[i]


@njit
def _add(keys: Keys, histogram: I64) -> None:
    for key in keys:
        histogram[key] += 1


@njit
def _pick(keys: Keys, offsets: I64, chosen: Mask, first: int, last: int, shares: F64, picked: Keys) -> None:
    """Sort the chosen groups from `first` on, before `last`, and take what their quantiles lie between, and the extremes."""
    longest = 0
    for g in range(first, last):
        longest = max(longest, offsets[g + 1] - offsets[g])
    scratch, count = np.empty(longest, keys.dtype), np.empty(256, np.int64)
    for g in range(first, last):
        if not chosen[g]:
            continue
        start, n = offsets[g], offsets[g + 1] - offsets[g]
        sort(keys[start : start + n], scratch, count)
        for j in range(len(shares)):
            below = int((n - 1) * shares[j])
            picked[g, j] = keys[start + below]
            picked[g, len(shares) + j] = keys[start + min(below + 1, n - 1)]
        picked[g, 2 * len(shares)] = keys[start]
        picked[g, 2 * len(shares) + 1] = keys[start + n - 1]


def _pick_counted(root: int, histogram: I64, dtype: np.dtype[Any]) -> _Picked:
    up_to = np.cumsum(histogram)
    n = up_to[-1:]
    below = ((n - 1) * SHARES).astype(np.int64)
    ranks = np.concatenate([below, np.minimum(below + 1, n - 1), 0 * n, n - 1])
    keys = np.searchsorted(up_to, ranks, side="right").astype(dtype)
    return _Picked(np.array([root], np.int32), n, keys[None])


def _interpolated(size: I64, values: F64) -> F64:
    """Quantiles as numpy interpolates them, to the last bit; a zero is never negative, whatever the order of equal values."""
    at = (size[:, None] - 1) * SHARES
    share = at - np.floor(at)
    below, above, extremes = np.split(values, [len(SHARES), 2 * len(SHARES)], axis=1)
    with np.errstate(invalid="ignore"):
        step = above - below
        found: F64 = np.where(share >= 0.5, above - step * (1 - share), below + step * share) + 0.0
    found[np.isnan(extremes).any(axis=1)] = np.nan
    return found
