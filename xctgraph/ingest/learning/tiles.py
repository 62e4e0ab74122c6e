"""Slices of any size through a network of one size: tiles that overlap, blended."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Run = Callable[[Floats], Floats]
STRIDE = 32


class Tiling(NamedTuple):
    """Edge (y, x) of a tile in pixels, and how far tiles overlap; `batch` tiles go through the network at once."""

    size: tuple[int, int]
    overlap: int
    batch: int


def tiling(shape: tuple[int, int], largest: int = 512, overlap: int = 64, batch: int = 4) -> Tiling:
    """Tiles for slices of `shape` (y, x): the whole slice where it is not larger than a tile, else tiles of about equal size."""
    y, x = (_edge(n, largest, overlap) for n in shape)
    return Tiling((y, x), overlap, 1 if (y, x) == tuple(-(-n // STRIDE) * STRIDE for n in shape) else batch)


def _edge(n: int, largest: int, overlap: int) -> int:
    tiles = 1 if n <= largest else -(-(n - overlap) // (largest - overlap))
    each = -(-(n + (tiles - 1) * overlap) // tiles)
    return -(-each // STRIDE) * STRIDE


def blended(run: Run, planes: Floats, tiles: Tiling, n_classes: int) -> Floats:
    """Shares of the classes for slices of any size.

    Each tile counts most in its middle and falls off linearly to nothing across the overlap.

    Parameters
    ----------
    run
        From tiles (batch, channels, y, x) to shares of classes (batch, classes, y, x); always called with whole batches.
    planes
        Grey values (n, channels, y, x), 0 to 1.

    Returns
    -------
    ndarray of float32, shape (n, classes, y, x)
    """
    n, _, n_y, n_x = planes.shape
    height, width = tiles.size
    lack = [(0, 0), (0, 0), (0, max(0, height - n_y)), (0, max(0, width - n_x))]
    if any(after for _, after in lack):
        planes = np.pad(planes, lack, mode="reflect")
    places = [
        (k, y, x)
        for k in range(n)
        for y in _starts(planes.shape[2], height, tiles.overlap)
        for x in _starts(planes.shape[3], width, tiles.overlap)
    ]
    weight = _ramp(height, tiles.overlap)[:, None] * _ramp(width, tiles.overlap)
    total = np.zeros((n, n_classes, *planes.shape[2:]), np.float32)
    sums = np.zeros(planes.shape[2:], np.float32)
    for first in range(0, len(places), tiles.batch):
        chosen = places[first : first + tiles.batch]
        given = np.zeros((tiles.batch, planes.shape[1], height, width), np.float32)
        for row, (k, y, x) in zip(given, chosen, strict=False):
            row[:] = planes[k, :, y : y + height, x : x + width]
        for found, (k, y, x) in zip(run(given), chosen, strict=False):
            total[k, :, y : y + height, x : x + width] += found * weight
            if k == 0:
                sums[y : y + height, x : x + width] += weight
    total /= sums
    return total[..., :n_y, :n_x]


def _starts(n: int, size: int, overlap: int) -> list[int]:
    """Evenly spaced, from edge to edge."""
    tiles = 1 if n <= size else -(-(n - overlap) // (size - overlap))
    return [0] if tiles == 1 else [round(k * (n - size) / (tiles - 1)) for k in range(tiles)]


def _ramp(size: int, overlap: int) -> Floats:
    inner = np.arange(1, size + 1, dtype=np.float32)
    return np.minimum(1, np.minimum(inner, inner[::-1]) / (overlap + 1)).astype(np.float32)
