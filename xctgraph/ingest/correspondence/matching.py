"""One-to-one matching of features at their predicted places, at least total cost."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from xctgraph.ingest.correspondence.overlaps import Overlaps
from xctgraph.ingest.correspondence.side import ScanSide
from xctgraph.ingest.proximity.pairs import pairs

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNMATCHED = 1.5
_VOLUME, _MOST_VOLUME = 0.3, 2.0
_OVERLAP = 0.4
_CENTRED = 0.6
_SWALLOWED = 1.0
_EPSILON = 1e-6


class Pairs(NamedTuple):
    """Pairs of features, indices (label - 1), and their costs."""

    a: Ints
    b: Ints
    cost: Floats


def candidates(a: ScanSide, b: ScanSide, predicted: Floats, overlaps: Overlaps, tolerance: float, most: float) -> Pairs:
    """Pairs of one kind other than fractures that may be the same feature.

    They lie within `tolerance` + 0.3 radii of the larger (but at most `most`) of the predicted place, or overlap there. The
    cost is

        min((distance / that length)^2, 1) (1 - 0.6 s) + 0.3 min(|log volume ratio|, 2) + 0.4 (1 - s)

    and the share of the earlier one that lies in fractures of the later scan; s is the share of the smaller one that
    overlaps. The volume of features cut by the border counts a third.

    Parameters
    ----------
    predicted : (n, 3), um
        Where the features of `a` are expected in `b`.
    tolerance, most : float, um
    """
    names = np.unique(np.concatenate([a.kind.astype(str), b.kind.astype(str)]))
    kind_a, kind_b = np.searchsorted(names, a.kind.astype(str)), np.searchsorted(names, b.kind.astype(str))
    i, j, _ = pairs(predicted, b.position, most)
    radius = np.minimum(tolerance + 0.3 * np.maximum(a.radius[i], b.radius[j]), most)
    close = np.linalg.norm(b.position[j] - predicted[i], axis=1) <= radius
    key = np.unique(np.r_[i[close] * b.n + j[close], overlaps.a * b.n + overlaps.b])
    i, j = key // b.n, key % b.n
    alike = (kind_a[i] == kind_b[j]) & ~a.is_fracture[i]
    i, j = i[alike], j[alike]
    radius = np.minimum(tolerance + 0.3 * np.maximum(a.radius[i], b.radius[j]), most)
    distance = np.linalg.norm(b.position[j] - predicted[i], axis=1)
    shared = overlaps.of(i, j) / np.minimum(a.voxels[i], b.voxels[j])
    volume = np.where(a.border[i] | b.border[j], _VOLUME / 3, _VOLUME)
    into = b.is_fracture[overlaps.b]
    swallowed = np.bincount(overlaps.a[into], weights=overlaps.voxels[into], minlength=a.n) / a.voxels
    cost = (
        np.minimum((distance / radius) ** 2, 1.0) * (1 - _CENTRED * shared)
        + volume * np.minimum(np.abs(b.log_volume[j] - a.log_volume[i]), _MOST_VOLUME)
        + _OVERLAP * (1 - shared)
        + _SWALLOWED * swallowed[i]
    )
    possible = cost < UNMATCHED
    return Pairs(i[possible], j[possible], cost[possible])


def match(found: Pairs) -> Pairs:
    """The one-to-one choice of pairs at least total cost, where a pair not made costs 1.5."""
    if not len(found.a):
        return found
    row_name, row = np.unique(found.a, return_inverse=True)
    column_name, column = np.unique(found.b, return_inverse=True)
    alone = (np.bincount(row)[row] == 1) & (np.bincount(column)[column] == 1)
    rest = ~alone
    chosen = np.flatnonzero(alone)
    if rest.any():
        chosen = np.sort(np.r_[chosen, np.flatnonzero(rest)[_assign(row[rest], column[rest], found.cost[rest])]])
    return Pairs(row_name[row[chosen]], column_name[column[chosen]], found.cost[chosen])


def margins(found: Pairs, chosen: Pairs) -> Floats:
    """By how much each chosen pair is cheaper than the cheapest other pair of its two features, at most a pair not made, (k,)."""
    n_a, n_b = (int(ends.max(initial=-1)) + 1 for ends in (found.a, found.b))
    taken = np.isin(found.a * n_b + found.b, chosen.a * n_b + chosen.b)
    rival_a, rival_b = np.full(n_a, UNMATCHED), np.full(n_b, UNMATCHED)
    np.minimum.at(rival_a, found.a[~taken], found.cost[~taken])
    np.minimum.at(rival_b, found.b[~taken], found.cost[~taken])
    return np.asarray(np.minimum(rival_a[chosen.a], rival_b[chosen.b]) - chosen.cost)


def _assign(row: Ints, column: Ints, cost: Floats) -> Ints:
    """Minimum-cost matching in which each row and each column has a dummy of its own, at half of 1.5.

    A full matching needs [[cost, dummies], [dummies, transposed pattern]]: pairs free each other's dummies. Costs of zero
    would be no edge, hence the epsilon.
    """
    _, row = np.unique(row, return_inverse=True)
    _, column = np.unique(column, return_inverse=True)
    n, m = int(row.max()) + 1, int(column.max()) + 1
    rows = np.r_[row, np.arange(n), n + np.arange(m), n + column]
    columns = np.r_[column, m + np.arange(n), np.arange(m), m + row]
    weights = np.r_[cost + _EPSILON, np.full(n + m, UNMATCHED / 2), np.full(len(row), _EPSILON)]
    taken_row, taken_column = min_weight_full_bipartite_matching(csr_array((weights, (rows, columns)), shape=(n + m, n + m)))
    real = (taken_row < n) & (taken_column < m)
    wanted = taken_row[real].astype(np.int64) * m + taken_column[real]
    return np.flatnonzero(np.isin(row * m + column, wanted))
