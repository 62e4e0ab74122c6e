"""What the place of a site tells of its chance to advance, whatever lies ahead of it."""

from __future__ import annotations

import numpy as np

from xctgraph.analysis.growth.sites import Floats, Ints, Sites

KNOTS = 3


def design(sites: Sites, coordinate: Floats) -> Floats:
    """Columns (n, p) of unit size: one per front, then the trend over the place.

    The trend is a natural cubic spline of the distance to the surface, a parabola along the front, and a line along the
    direction of growth within a front. A front has its own level, so that fractures and scans are never compared.
    """
    levels = np.zeros((len(sites), int(sites.front.max()) + 1))
    levels[np.arange(len(sites)), sites.front] = 1.0
    along = _standard(coordinate - _means(coordinate, sites.fracture))
    ahead = np.einsum("ij,j->i", sites.position, _unit(sites.direction.mean(axis=0)))
    columns = [along, _standard(along**2), _standard(ahead - _means(ahead, sites.front))]
    known = np.isfinite(sites.surface_distance)
    if known.any():
        distance = np.where(known, sites.surface_distance, sites.surface_distance[known].mean())
        columns += list(_spline(distance).T)
    trend = np.stack(columns, axis=1)
    return np.concatenate([levels, trend[:, np.ptp(trend, axis=0) > 0]], axis=1)


def _means(values: Floats, group: Ints) -> Floats:
    mean: Floats = (np.bincount(group, values) / np.maximum(np.bincount(group), 1))[group]
    return mean


def _unit(vector: Floats) -> Floats:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else np.array([0.0, 0.0, 1.0])


def _standard(values: Floats) -> Floats:
    spread = float(values.std())
    scaled: Floats = (values - values.mean()) / (spread if spread > 1e-12 * (1 + np.abs(values).max()) else np.inf)
    return scaled


def _spline(values: Floats) -> Floats:
    """Natural cubic spline with knots at quantiles (Hastie, Tibshirani and Friedman, 2nd ed., eqs. 5.4 and 5.5), no constant."""
    knots = np.unique(np.quantile(values, np.linspace(0.0, 1.0, KNOTS + 1)))
    columns = [_standard(values)]
    if len(knots) > 2:
        last = np.maximum(values - knots[-1], 0.0) ** 3
        cubes = [(np.maximum(values - knot, 0.0) ** 3 - last) / (knots[-1] - knot) for knot in knots[:-1]]
        columns += [_standard(cube - cubes[-1]) for cube in cubes[:-1]]
    return np.stack(columns, axis=1)
