"""Displacement of windows of the volume by votes of feature pairs: for where nearest neighbours are not the right ones yet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from xctgraph.ingest.proximity.pairs import pairs
from xctgraph.store.jit import njit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HALF_BINS = 8
_LIKE = 0.4


class Votes(NamedTuple):
    """Windows that have features: mean position (k, 3), residual displacement (k, 3) and weight (k,), all um or 1."""

    position: Floats
    residual: Floats
    weight: Floats


def vote(a: Floats, predicted: Floats, b: Floats, like: tuple[Floats, Floats], radius: float, windows: int) -> Votes:
    """Most supported residual displacement in overlapping windows.

    Parameters
    ----------
    a, predicted : (n, 3), um
        Features of the earlier scan, and where they are expected in the later one.
    b : (m, 3), um
    like : (n,) and (m,)
        Natural logarithms of the volumes: pairs vote with exp(-difference^2 / (2 0.4^2)).
    radius : float
        Largest residual, um.
    windows : int
        Windows per axis side by side; others lie half way between them.
    """
    i, j, _ = pairs(predicted, b, radius)
    weight = np.exp(-0.5 * ((like[1][j] - like[0][i]) / _LIKE) ** 2)
    residual = b[j] - predicted[i]
    low = a.min(axis=0)
    half = np.maximum((a.max(axis=0) - low) / (2 * windows), 1e-9)
    cell = np.clip(((a - low) // half).astype(np.int64), 0, 2 * windows - 1)
    count = 2 * windows - 1
    bins, total, members = _fill(a, cell, i, residual, weight, radius / HALF_BINS, count)
    smooth = gaussian_filter(bins, sigma=(0, 0, 0, 1, 1, 1), mode="constant")
    flat = smooth.reshape(count**3, -1)
    peak = flat.argmax(axis=1)
    ball = 4 / 3 * np.pi * HALF_BINS**3
    background = bins.reshape(count**3, -1).sum(axis=1) / ball
    noise = np.sqrt((background + 0.5) / (2 * np.sqrt(np.pi)) ** 3)
    strength = (flat[np.arange(len(flat)), peak] - background) / noise
    members = members.ravel()
    used = members > 0
    position = total.reshape(-1, 3)[used] / members[used, None]
    centre = _centroid(smooth.reshape(count**3, *smooth.shape[3:]), peak) * (radius / HALF_BINS)
    return Votes(position, centre[used], np.maximum(strength[used], 0.0))


@njit
def _fill(
    a: Floats, cell: Ints, i: Ints, residual: Floats, weight: Floats, width: float, count: int
) -> tuple[Floats, Floats, Floats]:
    size = 2 * HALF_BINS + 1
    bins = np.zeros((count, count, count, size, size, size))
    total = np.zeros((count, count, count, 3))
    members = np.zeros((count, count, count))
    for p in range(len(a)):
        for z in range(max(cell[p, 0] - 1, 0), min(cell[p, 0], count - 1) + 1):
            for y in range(max(cell[p, 1] - 1, 0), min(cell[p, 1], count - 1) + 1):
                for x in range(max(cell[p, 2] - 1, 0), min(cell[p, 2], count - 1) + 1):
                    members[z, y, x] += 1.0
                    total[z, y, x] += a[p]
    for k in range(len(i)):
        p = i[k]
        bz = int(np.rint(residual[k, 0] / width)) + HALF_BINS
        by = int(np.rint(residual[k, 1] / width)) + HALF_BINS
        bx = int(np.rint(residual[k, 2] / width)) + HALF_BINS
        for z in range(max(cell[p, 0] - 1, 0), min(cell[p, 0], count - 1) + 1):
            for y in range(max(cell[p, 1] - 1, 0), min(cell[p, 1], count - 1) + 1):
                for x in range(max(cell[p, 2] - 1, 0), min(cell[p, 2], count - 1) + 1):
                    bins[z, y, x, bz, by, bx] += weight[k]
    return bins, total, members


@njit
def _centroid(smooth: Floats, peak: Ints) -> Floats:
    size = smooth.shape[1]
    result = np.zeros((len(peak), 3))
    for w in range(len(peak)):
        pz = peak[w] // (size * size)
        py = peak[w] // size % size
        px = peak[w] % size
        mass = 0.0
        for z in range(max(pz - 1, 0), min(pz + 1, size - 1) + 1):
            for y in range(max(py - 1, 0), min(py + 1, size - 1) + 1):
                for x in range(max(px - 1, 0), min(px + 1, size - 1) + 1):
                    v = smooth[w, z, y, x]
                    mass += v
                    result[w, 0] += v * (z - HALF_BINS)
                    result[w, 1] += v * (y - HALF_BINS)
                    result[w, 2] += v * (x - HALF_BINS)
        if mass > 0.0:
            result[w] /= mass
    return result
