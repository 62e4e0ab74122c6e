"""The smallest size whose volume can be trusted, from blur, noise and the grid.

The volume of a ball of radius R (voxels), cut out of a scan by a threshold midway between its grey value and that of the
material, differs from the true one by three things:

- **blur**: of a step smeared by a Gaussian of standard deviation b, the level midway lies b²/R inside a surface of radius R, so
  that the volume is too small by 3 (b/R)²;
- **noise**: grey values that scatter by s (over the contrast) move the surface by s b √(2π) where a voxel is crossed, about
  independently in each of the 4 π R² voxels of the surface: the volume scatters by 3/R · s b √(2π) / √(4 π R²). A voxel
  averages over its own width, for which b² grows by 1/12;
- **grid**: of a ball at a random place on the grid, the count of voxels scatters by 0.915 R (the sum of the ball's spectrum
  over the reciprocal grid), that is by 0.218/R² of the volume.

The volume is called reliable where the root of the sum of the three squares is at most `TOLERANCE`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtr

TOLERANCE = 0.1
LARGEST = 200.0
GRID = 0.218


def volume_error(diameter: float, blur: float, noise: float) -> float:
    """Relative error (root mean square) of the volume of a ball.

    Parameters
    ----------
    diameter, blur
        In voxels; `blur` is the standard deviation of the Gaussian.
    noise
        Standard deviation of the grey values over the contrast.
    """
    radius = diameter / 2
    bias = 3 * (blur / radius) ** 2
    width = np.sqrt(blur**2 + 1 / 12)
    scatter = 3 / radius * noise * width * np.sqrt(2 * np.pi) / np.sqrt(4 * np.pi * radius**2)
    return float(np.sqrt(bias**2 + scatter**2 + (GRID / radius**2) ** 2))


def reliable_diameter(blur: float, noise: float) -> float | None:
    """Smallest diameter, voxels, whose volume is right to `TOLERANCE`; None beyond `LARGEST`."""

    def excess(diameter: float) -> float:
        return volume_error(diameter, blur, noise) - TOLERANCE

    if excess(LARGEST) > 0:
        return None
    return float(brentq(excess, 0.1, LARGEST))


def blur_of_reliable(diameter: float, noise: float) -> float:
    """Blur, voxels, that makes a diameter (voxels) the smallest reliable one; 0 where noise and grid alone ask for more."""
    if volume_error(diameter, 0.0, noise) >= TOLERANCE:
        return 0.0
    return float(brentq(lambda blur: volume_error(diameter, blur, noise) - TOLERANCE, 0.0, diameter))


def blur_of_step(step: float, noise: float) -> float:
    """Standard deviation, voxels, of the blur at which two neighbouring voxels on either side of a threshold differ by `step`.

    `step` is the mean difference over the contrast, for surfaces of every direction and place between the voxels, and `noise` the
    standard deviation of the grey values over the contrast: the threshold takes the voxels that noise has driven apart, which
    is allowed for. 0.2 is the least that can be told.
    """
    low, high = 0.2, 10.0
    if step >= _step(low, noise):
        return low
    if step <= _step(high, noise):
        return high
    return float(brentq(lambda blur: _step(blur, noise) - step, low, high))


def _step(blur: float, noise: float) -> float:
    noise = max(noise, 1e-3)
    # Cosines between the normal and the axis are uniform on a sphere; a surface is crossed in proportion to them.
    nodes, weights = np.polynomial.legendre.leggauss(16)
    cosine = ((nodes + 1) / 2)[:, None]
    place = np.linspace(-8, 9, 341)[None, :]
    inside, outside = ndtr(cosine * place / blur), ndtr(cosine * (place - 1) / blur)
    chance = ndtr((inside - 0.5) / noise) * ndtr((0.5 - outside) / noise)
    # Mean of the noise of a voxel, given on which side of the threshold it lies.
    driven = noise * (_hazard((0.5 - inside) / noise) + _hazard((outside - 0.5) / noise))
    weight = cosine * weights[:, None] * chance
    return float((weight * (inside - outside + driven)).sum() / weight.sum())


def _hazard(a: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of a standard normal number above `a`."""
    result: NDArray[np.float64] = np.exp(-0.5 * a**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-a))
    return result
