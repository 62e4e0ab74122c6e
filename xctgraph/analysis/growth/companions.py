"""What goes with the primary test: odds of every influence at once, and whether fronts advance up the density gradient."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t as student

from xctgraph.analysis.growth.nulls import Material
from xctgraph.analysis.growth.primary import Prepared, ShiftTest
from xctgraph.analysis.growth.score import standardised, without_trend
from xctgraph.analysis.growth.sites import Bools, Floats, Ints, Sites
from xctgraph.ingest.proximity.pairs import pairs

ROUNDS = 50
RIDGE = 1e-3
FEWEST_FREE = 5


@dataclass(frozen=True)
class Odds:
    """One influence: odds ratio to advance per standard deviation, its 95 % interval, two-sided p."""

    influence: str
    ratio: float
    interval: tuple[float, float]
    p: float


def logistic(ready: Prepared, block_um: float, load: Floats | None = None) -> list[Odds]:
    """Logistic model of advance on density, curvature, opening, load direction and distance to the surface, within fronts.

    Intervals are of the sandwich estimator with blocks along the front, all scans of a block together (G. Kauermann, R. J.
    Carroll, J. Am. Statist. Assoc. 96 (2001) 1387-1396, CR1 with Student's t of blocks less columns), so that neighbouring sites
    do not count as independent.

    Parameters
    ----------
    ready : Prepared
    block_um : float
        Length of a block, micrometres: above that over which density and advance are alike.
    load : (3,) float, optional
        Unit vector of the load.

    Returns
    -------
    list of Odds
        Density first; empty where there are hardly more blocks than influences.
    """
    sites = ready.sites
    influences = {"density": standardised(sites)} | _others(sites, load)
    columns = {name: column for name, column in influences.items() if np.ptp(column) > 0}
    levels = ready.design[:, : int(sites.front.max()) + 1]
    along = np.stack([_scaled(ready.along.coordinate), _scaled(ready.along.coordinate**2)], axis=1)
    design = np.concatenate([levels, along, *(column[:, None] for column in columns.values())], axis=1)
    weight = sites.length / sites.length.mean()
    coefficients, information, p = _fit(sites.advanced, design, weight)
    block = _blocks(ready, block_um)
    terms = design * (weight * (sites.advanced - p))[:, None]
    sums = np.stack([np.bincount(block, column) for column in terms.T], axis=1)
    n, free = len(sums), len(sums) - len(columns) - 1
    if free < FEWEST_FREE:
        return []
    inverse = np.linalg.inv(information)
    covariance = inverse @ (sums.T @ sums) @ inverse * n / max(n - 1, 1)
    width = student.ppf(0.975, free)
    found = []
    for name, value, variance in zip(columns, coefficients[-len(columns) :], np.diag(covariance)[-len(columns) :], strict=True):
        error = float(np.sqrt(variance))
        ends = (float(np.exp(value - width * error)), float(np.exp(value + width * error)))
        found.append(Odds(name, float(np.exp(value)), ends, float(2 * student.sf(abs(value) / error, free))))
    return found


@dataclass(frozen=True)
class Cosine:
    """Mean cosine of the direction of advance and the density gradient, where a front advanced and where not, and p (shift)."""

    advanced: float
    not_advanced: float
    p: float


def cosine(ready: Prepared, material: Material, radius: float, seed: int, n_shifts: int) -> Cosine:
    """Whether sites that advance face up the density gradient more than those of the same front that do not.

    The gradient at a site points to the middle of the defects within `radius` on all sides, weighted by volume; where there are
    none the cosine is 0.
    """
    sites = ready.sites
    i, j, _ = pairs(sites.position, material.defects.points, radius)
    offsets = (material.defects.points[j] - sites.position[i]) * material.defects.volume[j][:, None]
    gradient = np.stack([np.bincount(i, axis, minlength=len(sites)) for axis in offsets.T], axis=1)
    size = np.linalg.norm(gradient, axis=1)
    value = np.einsum("ij,ij->i", gradient, sites.direction) / np.where(size > 0, size, np.inf)
    terms = replace(ready.null, density=without_trend(value, ready.design, ready.null.weight))
    test = ShiftTest(replace(ready, null=terms), seed, n_shifts)
    return Cosine(_mean(value, sites, sites.advanced), _mean(value, sites, ~sites.advanced), test.p(terms))


def _mean(value: Floats, sites: Sites, chosen: Bools) -> float:
    return float(np.average(value[chosen], weights=sites.length[chosen]))


def _others(sites: Sites, load: Floats | None) -> dict[str, Floats]:
    found = {
        "curvature": sites.curvature,
        "opening": sites.opening,
        "distance to surface": sites.surface_distance,
    }
    if load is not None:
        found["direction along load"] = np.abs(sites.direction @ load)
    return {name: _scaled(np.where(np.isfinite(v), v, _middle(v))) for name, v in found.items()}


def _middle(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0


def _scaled(values: Floats) -> Floats:
    spread = float(values.std())
    tiny = 1e-9 * float(np.abs(values).max())
    return np.asarray((values - values.mean()) / spread if spread > tiny else np.zeros(len(values)), np.float64)


def _blocks(ready: Prepared, block_um: float) -> Ints:
    """Number of the block of each site: a fracture's front cut into pieces of `block_um`."""
    coordinate = ready.along.coordinate
    cut = np.floor((coordinate - coordinate.min()) / block_um).astype(np.int64)
    found: Ints = np.unique(np.stack([ready.sites.fracture, cut], axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    return found


def _fit(advanced: Bools, design: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Coefficients, information and probabilities of the logistic model, with a ridge that holds what the data leave open."""
    coefficients = np.zeros(design.shape[1])
    for _ in range(ROUNDS):
        p = 1.0 / (1.0 + np.exp(-np.clip(design @ coefficients, -12.0, 12.0)))
        information = (design * (weight * p * (1 - p))[:, None]).T @ design + RIDGE * np.eye(len(coefficients))
        step = np.linalg.solve(information, design.T @ (weight * (advanced - p)) - RIDGE * coefficients)
        coefficients = coefficients + step * min(1.0, 2.0 / float(np.abs(step).max() + 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return coefficients, information, p
