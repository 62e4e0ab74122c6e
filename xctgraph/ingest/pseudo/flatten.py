"""Slices made flat: air, background, rings and contrast taken out, what is left in units of the noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xctgraph.ingest.pseudo import blocks
from xctgraph.ingest.pseudo.blocks import Mask, Plane
from xctgraph.ingest.pseudo.reference import Reference

_RIM = 2  # pixels beside air that are partly air
_REACH = 4  # pixels that air may reach farther than in most slices
_PLAIN = 3.0
_SMOOTHED = 1.5
_RING_COURSE = 5.0  # rings are what differs from the course of the profile over so many pixels
_CLIPPED = 2.5
_FEWEST = 0.02


@dataclass(frozen=True, eq=False)
class Flat:
    """A slice without background.

    Attributes
    ----------
    values : ndarray of float32, shape (y, x)
        Difference from the material, over the standard deviation of the noise; 0 in air.
    material : ndarray of bool, shape (y, x)
    plain : ndarray of bool, shape (y, x)
        Material where nothing is seen.
    noise : float
        Standard deviation of the noise in grey values.
    """

    values: Plane
    material: Mask
    plain: Mask
    noise: float


def flatten(
    plane: NDArray[Any],
    reference: Reference,
    *,
    material: Mask | None = None,
    window: float = 20.0,
    axis: tuple[float, float] | None = None,
    rings: bool = True,
) -> Flat:
    """Take out what is not there.

    The brightness of the material is a polynomial through blocks that look like those of the `reference`, so that a fracture
    wider than any window is not taken for material; what it leaves is a mean by a Gaussian window over plain material
    (normalised convolution: Knutsson and Westin, CVPR 1993). Rings are the mean over circles less its smooth course, each
    shrunk by the share of its variance that noise explains (James and Stein, Proc. 4th Berkeley Symp. 1 (1961) 361).

    Parameters
    ----------
    plane : ndarray, shape (y, x)
        Finite grey values; values outside of `material` are not looked at.
    reference
        Of slices around it.
    material
        Sample mask of the slice; if not given, what is not air.
    window
        Standard deviation of the Gaussian window in pixels.
    axis
        Rotation axis (y, x) in pixels; if not given, the centre of the slice.
    rings
        Whether rings are taken out.
    """
    grey = plane.astype(np.float32)
    inside = _material(grey, reference) if material is None else material
    if not inside.any():
        nothing = np.zeros(grey.shape, np.bool_)
        return Flat(np.zeros(grey.shape, np.float32), inside, nothing, 0.0)
    rest = np.where(inside, grey - _level(grey, inside, reference), np.float32(0))
    plain = _plain(rest, inside)
    if rings:
        rest -= np.where(inside, _rings(rest, plain, axis), np.float32(0))
        plain = _plain(rest, inside)
    rest -= np.where(inside, _local(rest, plain, window), np.float32(0))
    plain = _plain(rest, inside)
    noise = blocks.spread(rest[plain])
    if noise == 0:
        noise = float(rest[inside].std()) or 1.0
    return Flat((rest / np.float32(noise)).astype(np.float32), inside, plain, noise)


def _material(grey: Plane, reference: Reference) -> Mask:
    if reference.air is None:
        return np.ones(grey.shape, np.bool_)
    dark = ndimage.gaussian_filter(grey, 1.0) <= reference.border
    near = ndimage.binary_dilation(reference.air, iterations=_REACH)
    # What is dark beyond the usual air and goes on farther than air could is a fracture that reaches the surface.
    parts, _ = ndimage.label(dark & ~reference.air)
    far = np.unique(parts[~near])
    fracture = np.isin(parts, far[far > 0])
    air = (dark & near & ~fracture) | ndimage.binary_erosion(reference.air, iterations=_REACH)
    return ~ndimage.binary_dilation(air, iterations=_RIM) | fracture


def _level(grey: Plane, inside: Mask, reference: Reference) -> Plane:
    """Brightness of the material at each pixel."""
    middle = blocks.medians(grey)
    shape = (middle.shape[0], middle.shape[1])
    known = blocks.means(inside) == 1
    if not known.any():
        return np.full(grey.shape, np.median(grey[inside]), np.float32)
    rest = middle - blocks.polynomial(reference.coefficients, shape)
    alike = known & (np.abs(rest) <= reference.gate)
    if alike.sum() < max(_FEWEST * known.sum(), 1):
        alike = known
    offset = float(np.median(rest[alike]))
    coefficients = reference.coefficients + blocks.fit(rest - offset, alike & (np.abs(rest - offset) <= reference.gate))
    coefficients[0, 0] += offset
    return blocks.polynomial(coefficients, (grey.shape[0], grey.shape[1]))


def _plain(rest: Plane, inside: Mask) -> Mask:
    """Material whose smoothed surroundings differ from 0 no more than noise does."""
    smooth = ndimage.gaussian_filter(rest, _SMOOTHED)
    bulk = smooth[inside]
    deviation = blocks.spread(bulk)
    # Where features are many the spread of all is theirs: that of what remains is taken, as long as it shrinks.
    for _ in range(5):
        near = bulk[np.abs(bulk) <= _PLAIN * deviation]
        narrower = float(1.4826 * np.median(np.abs(near))) if near.size else 0.0
        if narrower >= 0.98 * deviation:
            break
        deviation = narrower
    found: Mask = inside & (np.abs(smooth) <= np.float32(_PLAIN * max(deviation, 1e-9)))
    return found


def _rings(rest: Plane, plain: Mask, axis: tuple[float, float] | None) -> Plane:
    y0, x0 = axis or ((rest.shape[0] - 1) / 2, (rest.shape[1] - 1) / 2)
    y, x = np.ogrid[: rest.shape[0], : rest.shape[1]]
    radius = np.rint(np.hypot(y - y0, x - x0)).astype(np.int64)
    radius -= radius.min()
    deviation = blocks.spread(rest[plain])
    limit = _CLIPPED * deviation
    at = radius[plain]
    size = int(radius.max()) + 1
    count = np.bincount(at, minlength=size).astype(np.float64)
    profile = np.bincount(at, np.clip(rest[plain], -limit, limit), size) / np.maximum(count, 1)
    weight = ndimage.gaussian_filter1d(count, _RING_COURSE)
    course = ndimage.gaussian_filter1d(profile * count, _RING_COURSE) / np.maximum(weight, 1e-9)
    ring = np.where(count > 0, profile - course, 0.0)
    chance = deviation**2 / np.maximum(count, 1)
    true = max(0.0, float((count * (ring**2 - chance)).sum() / max(count.sum(), 1)))
    shrunk: Plane = (ring * true / np.maximum(true + chance, 1e-12)).astype(np.float32)
    at_radius: Plane = shrunk[radius]
    return at_radius


def _local(rest: Plane, plain: Mask, window: float) -> Plane:
    """Mean of plain material under a Gaussian window; 0 where there is little of it."""
    b = blocks.edge(rest.shape)
    weight = blocks.means(plain)
    mean = blocks.means(np.where(plain, rest, 0))
    sigma = window / b
    near = ndimage.gaussian_filter(weight, sigma)
    smooth = ndimage.gaussian_filter(mean, sigma) / (near + _FEWEST)
    return blocks.enlarge(smooth, (rest.shape[0], rest.shape[1]))
