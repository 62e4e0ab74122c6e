"""Thomas cluster process with a smooth trend: fitted to defects and drawn again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import erf

from xctgraph.analysis.density.ripley import BALL, Pairs, distances
from xctgraph.analysis.density.window import Floats, Window
from xctgraph.store.errors import InputError

DUMMIES = 5000
STEPS = 40
FEWEST = 20


def thomas_k(distance: Floats, parents: float, spread: float) -> Floats:
    """K of a Thomas process in 3D.

    The two members of a cluster are apart by a normal vector of standard deviation sqrt(2) `spread` along each axis, so their
    distance is Maxwell's.

    Parameters
    ----------
    distance : (k,) float, micrometres
    parents : float
        Clusters per cubic micrometre.
    spread : float
        Standard deviation of members about the middle of their cluster along each axis, micrometres.
    """
    u = distance / (2 * spread)
    within = erf(u) - 2 * u * np.exp(-(u**2)) / np.sqrt(np.pi)
    return np.asarray(BALL * distance**3 + within / parents, np.float64)


@dataclass(frozen=True)
class Trend:
    """Log-quadratic intensity in a window: exp(terms @ coefficients), per cubic micrometre, at most `top`."""

    middle: Floats
    scale: Floats
    coefficients: Floats
    top: float

    def __call__(self, points: Floats) -> Floats:
        """Intensity (n,) at points (n, 3)."""
        return np.asarray(np.minimum(np.exp(_terms(points, self.middle, self.scale) @ self.coefficients), self.top), np.float64)


def fit_trend(points: Floats, window: Window, rng: np.random.Generator) -> Trend:
    """Intensity by the likelihood of a Poisson process, a consistent estimate under clustering too.

    F. P. Schoenberg, J. Statist. Plann. Inference 128 (2005) 79-93. The integral is the mean over random points of the window.
    """
    dummies = window.draw(DUMMIES, rng)
    middle, scale = dummies.mean(axis=0), dummies.std(axis=0)
    seen, known = _terms(points, middle, scale).sum(axis=0), _terms(dummies, middle, scale)
    coefficients = np.zeros(known.shape[1])
    coefficients[0] = np.log(max(len(points), 1) / window.volume)
    for _ in range(30):
        mass = np.exp(known @ coefficients) * window.volume / DUMMIES
        information = (known * mass[:, None]).T @ known + 1e-6 * np.eye(len(coefficients))
        step = np.linalg.solve(information, seen - known.T @ mass)
        coefficients = coefficients + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-6:
            break
    return Trend(middle, scale, coefficients, float(np.exp(known @ coefficients).max()))


@dataclass(frozen=True)
class Thomas:
    """Fitted process: clusters per cubic micrometre, their spread (micrometres), and the intensity."""

    parents: float
    spread: float
    trend: Trend
    window: Window

    def draw(self, rng: np.random.Generator, low: Floats | None = None, high: Floats | None = None) -> Floats:
        """Points (n, 3) of one realisation in the window; of its part between two corners where given."""
        start = self.window.origin if low is None else np.maximum(low, self.window.origin)
        stop = self.window.high if high is None else np.minimum(high, self.window.high)
        reach = 4 * self.spread
        size = stop - start + 2 * reach
        mean = self.trend.top / self.parents
        # Clusters without members are not drawn, of which there may be a thousand to a point; of the others, the first member
        # comes at a time below `mean` of a process of unit rate, and the rest after it.
        some = -np.expm1(-mean)
        n = rng.poisson(self.parents * some * size.prod())
        members = 1 + rng.poisson(mean + np.log1p(-rng.random(n) * some))
        centres = start - reach + rng.random((n, 3)) * size
        points = np.repeat(centres, members, axis=0) + rng.normal(0.0, self.spread, (int(members.sum()), 3))
        points = points[((points >= start) & (points < stop)).all(axis=1)]
        points = points[rng.random(len(points)) * self.trend.top < self.trend(points)]
        return points if self.window.inside.all() else points[self.window.contains(points)]


def fit_thomas(points: Floats, window: Window, rng: np.random.Generator) -> Thomas:
    """Fit the trend, then the clusters by the distances of pairs up to a quarter of the shortest side, or 100 um.

    Second-order composite likelihood: the pairs at each distance taken as Poisson counts about those of the process
    (R. Waagepetersen, Biometrics 63 (2007) 252-258, with the intensity fitted first).

    Raises
    ------
    InputError
        If there are too few points.
    """
    if len(points) < FEWEST:
        raise InputError(f"{len(points)} defects are too few to fit a cluster process: at least {FEWEST} are needed")
    trend = fit_trend(points, window, rng)
    largest = min(float((window.high - window.origin).min()) / 4, 100.0)
    edges = distances(largest, STEPS)
    intensity = trend(points)
    # The sum of 1/intensity estimates the volume: K on that scale is less disturbed by an error of the intensity.
    scale = (window.volume / (1.0 / intensity).sum()) ** 2
    seen = scale * np.diff(Pairs(window, edges).inhomogeneous_k(points, intensity), prepend=0.0)

    def unlikelihood(log: Floats) -> float:
        expected = np.diff(thomas_k(edges, *np.exp(log)))
        return float(expected.sum() - seen @ np.log(expected)) / float(seen.sum())

    mean = len(points) / window.volume
    bounds = [(np.log(mean / 500), np.log(mean * 1e3)), (np.log(largest / 50), np.log(largest / 2))]
    starts = [np.log([mean / size, largest / part]) for size in (3.0, 20.0) for part in (4.0, 16.0)]
    best = min((minimize(unlikelihood, start, method="L-BFGS-B", bounds=bounds) for start in starts), key=lambda m: float(m.fun))
    parents, spread = np.exp(best.x)
    return Thomas(float(parents), float(spread), trend, window)


def _terms(points: Floats, middle: Floats, scale: Floats) -> Floats:
    u = (points - middle) / scale
    return np.concatenate([np.ones((len(u), 1)), u, u**2], axis=1)
