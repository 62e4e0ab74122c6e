"""Coarse global drift between two sets of features: cross-correlation of their densities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfftn, next_fast_len, rfftn

Floats = NDArray[np.float64]

CELLS = 64
_WIDTHS = (1.0, 2.0)
_FAR = 0.1


class Drift(NamedTuple):
    """Drift (3,) in um and the edge of the cells it was found on, which bounds its error."""

    shift: Floats
    cell: float


def drift(a: Floats, b: Floats, log_volume_a: Floats, log_volume_b: Floats, spacing: float, limit: float | None) -> Drift:
    """Displacement at which most features of `a` fall on features of `b` of like volume.

    Pairs vote for their displacement with the weight 1 + pq + (p^2 - 1)(q^2 - 1) / 2 of their standardised log volumes p and q,
    which has mean 1 over random pairs and is larger for equal ones. The votes of all pairs are cross-correlations of three
    grids; the peak that stands out most from its surroundings, in units of the noise of the random pairs, is taken.

    Parameters
    ----------
    a, b : (n, 3), (m, 3), um, neither empty
    log_volume_a, log_volume_b : (n,), (m,)
    spacing : float
        Typical distance to the nearest neighbour, um.
    limit : float or None
        Largest drift, um; None for half the extent along each axis.
    """
    low = np.minimum(a.min(axis=0), b.min(axis=0))
    extent = np.maximum(a.max(axis=0), b.max(axis=0)) - low
    cell = max(float(extent.max()) / CELLS, spacing / 4, 1e-9)
    n_cells = (extent // cell).astype(int) + 1
    shape = tuple(next_fast_len(int(2 * n), real=True) for n in n_cells)
    channels_a, channels_b = _channels(log_volume_a, log_volume_b)
    spectrum: NDArray[np.complex64] = np.zeros(1, np.complex64)
    for w, v in zip(channels_a, channels_b, strict=True):
        spectrum = (spectrum + np.conj(_grid(a, w, low, cell, shape)) * _grid(b, v, low, cell, shape)).astype(np.complex64)
    shifts = np.meshgrid(*(np.fft.fftfreq(n, 1 / n) * cell for n in shape), indexing="ij", sparse=True)
    length = np.sqrt(sum(s * s for s in shifts))
    bound = np.maximum(extent / 2, cell)
    allowed = length <= limit + cell if limit is not None else np.logical_and.reduce([
        np.broadcast_to(np.abs(s) <= most, shape) for s, most in zip(shifts, bound, strict=True)
    ])  # fmt: skip
    best, centre = -np.inf, np.zeros(3)
    for width in _WIDTHS:
        peak, around = _smooth(spectrum, shape, width), _smooth(spectrum, shape, 4 * width)
        concentration = 1 / (2 * np.sqrt(np.pi) * width) ** 3
        rise = peak - around
        score = rise / np.sqrt(concentration * (np.maximum(around, 0.0) + 1 / len(a)))
        score *= 1 - _FAR * length / (length.max() + cell)
        score[~allowed] = -np.inf
        top = np.unravel_index(int(score.argmax()), shape)
        if score[top] > best:
            best, centre = float(score[top]), _centre(rise, tuple(int(k) for k in top), shape, cell)
    return Drift(centre, cell)


def _channels(a: Floats, b: Floats) -> tuple[list[Floats], list[Floats]]:
    both = np.concatenate([a, b])
    middle, width = float(np.median(both)), float(both.std())
    result = []
    for values in (a, b):
        p = np.clip((values - middle) / width, -2, 2) if width > 0 else np.zeros(len(values))
        result.append([np.ones(len(p)), p, (p * p - 1) / np.sqrt(2)])
    return result[0], result[1]


def _grid(points: Floats, weight: Floats, low: Floats, cell: float, shape: tuple[int, ...]) -> NDArray[np.complex64]:
    index = ((points - low) // cell).astype(np.int64)
    flat = np.ravel_multi_index(tuple(index.T), shape)
    grid = np.bincount(flat, weights=weight, minlength=int(np.prod(shape))).astype(np.float32)
    return np.asarray(rfftn(grid.reshape(shape)))


def _smooth(spectrum: NDArray[np.complex64], shape: tuple[int, ...], width: float) -> NDArray[np.float32]:
    for axis, n in enumerate(shape):
        frequency = np.fft.rfftfreq(n) if axis == len(shape) - 1 else np.fft.fftfreq(n)
        factor = np.exp(-2 * (np.pi * frequency * width) ** 2).astype(np.float32)
        spectrum = spectrum * factor.reshape([-1 if k == axis else 1 for k in range(len(shape))])
    return np.asarray(irfftn(spectrum, s=shape))


def _centre(excess: NDArray[np.float32], where: tuple[int, ...], shape: tuple[int, ...], cell: float) -> Floats:
    around = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    index = np.asarray(where) + around
    weight = np.maximum(excess[tuple((index % np.asarray(shape)).T)].astype(np.float64), 0.0)
    offset = (around * weight[:, None]).sum(axis=0) / max(float(weight.sum()), 1e-300)
    signed = np.array([k if k <= n // 2 else k - n for k, n in zip(where, shape, strict=True)])
    return np.asarray((signed + offset) * cell)
