"""Spatial statistics of one point pattern, each with a global envelope of complete spatial randomness in the window."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from xctgraph.analysis.density.envelope import Envelope, global_envelope
from xctgraph.analysis.density.nearest import nearest_neighbour_g
from xctgraph.analysis.density.ripley import Pairs, l_of_k, pair_correlation
from xctgraph.analysis.density.window import Floats, Window
from xctgraph.store.errors import InputError

T = TypeVar("T")
FEWEST = 19


@dataclass(frozen=True)
class Ripley:
    """Functions of distance of one pattern, named as in squidpy's `ripley`; `g` is the pair correlation.

    Attributes
    ----------
    distance : (k,) float
        Micrometres; `g` belongs to the middles between them, from 0 on.
    value : dict
        (k,) by mode: K in cubic micrometres, L in micrometres, g and G without unit.
    envelope : dict
        Of L and G by mode: under complete spatial randomness, or, between two kinds, of independence.
    n : int
        Points.
    """

    distance: Floats
    value: dict[str, Floats]
    envelope: dict[str, Envelope]
    n: int


def ripley(points: Floats, window: Window, edges: Floats, *, seed: int = 0, n_simulations: int = 99, workers: int = 2) -> Ripley:
    """K, L, pair correlation and G of points in a window.

    Parameters
    ----------
    points : (n, 3) float
        z, y, x, micrometres.
    window : Window
    edges : (k + 1,) float
        As from `distances`.
    seed, n_simulations : int
        Of as many points, uniform in the window, for the envelopes; none at 0.
    workers : int
        Threads.

    Raises
    ------
    InputError
        If there are fewer simulations than a level of 5 % needs.
    """
    pairs = Pairs(window, edges)

    def functions(pattern: Floats) -> tuple[Floats, Floats]:
        return pairs.k(pattern), nearest_neighbour_g(pattern, window, edges[1:])

    k, g = functions(points)
    drawn = _simulate(lambda rng: functions(window.draw(len(points), rng)), seed, n_simulations, workers)
    value = {"K": k, "L": l_of_k(k), "g": pair_correlation(k, edges), "G": g}
    envelope = {}
    if drawn and np.isfinite(k).all():
        envelope["L"] = global_envelope(value["L"], l_of_k(np.array([one for one, _ in drawn])))
        if np.isfinite(g).all():
            envelope["G"] = global_envelope(g, np.nan_to_num(np.array([two for _, two in drawn])))
    return Ripley(edges[1:], value, envelope, len(points))


def cross_ripley(
    points: Floats, other: Floats, window: Window, edges: Floats, *, seed: int = 0, n_simulations: int = 99, workers: int = 2
) -> Ripley:
    """Cross-K, cross-L and cross pair correlation of two kinds; the envelope is of random labelling.

    Random labelling: which of the points are of which kind is drawn anew, the places stay. It asks whether the kinds differ in
    their company given where defects lie, and needs no model of the places (P. J. Diggle, Statistical Analysis of Spatial and
    Spatio-Temporal Point Patterns, 3rd ed., section 4.7).
    """
    pairs = Pairs(window, edges)
    both, n = np.concatenate([points, other]), len(points)

    def relabelled(rng: np.random.Generator) -> Floats:
        mixed = both[rng.permutation(len(both))]
        return pairs.k(mixed[:n], mixed[n:])

    k = pairs.k(points, other)
    drawn = _simulate(relabelled, seed, n_simulations, workers)
    value = {"K": k, "L": l_of_k(k), "g": pair_correlation(k, edges)}
    envelope = {}
    if drawn and np.isfinite(k).all():
        envelope["L"] = global_envelope(value["L"], l_of_k(np.array(drawn)))
    return Ripley(edges[1:], value, envelope, n)


def _simulate(one: Callable[[np.random.Generator], T], seed: int, n: int, workers: int) -> list[T]:
    """Values of n simulations; the seeds do not depend on the number of threads."""
    if 0 < n < FEWEST:
        raise InputError(f"{n} simulations are too few for a level of 5 %: give at least {FEWEST}, or 0 for none")
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda child: one(np.random.default_rng(child)), np.random.SeedSequence(seed).spawn(n)))
