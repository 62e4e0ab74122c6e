"""What neighbouring slices say of each other: features go through slices, flickers do not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

HALO = 2
LOW, HIGH = 0.25, 0.75
FLICKER_PIXELS = 60
_EIGHT = np.ones((3, 3), np.bool_)

Classes = NDArray[np.uint8]
Shares = NDArray[np.float32]


def consistent(
    shares: Shares, before: int, after: int, *, low: float = LOW, high: float = HIGH, flicker: int = FLICKER_PIXELS
) -> Classes:
    """Classes of slices, each seen together with its two neighbours on each side.

    First, hysteresis: a pixel of the background becomes class k if its share of k is at least `low` and the same pixel of the
    slice above or below has a share of at least `high`. Then, flickers: an 8-connected part of one class in one slice, of at most
    `flicker` pixels, that touches no pixel of its class in the slices above and below (as they are after the hysteresis), nor
    their neighbours, becomes background. Larger parts stay: a crack that lies in the slice is one slice thick. The first and the
    last slice of a volume keep what only the slice beyond them could confirm.

    Parameters
    ----------
    shares
        Shares of the classes (n, classes, y, x); the first class is the background.
    before, after
        Slices at the two ends that only bear witness: `HALO`, or as many as the volume has.

    Returns
    -------
    ndarray of uint8, shape (n - before - after, y, x)
        The same for any cut of the volume into blocks.
    """
    classes = np.asarray(shares.argmax(axis=1), np.uint8)
    kept = classes.copy()
    for k in range(1, shares.shape[1]):
        sure = shares[:, k] >= high
        beside = np.zeros_like(sure)
        beside[1:] |= sure[:-1]
        beside[:-1] |= sure[1:]
        kept[(classes == 0) & beside & (shares[:, k] >= low)] = k
    out = kept[before : len(kept) - after].copy()
    for row, z in enumerate(range(before, len(kept) - after)):
        if z in (0, len(kept) - 1):
            continue
        for k in range(1, shares.shape[1]):
            own = kept[z] == k
            if not own.any():
                continue
            witness = ndimage.binary_dilation((kept[z - 1] == k) | (kept[z + 1] == k), _EIGHT)
            parts, n = ndimage.label(own, _EIGHT)
            seen = np.bincount(parts[witness & own], minlength=n + 1) > 0
            small = np.bincount(parts.ravel(), minlength=n + 1) <= flicker
            gone = small & ~seen
            gone[0] = False
            out[row][gone[parts]] = 0
    return out
