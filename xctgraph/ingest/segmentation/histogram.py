"""Grey value histograms on evenly spaced bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


@dataclass(frozen=True)
class Histogram:
    """Counts of grey values in bins of equal width.

    Attributes
    ----------
    counts : ndarray of float64, shape (n,)
        Voxels per bin.
    origin : float
        Centre of the first bin, in grey values.
    width : float
        Width of a bin, in grey values; negative for a mirrored histogram.
    """

    counts: NDArray[np.float64]
    origin: float
    width: float

    @property
    def total(self) -> float:
        """Voxels in all bins."""
        return float(self.counts.sum())

    @property
    def centres(self) -> NDArray[np.float64]:
        """Grey value at the centre of each bin."""
        return self.origin + self.width * np.arange(self.counts.size, dtype=np.float64)

    def mirrored(self) -> Histogram:
        """The same counts with the grey axis reversed, so that a dark tail becomes a bright one."""
        return Histogram(self.counts[::-1], self.origin + self.width * (self.counts.size - 1), -self.width)

    def smoothed(self, bins: float) -> NDArray[np.float64]:
        """Counts after a Gaussian filter with a standard deviation of `bins`; nothing is mirrored at the ends."""
        if bins < 0.3:
            return self.counts
        smooth: NDArray[np.float64] = ndimage.gaussian_filter1d(self.counts, bins, mode="constant")
        return smooth

    def coarsened(self, bins: int) -> Histogram:
        """Every `bins` neighbouring bins added into one."""
        if bins <= 1:
            return self
        padded = np.concatenate([self.counts, np.zeros(-self.counts.size % bins)])
        return Histogram(padded.reshape(-1, bins).sum(axis=1), self.origin + self.width * (bins - 1) / 2, self.width * bins)

    def filled(self) -> Histogram:
        """The same without the comb of empty bins that stretched or quantised grey values leave.

        Voxels of an occupied bin are spread over the empty ones around it, half way to the next occupied bin, at most half
        the widest gap among the middle 90 % of the voxels. Of fewer than eight occupied bins nothing is spread.
        """
        occupied = np.flatnonzero(self.counts)
        cumulative = np.cumsum(self.counts[occupied])
        middle = occupied[(cumulative > 0.05 * self.total) & (cumulative < 0.95 * self.total)]
        gap = int(np.diff(middle).max()) if middle.size >= 8 else 1
        if gap == 1:
            return self
        half = np.minimum(np.diff(occupied), gap) / 2
        left = occupied - np.concatenate([[gap / 2], half]) + 0.5
        right = occupied + np.concatenate([half, [gap / 2]]) + 0.5
        left, right = np.clip(left, 0, self.counts.size), np.clip(right, 0, self.counts.size)
        knots = np.column_stack([left, right]).ravel()
        mass = np.column_stack([cumulative - self.counts[occupied], cumulative]).ravel()
        spread = np.diff(np.interp(np.arange(self.counts.size + 1), knots, mass))
        # Occupied bins with a gap beside them stand for as many grey values as those without: even them out.
        even = ndimage.uniform_filter1d(spread, 2 * (gap // 2) + 1, mode="nearest")
        return Histogram(even, self.origin, self.width)

    def trimmed(self) -> Histogram:
        """Without the empty bins at both ends."""
        occupied = np.flatnonzero(self.counts)
        if not occupied.size:
            return self
        first, last = int(occupied[0]), int(occupied[-1])
        return Histogram(self.counts[first : last + 1], self.origin + self.width * first, self.width)
