"""Slices brought to the edge that a network takes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def resample(planes: NDArray[Any], edge: int) -> NDArray[np.float32]:
    """Bring slices to a square, with a triangle filter that widens where they shrink, so that nothing is skipped.

    Parameters
    ----------
    planes : ndarray, shape (n, y, x)
        Grey values of any type.
    edge : int

    Returns
    -------
    ndarray of float32, shape (n, edge, edge)
        The sides of a slice that is no square shrink unequally.
    """
    n, n_y, n_x = planes.shape
    out = np.empty((n, edge, edge), np.float32)
    rows, columns = _weights(n_y, edge), _weights(n_x, edge)
    for plane, target in zip(planes, out, strict=True):
        target[:] = (columns @ (rows @ plane.astype(np.float32)).T).T
    return out


@lru_cache(maxsize=16)
def _weights(n: int, edge: int) -> sparse.csr_array:
    """Weights (edge, n): a triangle of half-width max(1, n / edge) about the centre of each pixel of the result, as in Pillow."""
    scale = n / edge
    width = max(1.0, scale)
    centre = (np.arange(edge) + 0.5) * scale
    distance = np.abs(np.arange(n)[None, :] + 0.5 - centre[:, None]) / width
    weight = np.maximum(0.0, 1.0 - distance)
    return sparse.csr_array((weight / weight.sum(axis=1, keepdims=True)).astype(np.float32))
