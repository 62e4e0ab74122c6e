"""Edges split by the types of their ends, in order, by counting. No torch here."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xctgraph.store.jit import njit

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


def in_order(source: Ints, target: Ints, *, both: bool) -> NDArray[np.int64] | None:
    """Rows of edges by id of source, then of target; None where they are in that order already, as the ingest writes them.

    With `both`, an undirected pair counts by its smaller id first, and None says that each has it so.
    """
    if _is_in_order(source, target, both):
        return None
    low, high = (np.minimum(source, target), np.maximum(source, target)) if both else (source, target)
    return np.lexsort((high, low))


def by_types(
    a: Ints, b: Ints, attr: Floats, starts_a: Ints, starts_b: Ints, *, both: bool
) -> dict[tuple[int, int], tuple[Ints, Floats]]:
    """Split edges by the types of their ends, each part sorted by row of source, then of target.

    Parameters
    ----------
    a, b
        (E,) numbers of source and target, edges ordered by the ids of these (`in_order`), with numbers that ascend with the ids
        within a type. Type i has the numbers from `starts[i]` to `starts[i + 1]`; edges with an end from `starts[-1]` on are
        left out.
    attr
        (E, columns) their properties.
    starts_a, starts_b
        First number of each type of sources and of targets, and one past the last.
    both
        Also each edge from `b` to `a`; the id of `a` is then the smaller one, and sources and targets are the same nodes.

    Returns
    -------
    dict of (type of source, type of target) to (index, attr)
        `index` (2, E) rows within the types, of every pair of types that has edges.
    """
    n_a, n_b = int(starts_a[-1]), int(starts_b[-1])
    kept = (a < n_a) & (b < n_b)
    if not kept.all():
        a, b, attr = a[kept], b[kept], attr[kept]
    columns = len(starts_b) - 1
    types_a, types_b = (np.repeat(np.arange(len(s) - 1, dtype=np.int32), np.diff(s)) for s in (starts_a, starts_b))
    # How many edges each source has to each type of targets, then where the next of them goes.
    place = np.zeros((n_a, columns), np.int64)
    _count(a, b, types_b, both, place)
    parts = [place[start:stop] for start, stop in pairwise(starts_a)]
    count = np.stack([part.sum(axis=0) for part in parts]) if parts else np.empty((0, columns), np.int64)
    offset = (np.cumsum(count) - count.ravel()).reshape(count.shape)
    for part, start in zip(parts, offset, strict=True):
        part[:] = np.cumsum(part, axis=0) - part + start
    total = int(count.sum())
    # Both ends of a part one after the other, so that each part is contiguous.
    index, rows = np.empty(2 * total, np.int64), np.empty((total, attr.shape[1]), np.float32)
    _fill(a, b, attr, types_a, types_b, starts_a, starts_b, both, place, count, offset, index, rows)
    found: dict[tuple[int, int], tuple[Ints, Floats]] = {}
    for i, j in np.argwhere(count).tolist():
        begin, end = int(offset[i, j]), int(offset[i, j] + count[i, j])
        found[i, j] = index[2 * begin : 2 * end].reshape(2, -1), rows[begin:end]
    return found


@njit
def look_up(number: Ints, first: int, wanted: Ints, found: Ints) -> int:
    """Write `number[id - first]` of each id into `found`; returns how many have none, which get -1."""
    missing = 0
    for e in range(len(wanted)):
        row = wanted[e] - first
        found[e] = number[row] if 0 <= row < len(number) else -1
        missing += found[e] < 0
    return missing


@njit
def _is_in_order(source: Ints, target: Ints, both: bool) -> bool:
    for e in range(len(source)):
        if both and source[e] >= target[e]:
            return False
        if e and (source[e] < source[e - 1] or (source[e] == source[e - 1] and target[e] < target[e - 1])):
            return False
    return True


@njit
def _count(a: Ints, b: Ints, types: NDArray[np.int32], both: bool, place: Ints) -> None:
    for e in range(len(a)):
        place[a[e], types[b[e]]] += 1
        if both:
            place[b[e], types[a[e]]] += 1


@njit
def _fill(
    a: Ints,
    b: Ints,
    attr: Floats,
    types_a: NDArray[np.int32],
    types_b: NDArray[np.int32],
    starts_a: Ints,
    starts_b: Ints,
    both: bool,
    place: Ints,
    count: Ints,
    offset: Ints,
    index: Ints,
    rows: Floats,
) -> None:
    """Edges turned round come first: of the neighbours of a node, those with smaller ids are their sources."""
    n = len(a)
    for k in range(0 if both else n, 2 * n):
        e = k - n if k >= n else k
        u, v = (a[e], b[e]) if k >= n else (b[e], a[e])
        i, j = types_a[u], types_b[v]
        at = place[u, j]
        place[u, j] += 1
        index[at + offset[i, j]] = u - starts_a[i]
        index[at + offset[i, j] + count[i, j]] = v - starts_b[j]
        for c in range(attr.shape[1]):
            rows[at, c] = attr[e, c]
