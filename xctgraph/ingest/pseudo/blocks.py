"""Slices in coarse blocks: medians, a smooth polynomial through them, and the way back to pixels."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
DEGREE = 4
_ACROSS = 48  # blocks across the smaller edge of a slice
_SHRINK = 0.001  # of each coefficient where all blocks are known; more where few are
_ROUNDS = 8
_OUTLIER = 3.0


def edge(shape: tuple[int, ...]) -> int:
    """Edge of a block in pixels."""
    return max(1, min(shape) // _ACROSS)


def medians(plane: Plane) -> NDArray[np.float64]:
    """Median of each block (rows, columns); what is left over at the far edges is not looked at."""
    b = edge(plane.shape)
    rows, columns = plane.shape[0] // b, plane.shape[1] // b
    cut = plane[: rows * b, : columns * b].reshape(rows, b, columns, b).transpose(0, 2, 1, 3).reshape(rows, columns, b * b)
    middle: NDArray[np.float64] = np.median(cut, axis=2).astype(np.float64)
    return middle


def means(plane: NDArray[Any]) -> NDArray[np.float64]:
    """Mean of each block (rows, columns): of a mask the share of its pixels that it holds."""
    b = edge(plane.shape)
    rows, columns = plane.shape[0] // b, plane.shape[1] // b
    part: NDArray[np.float64] = plane[: rows * b, : columns * b].reshape(rows, b, columns, b).mean(axis=(1, 3), dtype=np.float64)
    return part


def spread(values: NDArray[np.floating]) -> float:
    """Standard deviation of the bulk of the values: 1.4826 times their median distance from their median; 0 of none."""
    if not values.size:
        return 0.0
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def fit(values: NDArray[np.float64], known: Mask) -> NDArray[np.float64]:
    """Coefficients (DEGREE + 1, DEGREE + 1) of the polynomial through the bulk of the known blocks.

    A sum of products of Legendre polynomials of a total degree of at most `DEGREE`, by least squares with a penalty that keeps it
    near 0 where no block is known; blocks that are off by more than three standard deviations are left out, eight times over
    (iterated reweighting with hard rejection; Huber, Robust Statistics, 1981, §7).

    Parameters
    ----------
    values : ndarray, shape (rows, columns)
    known
        Blocks that may take part.
    """
    basis = _basis(values.shape)
    at, wanted = basis[known.ravel()], values[known]
    coefficients: NDArray[np.floating] = np.zeros(basis.shape[1])
    inside = np.ones(len(wanted), np.bool_)
    for _ in range(_ROUNDS):
        a, b = at[inside], wanted[inside]
        coefficients = np.linalg.solve(a.T @ a + _SHRINK * known.size * np.eye(a.shape[1]), a.T @ b)
        residual = wanted - at @ coefficients
        kept = np.abs(residual) <= _OUTLIER * max(spread(residual[inside]), 1e-9)
        if np.array_equal(kept, inside) or kept.sum() < at.shape[1]:
            break
        inside = kept
    square = np.zeros((DEGREE + 1, DEGREE + 1))
    square[_orders()] = coefficients
    return square


def polynomial(coefficients: NDArray[np.float64], shape: tuple[int, int]) -> Plane:
    """The polynomial at each pixel of a slice of `shape`."""
    y, x = (_legendre(n) for n in shape)
    plane: Plane = (y @ coefficients @ x.T).astype(np.float32)
    return plane


def enlarge(values: NDArray[np.float64], shape: tuple[int, int]) -> Plane:
    """Values of blocks interpolated linearly to the pixels of a slice of `shape`."""
    b = edge(shape)
    rows, columns = (_interpolation(n, b) for n in shape)
    plane: Plane = rows @ values.astype(np.float32) @ columns.T
    return plane


def _orders() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    i, j = np.indices((DEGREE + 1, DEGREE + 1))
    orders = np.nonzero(i + j <= DEGREE)
    return orders[0], orders[1]


@lru_cache(maxsize=8)
def _basis(shape: tuple[int, int]) -> NDArray[np.float64]:
    y, x = (_legendre(n) for n in shape)
    i, j = _orders()
    products: NDArray[np.float64] = (y[:, None, i] * x[None, :, j]).reshape(-1, len(i))
    return products


@lru_cache(maxsize=16)
def _legendre(n: int) -> NDArray[np.float64]:
    """Legendre polynomials of mean square 1 at n evenly spaced places, (n, DEGREE + 1)."""
    at = (2 * np.arange(n) + 1) / n - 1
    values = legendre.legvander(at, DEGREE) * np.sqrt(2 * np.arange(DEGREE + 1) + 1)
    return values.astype(np.float64)


@lru_cache(maxsize=16)
def _interpolation(n: int, block: int) -> Plane:
    """Matrix (n, n // block) from values at the centres of blocks to pixels."""
    centres = np.arange(n // block) * block + (block - 1) / 2
    pixels = np.arange(n, dtype=float)
    matrix: Plane = np.stack([np.interp(pixels, centres, unit) for unit in np.eye(len(centres))], axis=1).astype(np.float32)
    return matrix
