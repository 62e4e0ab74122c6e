"""The threshold between the matrix and the features brighter than it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xctgraph.ingest.segmentation.histogram import Histogram
from xctgraph.ingest.segmentation.matrix import VALLEY, Matrix, basins

BINS_PER_SIGMA = 4
MIN_VOXELS = 30
MIN_SHARE = 1e-6
MAX_CONTRAST = 60.0
DENSE = 0.03
# Measured: in noise of 20³ voxels with heavier tails than a Gaussian the share of the excess is up to 0.015 too large.
SHARE_ERROR = 1.5  # of the share, times the root of the voxels
MIN_BEND = 0.3
MIN_SPREAD = 0.75
LEVEL_QUANTILE = 0.9


@dataclass(frozen=True)
class Tail:
    """Threshold and level of the features, in bins of the histogram; `voxels` above the threshold that are not matrix."""

    threshold: float
    level: float
    voxels: float
    noise_limit: float


def fit(histogram: Histogram, matrix: Matrix) -> Tail | None:
    """Find the threshold on the bright side of the matrix; None where there are no features.

    The noise limit is the grey value from which on less than half of the voxels belong to the Gaussian of the matrix: a local
    false discovery rate of 1/2 (Efron, J. Am. Stat. Assoc. 99 (2004) 96), which is the minimum error threshold (Kittler and
    Illingworth, Pattern Recognition 19 (1986) 41) without a model of the features. Where features are blurred and noise is low
    it would take in every partially filled voxel; half way between matrix and features is then the unbiased limit of a
    feature. The threshold is the larger of the two. The level of the features is their largest peak, or where there is none
    (small blurred features) the 0.9 quantile of the excess over the matrix.

    Clipping adds what lies beyond the end of the grey values to the end bin: the matrix's share there is known, the rest are
    features. Without noise the width of the matrix is taken as 1/60 of the range of grey values.

    There are no features if the excess is not significant (5 standard deviations, 30 voxels, 1e-6 of all), if it hugs the noise
    limit, or if it is less than 3 % of all (and the error of that share) and the flank falls like that of one population: no
    peak and no bend.
    """
    matrix = replace(matrix, sigma=max(matrix.sigma, _span(histogram.counts) / MAX_CONTRAST))
    step = max(1, round(matrix.sigma / BINS_PER_SIGMA))
    # Fine bins that do not fill the last coarse one stay in it, so that nothing is lost.
    coarse = histogram.coarsened(step).counts
    centres = np.arange(coarse.size) * step + (step - 1) / 2
    fine = matrix.expected(np.arange(histogram.counts.size, dtype=np.float64))
    fine[-1] += matrix.beyond(histogram.counts.size)
    expected = Histogram(fine, 0.0, 1.0).coarsened(step).counts
    sigma = matrix.sigma / step
    first = _crossing(coarse, expected, int(np.ceil((matrix.mean + 2 * matrix.sigma) / step)), max(1, round(sigma / 2)))
    excess = np.maximum(coarse - expected, 0.0)[first:]
    voxels, chance = float(excess.sum()), float(expected[first:].sum())
    if voxels < max(MIN_VOXELS, 5 * np.sqrt(chance + 1), MIN_SHARE * histogram.total):
        return None
    limit = first * step - 0.5
    clipped = histogram.counts[-1] - fine[-1] > 0.5 * voxels
    dense = DENSE * histogram.total + SHARE_ERROR * np.sqrt(histogram.total)
    mode = _mode(coarse[first:], voxels, sigma / 2)
    if mode is None and not clipped and voxels < dense and not _bends(coarse, matrix.mean / step, sigma):
        return None
    far = centres[first + int(np.searchsorted(np.cumsum(excess), LEVEL_QUANTILE * voxels))]
    if far - limit < MIN_SPREAD * matrix.sigma and not clipped:
        return None
    level = float(far) if mode is None else float(centres[first + mode])
    threshold = max(limit, (matrix.mean + level) / 2)
    return Tail(threshold, level, voxels, limit)


def _span(counts: NDArray[np.float64]) -> float:
    """Bins that hold all but 0.05 % of the voxels at either end."""
    cumulative = np.cumsum(counts)
    low, high = np.searchsorted(cumulative, [0.0005 * cumulative[-1], 0.9995 * cumulative[-1]])
    return float(high - low)


def _crossing(counts: NDArray[np.float64], expected: NDArray[np.float64], start: int, window: int) -> int:
    """First bin from which on less than half of the voxels, within a window, belong to the matrix."""
    tail = np.cumsum(expected[::-1])[::-1]
    kernel = np.ones(window)
    found = np.convolve(counts, kernel)[window - 1 :]
    wanted = np.convolve(expected, kernel)[window - 1 :]
    beyond = (found > 2 * wanted + 3 * np.sqrt(wanted + 1)) | (tail < 0.5)
    beyond[: max(0, start)] = False
    hits = np.flatnonzero(beyond)
    return int(hits[0]) if hits.size else counts.size


def _bends(counts: NDArray[np.float64], mean: float, sigma: float) -> bool:
    """Whether the logarithm of the counts is convex somewhere on the flank, as a sum of two populations makes it.

    The flank of one population is concave (Gaussian) or straight (exponential), however wide its tail.
    """
    span = max(1, round(sigma))
    cumulative = np.concatenate([[0.0], np.cumsum(counts)])
    starts = np.arange(max(0, round(mean + 0.5 * sigma)), counts.size - span + 1)
    window = cumulative[starts + span] - cumulative[starts]
    padded = np.concatenate([window, np.zeros(2 * span)])
    near, middle, far = (padded[k * span : padded.size - (2 - k) * span] + 0.5 for k in range(3))
    bend = np.log(near) - 2 * np.log(middle) + np.log(far)
    error = np.sqrt(1 / near + 4 / middle + 1 / far)
    return bool(np.any((bend > MIN_BEND) & (bend > 4 * error)))


def _mode(counts: NDArray[np.float64], voxels: float, blur: float) -> int | None:
    """Peak that a valley separates from the matrix; of several the one with most voxels."""
    if not counts.size:
        return None
    smooth = ndimage.gaussian_filter1d(counts, max(blur, 0.5), mode="nearest")
    best, most = None, 0.1 * voxels
    for start, stop in pairwise(basins(smooth)):
        peak = start + int(smooth[start:stop].argmax())
        valley = smooth[: peak + 1].min()
        mass = counts[start:stop].sum()
        if valley < VALLEY * smooth[peak] and smooth[peak] - valley > 4 * np.sqrt(smooth[peak]) and mass > most:
            best, most = peak, mass
    return best
