"""From responses to classes: thresholds with hysteresis, cleaning by size, fractures told from pores, confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_multiotsu

from xctgraph.ingest.pseudo.blocks import Mask, Plane
from xctgraph.ingest.pseudo.flatten import Flat, flatten
from xctgraph.ingest.pseudo.parameters import KINDS, Parameters, Side
from xctgraph.ingest.pseudo.reference import Reference
from xctgraph.ingest.pseudo.responses import Responses, compute
from xctgraph.ingest.segmentation import matrix, tail
from xctgraph.ingest.segmentation.histogram import Histogram

INCLUSION, PORE, FRACTURE = 1, 2, 3
NEVER = np.inf
_EIGHT = np.ones((3, 3), np.bool_)
_LEVEL = 0.75
_FEW = 5
_LINE_LOW = 0.5
_BINS_PER_SIGMA = 16
_FARTHEST = 60.0  # standard deviations: histograms end there


@dataclass(frozen=True, eq=False)
class Labelled:
    """Classes of a slice.

    Attributes
    ----------
    classes : ndarray of uint8, shape (y, x)
        0 background, 1 inclusion, 2 pore, 3 fracture.
    margin : ndarray of float32, shape (y, x)
        How far the pixel is from the nearest threshold that would change its class, in standard deviations of the noise.
    """

    classes: NDArray[np.uint8]
    margin: Plane


@dataclass(frozen=True, eq=False)
class Found:
    """Objects of one side, and the threshold they are above; infinite where nothing is."""

    mask: Mask
    threshold: float


def pseudolabel(
    plane: NDArray[Any],
    reference: Reference,
    parameters: Parameters,
    *,
    material: Mask | None = None,
    axis: tuple[float, float] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Classes (0 background, 1 inclusion, 2 pore, 3 fracture) of a slice, and their confidence, 0 to 255; both (y, x).

    Parameters
    ----------
    plane : ndarray, shape (y, x)
        Finite grey values.
    reference
        Of slices around it.
    parameters
    material
        Sample mask of the slice; what lies outside is background for sure.
    axis
        Rotation axis (y, x) in pixels.
    """
    flat = flatten(plane, reference, material=material, window=parameters.window, axis=axis, rings=parameters.rings)
    labelled = label(flat, compute(flat, parameters.smooth, parameters.widest), parameters)
    sure = confidence(labelled, parameters)
    sure[~flat.material] = 1.0
    return labelled.classes, np.rint(255 * sure).astype(np.uint8)


def label(flat: Flat, responses: Responses, parameters: Parameters) -> Labelled:
    """Give each pixel its class."""
    if parameters.method == "hysteresis":
        bright = objects(responses.bright, responses.bright_spots, parameters.bright)
        dark = objects(responses.dark, responses.dark_spots, parameters.dark)
    else:
        thresholds = _thresholds(flat, parameters.method)
        bright, dark = (
            Found(_large(response > limit, side.least), limit)
            for response, limit, side in zip(
                (flat.values, -flat.values), thresholds, (parameters.bright, parameters.dark), strict=True
            )
        )
    evidence = (responses.bright, responses.dark) if parameters.method == "hysteresis" else (flat.values, -flat.values)
    dark = Found(dark.mask & ~bright.mask, dark.threshold)
    lines = faint_lines(responses, parameters) & ~bright.mask
    classes = np.zeros(flat.values.shape, np.uint8)
    classes[bright.mask] = INCLUSION
    classes[dark.mask] = PORE
    classes[fractures(dark.mask | lines, parameters) | lines] = FRACTURE
    margin = _margin(evidence, (bright, dark), flat, parameters)
    margin[lines & ~dark.mask] = 0
    return Labelled(classes, margin)


def confidence(labelled: Labelled, parameters: Parameters) -> Plane:
    """Share of pixels of such class and margin that were right where the truth is known, 0 to 1."""
    sure = np.empty(labelled.margin.shape, np.float32)
    for code, kind in enumerate(("background", *KINDS)):
        chosen = labelled.classes == code
        margins, shares = np.array(parameters.calibration[kind]).T
        sure[chosen] = np.interp(labelled.margin[chosen], margins, shares)
    return sure


def objects(response: Plane, spots: Plane, side: Side) -> Found:
    """Objects by hysteresis (Canny, IEEE Trans. Pattern Anal. Mach. Intell. 8 (1986) 679): connected, and somewhere certain.

    The level of the objects is the upper quartile of what is above `high`.
    """
    top = response[response > side.high]
    level = float(np.quantile(top, _LEVEL)) if top.size >= _FEW else 0.0
    low = max(side.low, side.share * level)
    seeds = (response > max(side.high, low)) | ((spots > side.spot) & (response > low))
    return Found(_grown(response > low, seeds, side.least), low)


