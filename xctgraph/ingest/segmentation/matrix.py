"""The peak of the matrix: the phase that most voxels belong to."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from xctgraph.ingest.segmentation.histogram import Histogram

COARSE_BINS = 256
VALLEY = 0.8
HALF_MAXIMUM = 1.1774100225154747  # half width at half maximum of a Gaussian, in standard deviations


@dataclass(frozen=True)
class Matrix:
    """A Gaussian in units of bins: expected counts are `height * exp(-(bin - mean)^2 / 2 sigma^2)`."""

    mean: float
    sigma: float
    height: float

    def expected(self, bins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Voxels of the matrix in each of `bins`."""
        return np.asarray(self.height * np.exp(-0.5 * ((bins - self.mean) / self.sigma) ** 2))

    def beyond(self, bin_: float) -> float:
        """Voxels of the matrix in `bin_` and all above."""
        return float(self.height * self.sigma * np.sqrt(2 * np.pi) * special.ndtr((self.mean - bin_ + 0.5) / self.sigma))

    def mirrored(self, size: int) -> Matrix:
        """The same peak in the mirrored histogram of `size` bins."""
        return Matrix(size - 1 - self.mean, self.sigma, self.height)


def fit(histogram: Histogram) -> Matrix:
    """Fit a Gaussian to the centre of the peak that holds most voxels.

    Peaks that no valley (below 0.8 of the lower one) separates count as one; of the rest the one with most voxels between
    its valleys is the matrix. Its centre and width come from a parabola through the logarithm of the counts within 1.2 standard
    deviations of the mode: the empirical null by central matching of Efron, J. Am. Stat. Assoc. 99 (2004) 96. The tails, where
    features and partially filled voxels are, take no part. The two end bins take none either where clipping piles voxels up
    in them, unless they hold the mode.
    """
    counts = _without_clipped_ends(histogram.counts)
    low, high = _main_basin(counts)
    mode, sigma = _mode_and_width(counts, low, high)
    return _central_matching(counts, mode, sigma)


def _without_clipped_ends(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    counts = counts.copy()
    for end, beside in ((0, 1), (-1, -2)):
        if counts.size > 4 and counts[end] > 3 * counts[beside] and counts[end] < 0.5 * counts.sum():
            counts[end] = counts[beside]
    return counts


def _main_basin(counts: NDArray[np.float64]) -> tuple[int, int]:
    """First and one past the last bin of the peak with most voxels."""
    cumulative = np.cumsum(counts)
    low, high = np.searchsorted(cumulative, [0.0005 * cumulative[-1], 0.9995 * cumulative[-1]])
    # Fewer bins for few voxels, so that chance makes no peaks.
    bins = min(COARSE_BINS, max(16, int(2 * np.cbrt(cumulative[-1]))))
    step = max(1, int(high - low + 1) // bins)
    coarse = Histogram(counts, 0.0, 1.0).coarsened(step)
    smooth = coarse.smoothed(1.5)
    edges = basins(smooth)
    masses = np.add.reduceat(coarse.counts, edges[:-1])
    best = int(masses.argmax())
    return edges[best] * step, min(edges[best + 1] * step, counts.size)


def basins(smooth: NDArray[np.float64]) -> list[int]:
    """First bins of the peaks, and the end; a valley above 0.8 of the lower peak beside it does not count."""
    padded = np.concatenate([[-1.0], smooth, [-1.0]])
    rising = np.diff(padded) > 0
    peaks = [int(i) for i in np.flatnonzero(rising[:-1] & ~rising[1:])]
    valleys = [int(a + smooth[a : b + 1].argmin()) for a, b in pairwise(peaks)]
    while valleys:
        ratios = [smooth[v] / max(1e-9, min(smooth[peaks[i]], smooth[peaks[i + 1]])) for i, v in enumerate(valleys)]
        worst = int(np.argmax(ratios))
        if ratios[worst] < VALLEY:
            break
        valleys.pop(worst)
        peaks.pop(worst if smooth[peaks[worst]] < smooth[peaks[worst + 1]] else worst + 1)
    return list(dict.fromkeys([0, *valleys, smooth.size]))


def _mode_and_width(counts: NDArray[np.float64], low: int, high: int) -> tuple[int, float]:
    """Mode and robust standard deviation of a peak: half width at half maximum on its narrower side."""
    sigma = max(1.0, (high - low) / 16)
    mode = low
    for _ in range(8):
        smooth = _smooth(counts, sigma / 4)
        mode = low + int(smooth[low:high].argmax())
        below = smooth < smooth[mode] / 2
        right = np.flatnonzero(below[mode:])
        left = np.flatnonzero(below[: mode + 1][::-1])
        widths = [float(side[0]) - 0.5 for side in (left, right) if side.size]
        found = max(0.3, min(widths, default=sigma) / HALF_MAXIMUM)
        if abs(found - sigma) < 0.01 * sigma:
            break
        sigma = found
    return mode, sigma


def _central_matching(counts: NDArray[np.float64], mode: int, sigma: float) -> Matrix:
    mean = float(mode)
    height = float(counts[mode])
    for _ in range(3):
        blur = sigma / 4
        smooth = _smooth(counts, blur)
        reach = max(1, round(sigma))
        bins = np.arange(max(0, round(mean) - reach), min(counts.size, round(mean) + reach + 1))
        bins = bins[smooth[bins] > 0]
        if bins.size < 4 or sigma < 1.0:
            break
        curve = np.polyfit(bins - mean, np.log(smooth[bins]), 2, w=np.sqrt(smooth[bins]))
        if curve[0] >= 0:
            break
        variance = -0.5 / curve[0]
        shift = -curve[1] / (2 * curve[0])
        if abs(shift) > 2 * sigma or not 0.25 * sigma**2 < variance < 4 * sigma**2:
            break
        true = max(variance - blur**2, 0.1 * variance) if blur >= 0.3 else variance
        height = float(np.exp(curve[2] - curve[1] ** 2 / (4 * curve[0])) * np.sqrt(variance / true))
        mean, sigma = mean + float(shift), float(np.sqrt(true))
    return Matrix(mean, sigma, height)


def _smooth(counts: NDArray[np.float64], bins: float) -> NDArray[np.float64]:
    smooth: NDArray[np.float64] = ndimage.gaussian_filter1d(counts, bins, mode="nearest") if bins >= 0.3 else counts
    return smooth
