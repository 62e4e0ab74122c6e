"""Distribution of the distance to the nearest other point: G."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from xctgraph.analysis.density.window import Floats, Window


def nearest_neighbour_g(points: Floats, window: Window, distances: Floats) -> Floats:
    """Share (k,) of points whose nearest other point is within each distance; 1 - exp(-4/3 pi r^3 n / V) at random.

    Hanisch's estimator: only points count whose nearest neighbour is nearer than the border, each over the volume of the part of
    the window that deep (K.-H. Hanisch, Math. Operationsforsch. Statist. 15 (1984) 409-416). NaN where there are no such points.
    """
    if len(points) < 2:
        return np.full(len(distances), np.nan)
    gap: Floats = np.asarray(cKDTree(points).query(points, k=2)[0])[:, 1]
    gap = np.sort(gap[gap <= window.border_distance(points)])
    deep = window.eroded(gap)
    gap, deep = gap[deep > 0], deep[deep > 0]
    if not len(gap):
        return np.full(len(distances), np.nan)
    mass = np.concatenate([[0.0], np.cumsum(1.0 / deep)])
    share: Floats = mass[np.searchsorted(gap, distances, side="right")] / mass[-1]
    return share
