"""Flattening and filters against brute force, and against what was put in."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import ndimage
from skimage.feature import hessian_matrix_eigvals

from xctgraph.ingest.pseudo import blocks, reference, responses
from xctgraph.ingest.pseudo.flatten import Flat, flatten

SHAPE = (70, 90)


def flat_noise(rng: np.random.Generator) -> Flat:
    values = rng.standard_normal(SHAPE).astype(np.float32)
    values[30:42, 40:52] += 6
    values[10:13, 10:60] -= 4
    everything = np.ones(SHAPE, np.bool_)
    return Flat(values, everything, np.abs(values) < 3, 1.0)


def test_the_top_hat_is_that_of_its_definition(rng: np.random.Generator) -> None:
    flat, reach = flat_noise(rng), 3
    bright, dark = responses.smoothed(flat, 0.7, reach)
    smooth = ndimage.gaussian_filter(flat.values.astype(np.float64), 0.7, truncate=4.0)
    smooth /= 1.4826 * np.median(np.abs(smooth[flat.plain] - np.median(smooth[flat.plain])))
    # The largest of the smallest values of every window that holds the pixel, window by window.
    padded = np.pad(smooth, 2 * reach, mode="symmetric")
    opened = np.empty(SHAPE)
    for y, x in itertools.product(range(SHAPE[0]), range(SHAPE[1])):
        windows = np.lib.stride_tricks.sliding_window_view(
            padded[y : y + 4 * reach + 1, x : x + 4 * reach + 1], (2 * reach + 1,) * 2
        )
        opened[y, x] = windows.min(axis=(2, 3)).max()
    inner = (slice(2 * reach, -2 * reach),) * 2
    np.testing.assert_allclose(bright[inner], (smooth - np.maximum(opened, 0))[inner], atol=1e-4)
    np.testing.assert_allclose(dark, -smooth, atol=1e-4)
    # A structure wider than the window goes, a narrower one stays.
    assert bright[34:38, 44:48].mean() < 6 < responses.smoothed(flat, 0.7, 10)[0][34:38, 44:48].mean()


def test_spots_are_the_laplacian_of_a_gaussian(rng: np.random.Generator) -> None:
    flat = flat_noise(rng)
    found = responses.compute(flat)
    y, x = np.mgrid[-12:13, -12:13]
    laplacians = []
    for sigma in responses.SPOTS:
        gauss = np.exp(-(y**2 + x**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
        kernel = gauss * (y**2 + x**2 - 2 * sigma**2) / sigma**4
        plane = np.zeros(SHAPE)
        padded = np.pad(flat.values.astype(np.float64), 12, mode="symmetric")
        for i, j in itertools.product(range(25), range(25)):
            plane += kernel[i, j] * padded[i : i + SHAPE[0], j : j + SHAPE[1]]
        laplacians.append(plane / (1.4826 * np.median(np.abs(plane[flat.plain] - np.median(plane[flat.plain])))))
    # The kernel that is sampled is not the derivative of the sampled Gaussian: they agree to a few per cent of a noise.
    np.testing.assert_allclose(found.dark_spots, np.max(laplacians, axis=0), atol=0.15)
    np.testing.assert_allclose(found.bright_spots, -np.min(laplacians, axis=0), atol=0.15)


def test_lines_are_eigenvalues_of_the_hessian(rng: np.random.Generator) -> None:
    flat = flat_noise(rng)
    found = responses.compute(flat).lines
    wanted = np.full(SHAPE, -np.inf)
    for sigma in responses.LINES:
        values = np.minimum(flat.values, 1.5)
        yy, yx, xx = (ndimage.gaussian_filter(values, sigma, order=order) for order in ((2, 0), (1, 1), (0, 2)))
        large, small = hessian_matrix_eigvals([yy, yx, xx])
        noise = 1.4826 * np.median(np.abs(yy[flat.plain] - np.median(yy[flat.plain])))
        wanted = np.maximum(wanted, (large - np.abs(small)) / noise)
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert np.median(found[11, 15:55]) > 6 > np.median(found[50:]) + 4


def test_background_and_rings_are_found_again(rng: np.random.Generator, seed: int) -> None:
    shape = (150, 170)
    y, x = np.ogrid[: shape[0], : shape[1]]
    radius = np.hypot(y - 74.5, x - 84.5)
    profile = 120 * rng.standard_normal(400)
    smooth = 4000 * (y / 150 - 0.4) ** 2 - 3000 * (x / 170) ** 3 + 20_000
    noise = [150 * rng.standard_normal(shape) for _ in range(5)]
    plane = smooth + profile[np.rint(radius).astype(int)] + noise[0]
    known = reference.make([smooth + profile[np.rint(radius).astype(int)] + one for one in noise])
    assert known.air is None
    flat = flatten(plane, known)
    assert flat.material.all()
    outer = radius > 15
    assert flat.noise == pytest.approx(150, rel=0.06)
    rest = (flat.values * flat.noise - noise[0])[outer]
    assert rest.std() < 0.3 * 150, "the rings alone have 120, the background thousands"
    assert flatten(plane, known, rings=False).noise > 1.15 * flat.noise


def test_air_is_what_is_dark_in_most_slices(rng: np.random.Generator) -> None:
    planes = [20_000 + 1000 * rng.standard_normal((120, 120)) for _ in range(9)]
    for plane in planes:
        plane[:, :20] -= 12_000
    planes[4][30:110, 15:110] -= 12_000  # a fracture in the slice, larger than half of it, that reaches the air
    known = reference.make(planes)
    assert known.air is not None
    np.testing.assert_array_equal(known.air[5:-5, :18], True)
    assert not known.air[:, 23:].any()
    flat = flatten(planes[4], known)
    assert flat.material[:, 28:].all()
    assert np.median(flat.values[40:100, 30:100]) == pytest.approx(-12, abs=0.7)
    assert abs(np.median(flat.values[:25, 30:])) < 0.5
    assert reference.make(planes, air=False).air is None


def test_a_polynomial_goes_through_the_bulk(rng: np.random.Generator) -> None:
    y, x = np.ogrid[:40, :50]
    true = (2.0 * (y / 40) ** 3 - (x / 50) ** 2 * (y / 40) + 0.0 * x).astype(float)
    values = true + 0.01 * rng.standard_normal(true.shape)
    values[5:13, 10:18] -= 3.0
    found = blocks.polynomial(blocks.fit(values, np.ones(values.shape, np.bool_)), (40, 50))
    assert np.abs(found - true).max() < 0.1
    assert blocks.spread(rng.normal(3, 2, 20_000)) == pytest.approx(2, rel=0.05)
    assert blocks.spread(np.empty(0)) == 0
