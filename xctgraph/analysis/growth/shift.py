"""The null distribution of a product of two series along the fronts: one of them shifted along the front."""

from __future__ import annotations

import numpy as np

from xctgraph.analysis.growth.sites import Floats, Ints

Pieces = list[list[Ints]]

FINE = 4
"""Positions of a shift per site; between sites the sum is interpolated by its Fourier series."""
SETS = 30


def sums(pieces: Pieces, density: Floats, residual: Floats) -> list[Floats]:
    """Sum over all sites of density times the residual shifted along the front, for every shift, of each fracture.

    A shift is a share of the length of a piece, the piece closed to a ring; sites are evenly spaced along it. All pieces of a
    fracture, and so all its scans, are shifted together, because what makes a front fast or slow may stay in its place from scan
    to scan. The first value is without shift.
    """
    return [_curve(fracture, density, residual, FINE * max(map(len, fracture))) for fracture in pieces]


def draw(curves: list[Floats], rng: np.random.Generator, n: int) -> Ints:
    """Shifts (n, fractures), independent between fractures."""
    return np.stack([rng.integers(0, len(curve), n) for curve in curves], axis=1)


def spread_kept(
    pieces: Pieces, density: Floats, residual: Floats, design: Floats, weight: Floats, rng: np.random.Generator
) -> float:
    """Share of the spread (standard deviation) of the sums that taking out the trend leaves, 1 or less.

    Residuals are uncorrelated with every column of the design; shifted ones would not be. So a shifted sum has a smaller spread
    than the true one. How much smaller is found by doing it once more: shifted residuals are taken for data, the trend is taken
    out of them, and the spread of their sums is compared with that of the residuals themselves.
    """
    scaled = design * weight[:, None]
    solve = np.linalg.pinv(design.T @ scaled, hermitian=True)
    before = _power(pieces, density, residual)
    if before == 0:
        return 1.0
    shifted = np.empty((SETS, len(residual)))
    for fracture in pieces:
        shares = rng.random(SETS)
        for piece in fracture:
            m = len(piece)
            moved = (np.arange(m) - np.round(shares * m).astype(np.int64)[:, None]) % m
            shifted[:, piece] = residual[piece][moved]
    after = _power(pieces, density, shifted - (shifted @ design) @ solve @ scaled.T)
    return float(np.sqrt(min(after / before, 1.0)))


def seam(pieces: Pieces, density: Floats, residual: Floats) -> float:
    """Factor, 1 or more, by which the spread of the sums is too small because pieces with two ends are closed to rings.

    Sites on two sides of the seam are no neighbours. Of m sites, m - l pairs are l apart, and of these as large a share is still
    together after a shift: products of the two autocovariances enter the square of the shifted sums with weight (m - l)^2 / m in
    place of m - l. Lags up to a quarter of the piece are counted.
    """
    whole, closed = 0.0, 0.0
    for piece in (piece for fracture in pieces for piece in fracture):
        m = len(piece)
        lags = np.arange(m // 4 + 1)
        both = _lagged(density[piece])[lags] * _lagged(residual[piece])[lags] * np.where(lags > 0, 2.0, 1.0)
        closed += float(both.sum()) / m
        whole += float((both / (m - lags)).sum())
    return float(np.sqrt(min(max(whole / closed, 1.0), 4 / 3))) if closed > 0 else 1.0


def likeness(pieces: Pieces, density: Floats, residual: Floats) -> list[Floats]:
    """Correlation of the sum at each shift with the sum without shift, by fracture: 1 at no shift, 0 from its first zero on.

    The product of the autocovariances of the two series, added over the pieces of a fracture.
    """
    return [_lobe(fracture, density, residual, FINE * max(map(len, fracture))) for fracture in pieces]


def _lobe(fracture: list[Ints], density: Floats, residual: Floats, n: int) -> Floats:
    product = np.zeros(n)
    for piece in fracture:
        powers = [np.abs(np.fft.rfft(series[piece])) ** 2 for series in (density, residual)]
        product += np.fft.irfft(powers[0], n) * np.fft.irfft(powers[1], n)
    half = product[: n // 2 + 1]
    zero = int(np.argmax(half <= 0)) if (half <= 0).any() else len(half)
    lag = np.minimum(np.arange(n), n - np.arange(n))
    return np.where(lag < zero, product / product[0] if product[0] > 0 else 0.0, 0.0)


def _lagged(values: Floats) -> Floats:
    """Sums of products of values l apart, l from 0 on."""
    n = 2 * len(values)
    sums_: Floats = np.fft.irfft(np.abs(np.fft.rfft(values, n)) ** 2, n)
    return sums_


def _power(pieces: Pieces, density: Floats, residual: Floats) -> float:
    """Mean square of the sums over all shifts, added over fractures."""
    return sum(float((_curve(f, density, residual, max(map(len, f))) ** 2).mean()) for f in pieces)


def _curve(fracture: list[Ints], density: Floats, residual: Floats, n: int) -> Floats:
    """Sums (..., n) of density (sites,) times residual (..., sites) for n shifts."""
    spectrum = np.zeros((*residual.shape[:-1], n // 2 + 1), complex)
    for m in {len(piece) for piece in fracture}:
        alike = np.stack([piece for piece in fracture if len(piece) == m])
        part = (np.conj(np.fft.rfft(density[alike])) * np.fft.rfft(residual[..., alike])).sum(axis=-2) / m
        if m % 2 == 0 and m < n:
            part[..., -1] /= 2  # the highest frequency of an even number is shared between its two signs
        spectrum[..., : m // 2 + 1] += part
    curve: Floats = np.fft.irfft(spectrum, n) * n
    return curve
