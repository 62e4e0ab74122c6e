"""Moran's I of a value of the cells of a grid: whether neighbours are alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xctgraph.analysis.density.window import Floats
from xctgraph.store.errors import InputError


@dataclass(frozen=True)
class Moran:
    """I, what it is on average without correlation, two-sided p by permutation, cells, pairs of neighbours."""

    i: float
    expected: float
    p: float
    n: int
    n_pairs: int


def moran(values: Floats, source: np.ndarray, target: np.ndarray, *, seed: int = 0, n_permutations: int = 999) -> Moran:
    """Moran's I with weight 1 for each pair of neighbours.

    P. A. P. Moran, Biometrika 37 (1950) 17-23. p is of values permuted among the cells.

    Parameters
    ----------
    values : (n,) float
    source, target : (m,) int
        Cells of each pair, every pair once.
    seed, n_permutations : int

    Raises
    ------
    InputError
        If there are fewer than three cells, no pairs, or all values are equal.
    """
    if len(values) < 3 or not len(source) or np.ptp(values) == 0:
        raise InputError(
            f"Moran's I of {len(values)} cells with {len(source)} pairs of neighbours has no meaning: it needs three cells, "
            f"one pair and values that differ; take smaller cells"
        )
    rng = np.random.default_rng(seed)
    z = values - values.mean()
    scale = len(values) / len(source) / float(z @ z)
    observed = float(z[source] @ z[target]) * scale
    drawn = np.empty(n_permutations)
    for k in range(n_permutations):
        mixed = rng.permutation(z)
        drawn[k] = float(mixed[source] @ mixed[target]) * scale
    expected = -1.0 / (len(values) - 1)
    p = (1 + (np.abs(drawn - expected) >= abs(observed - expected) - 1e-12).sum()) / (n_permutations + 1)
    return Moran(observed, expected, float(p), len(values), len(source))
