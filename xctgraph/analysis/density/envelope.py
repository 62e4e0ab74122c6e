"""Global envelope test: one p-value and one band for a whole function of distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from xctgraph.analysis.density.window import Floats
from xctgraph.store.errors import InputError


@dataclass(frozen=True)
class Envelope:
    """p of the function as a whole, and the band (k,) that it leaves only where p is at most the level."""

    p: float
    low: Floats
    high: Floats


def global_envelope(observed: Floats, simulated: Floats, level: float = 0.05) -> Envelope:
    """Extreme rank length test.

    Functions are ordered by how extreme their most extreme value is, then the next, two-sided, over all distances (M. Myllymaki,
    T. Mrkvicka, P. Grabarnik, H. Seijo, U. Hahn, J. R. Statist. Soc. B 79 (2017) 381-404).

    Parameters
    ----------
    observed : (k,) float
    simulated : (s, k) float
        Under the null model.
    level : float
        The band holds the least extreme share 1 - level of the functions, the observed one among them.

    Raises
    ------
    InputError
        If there are too few simulations for the level.
    """
    n = len(simulated) + 1
    if n * level < 1:
        raise InputError(
            f"{len(simulated)} simulations are too few for a level of {level:g}: at least {int(np.ceil(1 / level)) - 1}"
        )
    functions = np.vstack([observed, simulated])
    up = rankdata(functions, axis=0, method="average")
    ranks = np.sort(np.minimum(up, n + 1 - up), axis=1)
    order = np.lexsort(ranks.T[::-1])
    measure = np.empty(n)
    # Equal rank vectors share the mean place, as one function cannot be more extreme than another that ties with it.
    same = np.concatenate([[True], (np.diff(ranks[order], axis=0) != 0).any(axis=1)])
    group = np.cumsum(same) - 1
    last = np.flatnonzero(np.append(same[1:], True)) + 1
    measure[order] = last[group]
    kept = functions[measure > level * n] if (measure > level * n).any() else functions
    return Envelope(float(measure[0] / n), kept.min(axis=0), kept.max(axis=0))
