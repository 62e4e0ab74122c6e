"""Position, covariance and axes from integer moments."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.labelling import Moments
from xctgraph.ingest.parallel import in_parts

F64 = NDArray[np.float64]
Spacing = tuple[float, float, float]

_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
_CHUNK = 1 << 16
_SIGN_TOLERANCE = 1e-12


class Axes(NamedTuple):
    """Principal axes of n features, from the major to the minor one: `length` (n, 3), `direction` (n, 3, 3), (n, axis, zyx)."""

    length: F64
    direction: F64


def centroid(moments: Moments) -> F64:
    """Mean position of the voxels in voxel coordinates (z, y, x), (n, 3)."""
    return moments.origin + moments.first / moments.n_voxels[:, None]


def covariance(moments: Moments, spacing: Spacing) -> F64:
    """Covariance of the voxel centres in the unit of `spacing` squared: zz, zy, zx, yy, yx, xx, (n, 6).

    It is that of the population of centres, as in scikit-image: no 1/12 for the extent of a voxel. The moments are shifted to
    the voxel nearest to the centroid in integers first, so that nothing cancels.
    """
    n = moments.n_voxels
    near = (2 * moments.first + n[:, None]) // (2 * n[:, None])
    rest = moments.first - n[:, None] * near
    result = np.empty((len(n), 6))
    for k, (i, j) in enumerate(_PAIRS):
        second = moments.second[:, k] - near[:, i] * moments.first[:, j] - near[:, j] * rest[:, i]
        result[:, k] = (second - rest[:, i] * (rest[:, j] / n)) / n * (spacing[i] * spacing[j])
    return result


def axes(cov: F64, workers: int = 1) -> Axes:
    """Principal axes of covariances zz, zy, zx, yy, yx, xx, (n, 6).

    The length 2 sqrt(5 w), w an eigenvalue, is the full axis of the ellipsoid of that covariance, as in scikit-image. Of the two
    unit vectors along an axis the one whose first non-zero component of (z, y, x) is positive is taken.
    """
    length = np.empty((len(cov), 3))
    direction = np.empty((len(cov), 3, 3))

    def part(first: int, last: int) -> None:
        for start in range(first, last, _CHUNK):
            rows = slice(start, min(last, start + _CHUNK))
            matrix = np.empty((len(cov[rows]), 3, 3))
            for k, (i, j) in enumerate(_PAIRS):
                matrix[:, i, j] = matrix[:, j, i] = cov[rows, k]
            values, vectors = np.linalg.eigh(matrix)
            length[rows] = 2 * np.sqrt(5 * np.maximum(values[:, ::-1], 0))
            direction[rows] = vectors[:, :, ::-1].transpose(0, 2, 1)

    in_parts(part, np.arange(len(cov) + 1), workers)
    direction[np.abs(direction) < _SIGN_TOLERANCE] = 0
    z, y, x = np.moveaxis(direction, -1, 0)
    leading = np.where(z != 0, z, np.where(y != 0, y, x))
    direction *= np.where(leading < 0, -1.0, 1.0)[..., None]
    direction += 0.0  # no negative zeros
    return Axes(length, direction)
