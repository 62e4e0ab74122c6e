"""Grey values of every component: mean, spread and extrema; `quantiles` has the rest.

Grey values of up to 16 bits are summed in integers; the sum of squares may wrap modulo 2^64, which the exact shift to the
mean undoes. Wider integers are taken as float64. Floating grey values are combined by the pairwise update of Chan, Golub and
LeVeque (1979), run after run in C order and then component after component in the order of their first voxels: a fixed order,
whatever the slabs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.labelling.growth import grown
from xctgraph.ingest.labelling.runs import Runs
from xctgraph.ingest.labelling.slab import plain
from xctgraph.ingest.labelling.sortable import Keys, keys_of
from xctgraph.store.jit import njit

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Sums = NDArray[Any]  # int64 or float64

_EXACT = ("uint8", "uint16", "int16")


class Grey(NamedTuple):
    """Grey values of n components, float64 (n,) each: `mean`, `std` (population), `minimum`, `maximum`; `quantiles` (n, 5).

    The quantiles at `quantiles.SHARES` are those of `numpy.quantile` of the values as float64. A NaN among the values makes
    mean, standard deviation and quantiles NaN; the extrema pass over it.
    """

    mean: F64
    std: F64
    minimum: F64
    maximum: F64
    quantiles: F64

    def take(self, kept: NDArray[np.bool_]) -> Grey:
        """Grey values of the components that are `kept`, (n,)."""
        return Grey(*(values[kept] for values in self))


class RunGrey(NamedTuple):
    """Grey values of n runs: `length` in voxels, `sums` and `extrema` (n, 2), the `keys` of their values, run after run.

    The sums are total and total of squares where `exact`, else mean and sum of squared deviations from it.
    """

    length: I64
    sums: Sums
    extrema: F64
    keys: Keys
    dtype: np.dtype[Any]

    @property
    def exact(self) -> bool:
        """Whether the grey values are summed in integers."""
        return self.sums.dtype.kind == "i"


def grey_of_runs(grey: NDArray[np.generic], runs: Runs) -> RunGrey:
    """Grey values (slices, n_y, n_x) under every run; a pure function, so slabs can be worked on in parallel."""
    exact = any(np.can_cast(grey.dtype, target) for target in _EXACT)
    values = plain(grey, _EXACT if exact else ("float32", "float64"))
    length = (runs.spans[:, 3] - runs.spans[:, 2]).astype(np.int64)
    start = np.arange(len(runs.rows) - 1).repeat(np.diff(runs.rows)) * grey.shape[2] + runs.spans[:, 2]
    sums = np.empty((len(length), 2), np.int64 if exact else np.float64)
    extrema = np.empty((len(length), 2), np.float64)
    (_sum_integers if exact else _sum_floats)(values.ravel(), start, length, sums, extrema)
    under = np.empty(int(length.sum()), values.dtype)
    _copy(values.ravel(), start, length, under)
    return RunGrey(length, sums, extrema, keys_of(under), values.dtype)


class GreySums:
    """Grey values of provisional components, fed slab after slab."""

    def __init__(self, exact: bool) -> None:
        self._exact = exact
        self._merge = _merge_integers if exact else _merge_floats
        self._count = np.empty(0, np.int64)
        self._sums: Sums = np.empty((0, 2), np.int64 if exact else np.float64)
        self._extrema = np.empty((0, 2), np.float64)

    def add(self, found: RunGrey, component: I32, n: int) -> None:
        """Add the grey values of runs to their components, of which there are `n` now."""
        self._count, self._sums = grown(self._count, n), grown(self._sums, n)
        self._extrema = grown(self._extrema, n, np.nan)
        self._merge(component, found.length, found.sums, found.extrema, self._count, self._sums, self._extrema)

    def folded(self, roots: I32, quantiles: F64) -> Grey:
        """Merge every component into its root, and return those of the roots in order; their quantiles are given."""
        n = len(roots)
        kept = roots == np.arange(n)
        rest = np.flatnonzero(~kept)
        self._merge(roots[rest], self._count[rest], self._sums[rest], self._extrema[rest], self._count, self._sums, self._extrema)
        count, sums, extrema = self._count[:n][kept], self._sums[:n][kept], self._extrema[:n][kept]
        mean, squares = centred(count, sums) if self._exact else (sums[:, 0], sums[:, 1])
        return Grey(mean, np.sqrt(squares / count), extrema[:, 0].copy(), extrema[:, 1].copy(), quantiles)


def centred(count: I64, sums: I64) -> tuple[F64, F64]:
    """Mean, and sum of squared deviations from it, of integers: shifted exactly to the nearest integer first."""
    near = (2 * sums[:, 0] + count) // (2 * count)
    rest = sums[:, 0] - count * near
    squares = sums[:, 1] - near * (2 * sums[:, 0] - count * near)
    offset = rest / count
    return near + offset, np.maximum(squares.view(np.uint64) - rest * offset, 0.0)


@njit
def _copy(values: NDArray[Any], start: I64, length: I64, under: NDArray[Any]) -> None:
    k = 0
    for i in range(len(start)):
        for j in range(start[i], start[i] + length[i]):
            under[k] = values[j]
            k += 1


@njit
def _sum_integers(values: NDArray[Any], start: I64, length: I64, sums: Sums, extrema: F64) -> None:
    """Sum, sum of squares and extrema of every run."""
    for i in range(len(start)):
        low = high = np.int64(values[start[i]])
        total = np.int64(0)
        squares = np.int64(0)
        for k in range(start[i], start[i] + length[i]):
            value = np.int64(values[k])
            total += value
            squares += value * value
            low = min(low, value)
            high = max(high, value)
        sums[i, 0] = total
        sums[i, 1] = squares
        extrema[i, 0] = low
        extrema[i, 1] = high


@njit
def _sum_floats(values: NDArray[Any], start: I64, length: I64, sums: Sums, extrema: F64) -> None:
    """Mean, sum of squared deviations from it and extrema of every run."""
    for i in range(len(start)):
        low = high = np.nan
        total = 0.0
        for k in range(start[i], start[i] + length[i]):
            value = np.float64(values[k])
            total += value
            if not value >= low:
                low = low if np.isnan(value) else value
            if not value <= high:
                high = high if np.isnan(value) else value
        mean = total / length[i]
        squares = 0.0
        for k in range(start[i], start[i] + length[i]):
            squares += (np.float64(values[k]) - mean) ** 2
        sums[i, 0] = mean
        sums[i, 1] = squares
        extrema[i, 0] = low
        extrema[i, 1] = high


@njit
def _widen(into: F64, extrema: F64) -> None:
    if not into[0] <= extrema[0] and not np.isnan(extrema[0]):
        into[0] = extrema[0]
    if not into[1] >= extrema[1] and not np.isnan(extrema[1]):
        into[1] = extrema[1]


@njit
def _merge_integers(component: I32, length: I64, sums: Sums, extrema: F64, count: I64, into: Sums, into_extrema: F64) -> None:
    for i in range(len(component)):
        c = component[i]
        count[c] += length[i]
        into[c, 0] += sums[i, 0]
        into[c, 1] += sums[i, 1]
        _widen(into_extrema[c], extrema[i])


@njit
def _merge_floats(component: I32, length: I64, sums: Sums, extrema: F64, count: I64, into: Sums, into_extrema: F64) -> None:
    for i in range(len(component)):
        c = component[i]
        if count[c] == 0:
            into[c, 0] = sums[i, 0]
            into[c, 1] = sums[i, 1]
        else:
            total = np.float64(count[c] + length[i])
            step = sums[i, 0] - into[c, 0]
            into[c, 0] += step * (length[i] / total)
            into[c, 1] += sums[i, 1] + step * step * (count[c] * (length[i] / total))
        count[c] += length[i]
        _widen(into_extrema[c], extrema[i])