def faint_lines(responses: Responses, parameters: Parameters) -> Mask:
    """Dark lines that the ridge filter sees, as long and thin as fractures are."""
    if parameters.ridge <= 0:
        return np.zeros(responses.lines.shape, np.bool_)
    mask = (responses.lines > _LINE_LOW * parameters.ridge) & (responses.dark > 0)
    mask = _grown(mask, responses.lines > parameters.ridge, parameters.dark.least)
    parts, n = ndimage.label(mask, _EIGHT)
    _, length, width = _shapes(parts, n)
    return np.asarray(_thin(length, width, parameters)[parts])


def fractures(dark: Mask, parameters: Parameters) -> Mask:
    """Dark objects that are large, or long and thin."""
    parts, n = ndimage.label(dark, _EIGHT)
    count, length, width = _shapes(parts, n)
    chosen = (count >= parameters.fracture_pixels) | _thin(length, width, parameters)
    chosen[0] = False
    return np.asarray(chosen[parts])


def _thin(length: NDArray[np.float64], width: NDArray[np.float64], parameters: Parameters) -> Mask:
    found: Mask = (length >= parameters.fracture_length) & (length >= parameters.fracture_elongation * width)
    found[0] = False
    return found


def _shapes(parts: NDArray[np.integer[Any]], n: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Pixels of each part (0 is background), and the axes of the ellipse of the same second moments: 4 standard deviations."""
    y, x = np.nonzero(parts)
    part = parts[y, x]
    count = np.bincount(part, minlength=n + 1)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(part, values, n + 1) / np.maximum(count, 1)

    dy, dx = (axis - mean(axis.astype(np.float64))[part] for axis in (y, x))
    # A pixel is a square: its own second moment is 1/12.
    yy, xx, yx = mean(dy * dy) + 1 / 12, mean(dx * dx) + 1 / 12, mean(dy * dx)
    middle, half = (yy + xx) / 2, np.hypot((yy - xx) / 2, yx)
    return count, 4 * np.sqrt(middle + half), 4 * np.sqrt(np.maximum(middle - half, 1e-9))


def _grown(mask: Mask, seeds: Mask, least: int) -> Mask:
    parts, n = ndimage.label(mask, _EIGHT)
    kept = np.zeros(n + 1, np.bool_)
    kept[parts[seeds]] = True
    kept &= np.bincount(parts.ravel(), minlength=n + 1) >= least
    kept[0] = False
    return np.asarray(kept[parts])


def _large(mask: Mask, least: int) -> Mask:
    return _grown(mask, mask, least)


def _margin(evidence: tuple[Plane, Plane], found: tuple[Found, Found], flat: Flat, parameters: Parameters) -> Plane:
    margin = np.full(flat.values.shape, _FARTHEST, np.float32)
    for response, one, side in zip(evidence, found, (parameters.bright, parameters.dark), strict=True):
        # Where a slice shows nothing, what would have been seen is above the lowest threshold.
        limit = np.float32(one.threshold if np.isfinite(one.threshold) else side.high)
        inside = one.mask
        margin[inside] = np.maximum(response[inside] - limit, 0)
        outside = ~inside
        margin[outside] = np.minimum(margin[outside], np.maximum(limit - response[outside], 0))
    return margin


def _thresholds(flat: Flat, method: str) -> tuple[float, float]:
    """Thresholds above and below the material, of the histogram of the flattened slice."""
    values = flat.values[flat.material]
    if not values.size or values.min() == values.max():
        return NEVER, NEVER
    if method == "multi-otsu":
        try:
            dark, bright = threshold_multiotsu(values, 3)
        except ValueError:  # fewer than three grey values
            return NEVER, NEVER
        return float(bright), float(-dark)
    limited = np.clip(values, -_FARTHEST, _FARTHEST)
    low = float(limited.min())
    counts = np.bincount(((limited - low) * _BINS_PER_SIGMA).astype(np.int64)).astype(np.float64)
    histogram = Histogram(counts, low + 0.5 / _BINS_PER_SIGMA, 1 / _BINS_PER_SIGMA)
    if counts.size < 8:
        return NEVER, NEVER
    peak = matrix.fit(histogram)
    bright_tail = tail.fit(histogram, peak)
    dark_tail = tail.fit(histogram.mirrored(), peak.mirrored(counts.size))
    above = NEVER if bright_tail is None else histogram.origin + histogram.width * bright_tail.threshold
    below = NEVER if dark_tail is None else -(histogram.origin + histogram.width * (counts.size - 1 - dark_tail.threshold))
    return above, below
