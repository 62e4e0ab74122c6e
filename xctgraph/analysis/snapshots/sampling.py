"""Neighbours of nodes drawn without replacement: kernels over compressed columns. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xctgraph.store.errors import InputError
from xctgraph.store.jit import njit

Ints = NDArray[np.int64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class Incoming:
    """Edges by target: those into node v are rows `start[v]` to `start[v + 1]` of `edges`, each its source and its number.

    Side by side in 32 bits, since a draw costs what it misses in the cache.
    """

    start: Ints
    edges: NDArray[np.int32]


def incoming(source: Ints, target: Ints, number: Ints, n_target: int) -> Incoming:
    """Order edges by target; edges into one node keep their order.

    Raises
    ------
    InputError
        If the graph has 2^31 edges or nodes of a type, or more.
    """
    if len(source) >= 2**31 or (len(source) and source.max() >= 2**31):
        raise InputError(f"a relation of {len(source):,} edges is too large for a loader: select fewer scans or a smaller radius")
    start = np.zeros(n_target + 1, np.int64)
    edges = np.empty((len(source), 2), np.int32)
    _by_target(source, target, number, start, edges)
    return Incoming(start, edges)


@njit
def _by_target(source: Ints, target: Ints, number: Ints, start: Ints, edges: NDArray[np.int32]) -> None:
    for v in target:
        start[v + 1] += 1
    for v in range(1, len(start)):
        start[v] += start[v - 1]
    at = start.copy()
    for e in range(len(target)):
        v = target[e]
        edges[at[v], 0] = source[e]
        edges[at[v], 1] = number[e]
        at[v] += 1


@njit
def draw(
    start: Ints,
    edges: NDArray[np.int32],
    nodes: Ints,
    first: int,
    k: int,
    local: NDArray[np.int32],
    found: Ints,
    n_found: int,
    state: NDArray[np.uint64],
) -> tuple[Ints, Ints, Ints, int]:
    """Draw up to `k` incoming edges of each of some nodes, uniformly and without replacement (Floyd's algorithm).

    R. W. Floyd, in Bentley and Floyd, "A sample of brilliance", Communications of the ACM 30 (1987) 754-757.

    Parameters
    ----------
    start, edges
        `Incoming` edges.
    nodes
        Targets, by their number in the graph.
    first
        Number of the first of them in the sample; the others follow.
    k
        Most edges per node; all of them where negative.
    local
        Number in the sample of each possible source, -1 where it is not in it yet; extended in place.
    found, n_found
        Sources in the sample, by their number in the graph, and how many there are; extended in place.
    state
        (1,) state of the random numbers, moved on in place.

    Returns
    -------
    row, column, edge : (E,) int64
        Source and target in the sample, and which edge of the graph it is.
    n_found : int
        Number of sources in the sample now.
    """
    total = 0
    for v in nodes:
        degree = start[v + 1] - start[v]
        total += degree if k < 0 else min(degree, k)
    row, column, drawn = np.empty(total, np.int64), np.empty(total, np.int64), np.empty(total, np.int64)
    chosen = np.empty(max(k, 1), np.int64)
    at = 0
    for i in range(len(nodes)):
        begin = start[nodes[i]]
        degree = start[nodes[i] + 1] - begin
        some = 0 <= k < degree
        if some:
            for m in range(k):
                j = degree - k + m
                r = _below(state, j + 1)
                for q in range(m):
                    if chosen[q] == r:
                        r = j
                        break
                chosen[m] = r
        for m in range(k if some else degree):
            drawn[at] = begin + (chosen[m] if some else m)
            column[at] = first + i
            at += 1
    # A pass of its own, in which no load waits for another.
    for e in range(total):
        row[e] = edges[drawn[e], 0]
        drawn[e] = edges[drawn[e], 1]
    for e in range(total):
        u = row[e]
        if local[u] < 0:
            local[u] = n_found
            found[n_found] = u
            n_found += 1
        row[e] = local[u]
    return row, column, drawn, n_found


@njit
def _below(state: NDArray[np.uint64], n: int) -> int:
    """A random number from 0 to n - 1: splitmix64 (Steele, Lea and Flood 2014), its upper half times n, over 2^32.

    The bias is below n / 2^32, some 1e-8 for the degrees of a graph of features.
    """
    state[0] += GOLDEN
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * MIX_1
    z = (z ^ (z >> np.uint64(27))) * MIX_2
    z = z ^ (z >> np.uint64(31))
    return int(((z >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))
