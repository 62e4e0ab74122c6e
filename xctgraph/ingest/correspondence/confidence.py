"""How likely a link is right, from its cost, its rivals and how well it agrees with the links around it.

A logistic model, fitted to scenes with truth by `python -m benchmarks.calibration`, one for features with voxels and one for
features without. How well it holds on other scenes is in docs/linking.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MOST = 3.0
_LEAST = 0.02

# By whether both scans have voxels; of the columns of `matched_terms` and `added_terms`.
MATCHED = {
    True: (-1.056, -0.2, 0.356, -1.124, -0.598, 0.526, 0.794, -0.446, 0.506, -0.227),
    False: (17.088, -15.944, 2.323, 6.067, 4.442, -1.625, -5.497, 0.823, 1.832, 1.032),
}
ADDED = {
    True: (17.607, -18.159, -0.193, -3.351, -0.261, 1.629),
    False: (12.714, -5.046, 9.772, -10.032, 1.809, 1.489),
}


def matched_terms(cost: Floats, margin: Floats, own: Floats, around: Floats) -> Floats:
    """Terms of the model for pairs of the one-to-one matching, (k, 10).

    Parameters
    ----------
    cost, margin
        Cost of each pair, and by how much it is cheaper than its rivals, (k,).
    own, around
        Disagreement of its displacement with its neighbours', and of theirs with each other, over the spacing of features, (k,).
    """
    a, w = _log(around), _log(own)
    return np.stack([np.ones_like(cost), cost, margin, a, w, w - a, cost * a, margin * a, a * a, w * a], axis=1)


def added_terms(cost: Floats, own: Floats, around: Floats) -> Floats:
    """Terms of the model for pairs that a split or merge adds, (k, 6)."""
    a, w = _log(around), _log(own)
    return np.stack([np.ones_like(cost), cost, a, w, a * a, w * a], axis=1)


def probability(terms: Floats, coefficients: tuple[float, ...]) -> Floats:
    """Logistic function of the terms, (k,)."""
    return np.asarray(1 / (1 + np.exp(-np.clip(terms @ np.asarray(coefficients), -50, 50))), np.float64)


def _log(disagreement: Floats) -> Floats:
    return np.asarray(np.log(np.minimum(disagreement, _MOST) + _LEAST))
