"""Smooth displacement fitted to scattered, partly wrong displacements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from xctgraph.ingest.correspondence.field import Field
from xctgraph.ingest.few import median
from xctgraph.store.jit import njit

Floats = NDArray[np.float64]

_ROUNDS = 8
_STRAIN = 0.05
_MOST_NODES = 32768
_POLYNOMIAL_NODES = 9
_LOCAL_ROUNDS = 4


def polynomial(points: Floats, displacement: Floats, weight: Floats, extent: Floats, degree: int, precision: float) -> Field:
    """Robust polynomial displacement by iteratively reweighted least squares (Cauchy weights).

    Parameters
    ----------
    points, displacement : (n, 3), um; n >= 1
    weight : (n,), not negative, not all zero
    extent : (3,), um
        The box that the field spans.
    degree : int
        0 for a translation, 1 affine, 2 quadratic.
    precision : float
        Expected error of a right displacement, um. Strains are drawn to zero as if known beforehand to be 0 +- 5 %, so that few
        points don't bend the field.
    """
    half = np.maximum(extent / 2, 0.5)
    basis = _basis(points / half - 1, degree)
    ridge = np.zeros(basis.shape[1])
    ridge[1:] = (precision / (_STRAIN * float(half.max()))) ** 2
    robust = weight / weight.max()
    coefficients = np.zeros((basis.shape[1], 3))
    centre = np.median(displacement[weight > 0], axis=0)
    for _ in range(_ROUNDS):
        normal = basis.T @ (robust[:, None] * basis) + np.diag(ridge + 1e-12)
        coefficients = np.linalg.solve(normal, basis.T @ (robust[:, None] * (displacement - centre)))
        error = np.linalg.norm(basis @ coefficients - (displacement - centre), axis=1)
        scale = max(precision, 1.5 * _weighted_median(error, weight))
        robust = weight / weight.max() / (1 + (error / scale) ** 2)
    count = 2 if degree < 2 else _POLYNOMIAL_NODES
    z, y, x = (np.linspace(0.0, max(float(end), 1.0), count) for end in extent)
    field = Field((z, y, x), np.zeros((count, count, count, 3)))
    u = _basis(field.nodes / half - 1, degree) @ coefficients + centre
    return Field(field.axes, u.reshape(field.u.shape))


def local(
    points: Floats, displacement: Floats, previous: Field, extent: Floats, precision: float, step: float, neighbours: int
) -> Field:
    """Robust local affine displacement about each node, from the nearest points.

    Parameters
    ----------
    points, displacement : (n, 3), um; n >= neighbours
    previous : Field
        What is corrected: residuals to it are fitted, so that it holds where points are few.
    extent : (3,), um
    precision : float
        Expected error of a right displacement, um.
    step : float
        Distance of the nodes, um.
    neighbours : int
        Points for each node.
    """
    field = _grid(extent, step)
    nodes = field.nodes
    residual = displacement - previous.at(points)
    distance, near = map(np.asarray, cKDTree(points).query(nodes, k=neighbours))
    u = previous.at(nodes) + _about_nodes(nodes, points, residual, near, distance, precision)
    return Field(field.axes, u.reshape(field.u.shape))


@njit
def _about_nodes(
    nodes: Floats, points: Floats, residual: Floats, near: NDArray[np.int64], distance: Floats, precision: float
) -> Floats:
    """Constant terms of the affine fits about the nodes, in four rounds (squared Cauchy weights, Gaussian taper)."""
    k = near.shape[1]
    result = np.empty((len(nodes), 3))
    basis, taper, error, scratch = np.ones((k, 4)), np.empty(k), np.empty(k), np.empty(k)
    normal, right = np.empty((4, 4)), np.empty((4, 3))
    for n in range(len(nodes)):
        length = max(distance[n, k - 1], 1e-9)
        ridge = min((precision / (_STRAIN * length)) ** 2, 1e6)
        for p in range(k):
            taper[p] = np.exp(-((distance[n, p] / length) ** 2))
            for c in range(3):
                basis[p, c + 1] = (points[near[n, p], c] - nodes[n, c]) / length
        right[:] = 0.0
        for c in range(3):
            for p in range(k):
                scratch[p] = residual[near[n, p], c]
            right[0, c] = median(scratch)
        for _ in range(_LOCAL_ROUNDS):
            for p in range(k):
                error[p] = 0.0
                for c in range(3):
                    e = residual[near[n, p], c]
                    for b in range(4):
                        e -= basis[p, b] * right[b, c]
                    error[p] += e * e
                error[p] = np.sqrt(error[p])
            scratch[:] = error
            scale = max(precision, 2.0 * median(scratch))
            normal[:] = 0.0
            right[:] = 0.0
            for p in range(k):
                weight = taper[p] / (1.0 + (error[p] / scale) ** 2) ** 2
                for a in range(4):
                    for b in range(4):
                        normal[a, b] += weight * basis[p, a] * basis[p, b]
                    for c in range(3):
                        right[a, c] += weight * basis[p, a] * residual[near[n, p], c]
            normal[0, 0] += 1e-9
            for a in range(1, 4):
                normal[a, a] += ridge
            _solve(normal, right)
        result[n] = right[0]
    return result


@njit
def _solve(matrix: Floats, right: Floats) -> None:
    """Solve a small positive definite system in place of its right sides."""
    n, m = len(matrix), right.shape[1]
    for a in range(n):
        for b in range(a + 1, n):
            factor = matrix[b, a] / matrix[a, a]
            for c in range(a, n):
                matrix[b, c] -= factor * matrix[a, c]
            for c in range(m):
                right[b, c] -= factor * right[a, c]
    for a in range(n - 1, -1, -1):
        for c in range(m):
            for b in range(a + 1, n):
                right[a, c] -= matrix[a, b] * right[b, c]
            right[a, c] /= matrix[a, a]


def _grid(extent: Floats, step: float) -> Field:
    box = np.maximum(extent, 1.0)
    while True:
        counts = np.ceil(box / step).astype(int) + 1
        if counts.prod() <= _MOST_NODES:
            break
        step *= 1.1
    z, y, x = (np.linspace(0.0, float(end), int(count)) for end, count in zip(box, counts, strict=True))
    return Field((z, y, x), np.zeros((*counts, 3)))


def _basis(x: Floats, degree: int) -> Floats:
    """Monomials up to `degree`, the constant first."""
    powers = [
        (i, j, k) for total in range(degree + 1) for i in range(total + 1) for j in range(total + 1 - i) for k in [total - i - j]
    ]
    return np.stack([x[:, 0] ** i * x[:, 1] ** j * x[:, 2] ** k for i, j, k in powers], axis=1)


def _weighted_median(values: Floats, weight: Floats) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
