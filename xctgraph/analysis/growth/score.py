"""The score of attraction: the rank of the density ahead of each site times what its advance is above expectation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xctgraph.analysis.growth.hazard import fit
from xctgraph.analysis.growth.sites import Floats, Ints, Sites


@dataclass(frozen=True)
class Score:
    """Terms of the score at one log hazard ratio; its sum is that of `density * residual`.

    Attributes
    ----------
    density : (n,) float
        Savage score of the density within the front, without its trend over the place.
    residual : (n,) float
        Weight of the site times (advanced - probability to advance): what its advance is above expectation.
    weight : (n,) float
        Weight of the site times the derivative of that probability by the log hazard; by it the trend is taken out of the
        density, so that the score does not hang on small errors of the fitted trend.
    coefficients : (p,) float
        Of the trend.
    """

    density: Floats
    residual: Floats
    weight: Floats
    coefficients: Floats

    @property
    def total(self) -> float:
        """The score."""
        return float(self.density @ self.residual)


def score(sites: Sites, ranked: Floats, design: Floats, *, log_ratio: float = 0.0, start: Floats | None = None) -> Score:
    """Score if each standard deviation of density multiplies the hazard by exp(log_ratio).

    The residual is not the derivative of the log likelihood, which has no bound: a single site that stays against a large hazard
    would outweigh all others.

    Parameters
    ----------
    sites : Sites
        Fronts with contrast alone.
    ranked : (n,) float
        Density as from `savage`.
    design : (n, p) float
        As from `place.design`.
    log_ratio : float
    start : (p,) float, optional
        First guess of the coefficients.
    """
    weight = sites.length / sites.length.mean()
    fitted = fit(sites.advanced, design, weight, log_ratio * standardised(sites), start)
    working = weight * fitted.slope
    return Score(
        density=without_trend(ranked, design, working),
        residual=weight * (sites.advanced - fitted.probability),
        weight=working,
        coefficients=fitted.coefficients,
    )


def without_trend(values: Floats, design: Floats, weight: Floats) -> Floats:
    """Values less their weighted least squares fit by the columns of the design."""
    root = np.sqrt(weight)
    coefficients = np.linalg.lstsq(design * root[:, None], values * root, rcond=None)[0]
    rest: Floats = values - design @ coefficients
    return rest


def percentiles(density: Floats, front: Ints) -> Floats:
    """Share (0 to 1) of its front that lies below each density, half of the site itself and of its equals counted."""
    order = np.lexsort((density, front))
    new = np.diff(front[order], prepend=-1) != 0
    first = np.flatnonzero(new | (np.diff(density[order], prepend=np.nan) != 0))
    last = np.append(first[1:], len(order))
    start = np.flatnonzero(new)
    size = np.diff(np.append(start, len(order)))
    within = np.repeat((first + last) / 2, last - first) - np.repeat(start, size)
    found = np.empty(len(density))
    found[order] = within / np.repeat(size, size)
    return found


def savage(percentile: Floats) -> Floats:
    """Score (n,) of mean 0 and variance 1 of a percentile (0 to 1): as a waiting time is distributed, the exponential.

    The best scores of ranks where what they stand for multiplies a hazard (I. R. Savage, Ann. Math. Statist. 27 (1956) 590-615):
    the densest places count most.
    """
    return np.asarray(-np.log1p(-percentile) - 1.0)


def standardised(sites: Sites) -> Floats:
    """Density in standard deviations over all sites, about its mean; 0 where all are equal."""
    mean = np.average(sites.density, weights=sites.length)
    spread = float(np.sqrt(np.average((sites.density - mean) ** 2, weights=sites.length)))
    spread = spread if spread > 0 else np.inf
    return np.asarray((sites.density - mean) / spread, np.float64)
