"""How well each link agrees with the links around it: right ones move as their neighbours do."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]

_NEIGHBOURS = 12


class Agreement(NamedTuple):
    """Of each link, um: `own`, distance of its displacement from the median of its neighbours'; `around`, median of theirs."""

    own: Floats
    around: Floats


def agreement(points: Floats, displacement: Floats, at: Floats, moved: Floats) -> Agreement:
    """Compare links with the nearest of those that the displacement rests on.

    Parameters
    ----------
    points, displacement : (n, 3), um
        Links that the displacement rests on: where they start and how they move, less the displacement field.
    at, moved : (k, 3), um
        The links to judge, likewise; one of the first that starts at the same place does not count for itself.
    """
    if len(points) < 3 or not len(at):
        unknown = np.full(len(at), np.inf)
        return Agreement(unknown, unknown)
    tree = cKDTree(points)
    own_of_all = _off(tree, displacement, points, displacement)
    near = np.asarray(tree.query(at, k=min(_NEIGHBOURS, len(points)))[1])
    return Agreement(_off(tree, displacement, at, moved), np.median(own_of_all[near], axis=1))


def _off(tree: cKDTree, displacement: Floats, at: Floats, moved: Floats) -> Floats:
    k = min(_NEIGHBOURS + 1, int(tree.n))
    distance, near = map(np.asarray, tree.query(at, k=k))
    others = displacement[near]
    others[distance == 0] = np.nan
    return np.asarray(np.linalg.norm(moved - np.nanmedian(others, axis=1), axis=1), np.float64)
