"""How well each link agrees with the links around it: right ones move as their neighbours do."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from xctgraph.ingest.few import median
from xctgraph.store.jit import njit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NEIGHBOURS = 12


class Agreement(NamedTuple):
    """Of each link, um: `own`, distance of its displacement from the median of its neighbours'; `around`, median of theirs."""

    own: Floats
    around: Floats


def agreement(points: Floats, moved: Floats, n: int) -> Agreement:
    """Compare links with the nearest of those that the displacement rests on, the first `n`.

    Parameters
    ----------
    points, moved : (k, 3), um
        Where links start and how they move, less the displacement field. A link of the first that starts at the same place as
        the one looked at does not count.
    """
    if n < 3:
        unknown = np.full(len(points), np.inf)
        return Agreement(unknown, unknown)
    distance, near = map(np.asarray, cKDTree(points[:n]).query(points, k=min(_NEIGHBOURS + 1, n)))
    own = np.linalg.norm(moved - _middle(distance, near, moved), axis=1)
    return Agreement(own, np.median(own[near[:, :_NEIGHBOURS]], axis=1))


@njit
def _middle(distance: Floats, near: Ints, moved: Floats) -> Floats:
    """Median displacement, by component, of the neighbours that start elsewhere; NaN without any."""
    middle = np.full((len(near), 3), np.nan)
    scratch = np.empty(near.shape[1])
    for i in range(len(near)):
        for c in range(3):
            k = 0
            for j in range(near.shape[1]):
                if distance[i, j] > 0:
                    scratch[k] = moved[near[i, j], c]
                    k += 1
            if k > 0:
                middle[i, c] = median(scratch[:k])
    return middle
