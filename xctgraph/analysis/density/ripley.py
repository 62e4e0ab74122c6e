"""Second-order statistics of points in a window: Ripley's K and L, pair correlation, cross-K."""

from __future__ import annotations

import numpy as np

from xctgraph.analysis.density.pair_sums import pair_sums
from xctgraph.analysis.density.window import Floats, Window
from xctgraph.store.errors import InputError

BALL = 4 * np.pi / 3


def distances(largest: float, steps: int) -> Floats:
    """Distances from 0 to `largest`, micrometres, (steps + 1,).

    Raises
    ------
    InputError
        If they are none.
    """
    if not largest > 0 or steps < 1:
        raise InputError(f"distances up to {largest} um in {steps} steps: give a positive distance and at least one step")
    return np.linspace(0.0, largest, steps + 1)


class Pairs:
    """Sums over pairs of points in one window and up to one distance: what patterns of the same window share is made once.

    Parameters
    ----------
    window : Window
    edges : (k + 1,) float
        As from `distances`.
    """

    def __init__(self, window: Window, edges: Floats) -> None:
        self.window = window
        self.edges = edges
        self._covariance = window.set_covariance(float(edges[-1]))

    def k(self, points: Floats, other: Floats | None = None) -> Floats:
        """Ripley's K (k,) at edges[1:], cubic micrometres; the cross-K of two sets where another is given.

        Translation correction: each pair counts as the volume over that which the window shares with itself moved by the vector
        between the two (J. Ohser, Math. Operationsforsch. Statist. 14 (1983) 63-71). Complete spatial randomness: 4/3 pi r^3.
        NaN where there is no pair of points at all.
        """
        n, m = len(points), len(points) - 1 if other is None else len(other)
        if n * m <= 0:
            return np.full(len(self.edges) - 1, np.nan)
        return np.cumsum(self._sums(points, other)) * self.window.volume**2 / (n * m)

    def inhomogeneous_k(self, points: Floats, intensity: Floats) -> Floats:
        """K (k,) of points whose intensity (n,), per cubic micrometre, is known at each of them.

        A. J. Baddeley, J. Moller, R. Waagepetersen, Statistica Neerlandica 54 (2000) 329-350.
        """
        weight = 1.0 / intensity
        return np.cumsum(pair_sums(points, None, weight, weight, self.edges, self._covariance, self.window.spacing))

    def _sums(self, points: Floats, other: Floats | None) -> Floats:
        ones = np.ones(max(len(points), 0 if other is None else len(other)))
        return pair_sums(
            points,
            other,
            ones[: len(points)],
            ones if other is None else ones[: len(other)],
            self.edges,
            self._covariance,
            self.window.spacing,
        )


def l_of_k(k: Floats) -> Floats:
    """Ripley's L: the radius of the ball of volume K; r under complete spatial randomness."""
    return np.cbrt(k / BALL)


def pair_correlation(k: Floats, edges: Floats) -> Floats:
    """Pair correlation g: mean between each two distances, from K at edges[1:]; 1 under complete spatial randomness."""
    g: Floats = np.diff(k, prepend=0.0) / (BALL * np.diff(edges**3))
    return g
