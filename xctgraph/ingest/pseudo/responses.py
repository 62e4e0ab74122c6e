"""What filters say of a flattened slice, each in standard deviations of its own noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from xctgraph.ingest.pseudo import blocks
from xctgraph.ingest.pseudo.blocks import Mask, Plane
from xctgraph.ingest.pseudo.flatten import Flat

SPOTS = (1.5, 2.2)
LINES = (1.5, 2.5)
_BRIGHTEST = np.float32(1.5)


@dataclass(frozen=True, eq=False)
class Responses:
    """Responses at each pixel, (y, x), 0 outside of the material.

    Attributes
    ----------
    bright, dark : ndarray of float32
        Smoothed slice: what is brighter, and what is darker than the material. `bright` is a white top-hat.
    bright_spots, dark_spots : ndarray of float32
        Negative and positive Laplacian of Gaussian: compact objects.
    lines : ndarray of float32
        Largest eigenvalue of the Hessian less the size of the other one: dark lines.
    """

    bright: Plane
    dark: Plane
    bright_spots: Plane
    dark_spots: Plane
    lines: Plane


def smoothed(flat: Flat, sigma: float, widest: int) -> tuple[Plane, Plane]:
    """`Responses.bright` and `Responses.dark`.

    The opening of the top-hat (Serra, Image Analysis and Mathematical Morphology, 1982) by a square of 2 `widest` + 1 pixels
    counts only where it is above 0: that of noise lies below.
    """
    plane = ndimage.gaussian_filter(flat.values, sigma, truncate=4.0) if sigma > 0 else flat.values
    plane = plane / np.float32(_noise(plane, flat.plain))
    inside = flat.material
    bright = plane
    if widest > 0:
        bright = plane - np.maximum(ndimage.grey_opening(plane, (2 * widest + 1, 2 * widest + 1)), np.float32(0))
    return np.where(inside, bright, np.float32(0)), np.where(inside, -plane, np.float32(0))


def compute(flat: Flat, sigma: float = 0.7, widest: int = 25) -> Responses:
    """All responses of a slice.

    Spots: the scale-normalised Laplacian at two scales (Lindeberg, Int. J. Comput. Vis. 30 (1998) 79). Lines: eigenvalues of the
    scale-normalised Hessian (Sato et al., Med. Image Anal. 2 (1998) 143), at two scales, the largest.

    Parameters
    ----------
    flat : Flat
    sigma : float
        Of the smoothing, in pixels.
    widest : int
        Bright structures wider than twice this are left out.
    """
    bright, dark = smoothed(flat, sigma, widest)
    laplacian = [ndimage.gaussian_laplace(flat.values, scale) for scale in SPOTS]
    scaled = [plane / np.float32(_noise(plane, flat.plain)) for plane in laplacian]
    inside = flat.material
    return Responses(
        bright,
        dark,
        np.where(inside, -np.min(scaled, axis=0), np.float32(0)),
        np.where(inside, np.max(scaled, axis=0), np.float32(0)),
        np.where(inside, np.max([_lines(flat, scale) for scale in LINES], axis=0), np.float32(0)),
    )


def _lines(flat: Flat, scale: float) -> Plane:
    # Between two bright spots lies a dark line that is none.
    values = np.minimum(flat.values, _BRIGHTEST)
    yy, xx, yx = (ndimage.gaussian_filter(values, scale, order=order) for order in ((2, 0), (0, 2), (1, 1)))
    middle, half = (yy + xx) / 2, np.hypot((yy - xx) / 2, yx)
    response = (middle + half - np.abs(middle - half)) / np.float32(_noise(yy, flat.plain))
    return response.astype(np.float32)


def _noise(plane: Plane, plain: Mask) -> float:
    found = blocks.spread(plane[plain])
    return found if found > 0 else 1.0
