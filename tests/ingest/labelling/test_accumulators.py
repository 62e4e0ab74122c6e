"""Moments, boxes, grey values and border contact of every feature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tests.ingest.labelling.oracles import Array, class_volumes, label_volume, painted
from xctgraph.ingest.labelling.grey import centred

GREY = ["bool", "uint8", "int8", "uint16", "int16", "int32", "uint32", "float16", "float32", "float64"]


@settings(deadline=None, max_examples=30)
@given(class_volumes(), st.sampled_from([6, 26]))
def test_moments_are_those_of_the_voxels(classes: Array, connectivity: int) -> None:
    labelled = label_volume({"classes": classes}, 2, connectivity=connectivity)
    volume, found = painted(labelled), labelled.moments
    for k in range(labelled.n):
        voxels = np.argwhere(volume == k + 1)
        offset = voxels - voxels[0]
        assert found.n_voxels[k] == len(voxels)
        np.testing.assert_array_equal(found.origin[k], voxels[0])
        np.testing.assert_array_equal(found.first[k], offset.sum(axis=0))
        np.testing.assert_array_equal(found.second[k], (offset.T @ offset)[np.triu_indices(3)])
        np.testing.assert_array_equal(found.box[k], [*voxels.min(axis=0), *voxels.max(axis=0) + 1])


def test_moments_of_long_rows_are_exact() -> None:
    classes = np.zeros((2, 3, 60_000), np.uint8)
    classes[0, 1, 5:59_990] = 1
    classes[1, 0, 3:] = 1
    (second,) = label_volume({"classes": classes}).moments.second
    x = [*range(59_985), *range(-2, 59_995)]
    assert second[5] == sum(i * i for i in x)
    assert second[2] == sum(range(-2, 59_995))


@pytest.mark.parametrize("dtype", GREY)
def test_grey_values_are_those_of_scipy(dtype: str, rng: np.random.Generator) -> None:
    classes = (rng.random((12, 13, 14)) < 0.2).astype(np.uint8)
    low, high = (0, 2) if dtype == "bool" else (-100, 100) if "f" in dtype else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    grey = rng.integers(low, high, classes.shape).astype(dtype)
    labelled = label_volume({"classes": classes, "grey": grey}, 5)
    volume, index, exact = painted(labelled), np.arange(1, labelled.n + 1), grey.astype(np.float64)
    scale = np.abs(exact).max()
    np.testing.assert_allclose(labelled.grey.mean, ndimage.mean(exact, volume, index), rtol=1e-12, atol=1e-12 * scale)
    np.testing.assert_allclose(
        labelled.grey.std, ndimage.standard_deviation(exact, volume, index), rtol=1e-12, atol=1e-12 * scale
    )
    np.testing.assert_array_equal(labelled.grey.minimum, ndimage.minimum(exact, volume, index))
    np.testing.assert_array_equal(labelled.grey.maximum, ndimage.maximum(exact, volume, index))


@pytest.mark.parametrize(("dtype", "level"), [("uint16", 65_000), ("float64", 1e6), ("float32", 1e6)])
def test_a_small_spread_about_a_high_level_does_not_cancel(dtype: str, level: float) -> None:
    grey = np.full((6, 50, 50), level, dtype)
    grey[::2] += 1
    (std,) = label_volume({"classes": np.ones(grey.shape, np.uint8), "grey": grey}, 1).grey.std
    assert std == pytest.approx(0.5, rel=1e-9)


def test_sums_of_squares_may_wrap() -> None:
    count = 2**34
    values = {65_535: count - 1, 65_133: 1}
    total = sum(value * n for value, n in values.items())
    squares = sum(value * value * n for value, n in values.items())
    assert squares > 2**64
    mean, deviations = centred(np.array([count]), np.array([[total, (squares + 2**63) % 2**64 - 2**63]]))
    assert mean[0] == total / count
    assert deviations[0] == pytest.approx(402**2 * (1 - 1 / count), rel=1e-6)


def test_nan_among_the_grey_values() -> None:
    grey = np.array([[[np.nan, 1, 2, 0, 3, 5, 0, np.nan]]], np.float32)
    classes = np.array([[[1, 1, 1, 0, 1, 1, 0, 1]]], np.uint8)
    found = label_volume({"classes": classes, "grey": grey}).grey
    np.testing.assert_array_equal(found.mean, [np.nan, 4, np.nan])
    np.testing.assert_array_equal(found.std, [np.nan, 1, np.nan])
    np.testing.assert_array_equal(found.minimum, [1, 3, np.nan])
    np.testing.assert_array_equal(found.maximum, [2, 5, np.nan])


@settings(deadline=None, max_examples=40)
@given(class_volumes(), st.sampled_from([0.0, 0.1, 0.5]), st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 100]))
def test_border_contact(classes: Array, holes: float, seed: int, height: int) -> None:
    material = np.random.default_rng(seed).random(classes.shape) >= holes
    labelled = label_volume({"classes": classes, "material": material}, height)
    outside = ~np.pad(material, 1, constant_values=False)
    near = ndimage.binary_dilation(outside)[1:-1, 1:-1, 1:-1]
    touching = np.unique(painted(labelled)[near])
    np.testing.assert_array_equal(np.flatnonzero(labelled.border_touching) + 1, touching[touching != 0])


@settings(deadline=None, max_examples=20)
@given(class_volumes(), st.sampled_from([1, 3]))
def test_border_contact_without_a_mask(classes: Array, height: int) -> None:
    labelled = label_volume({"classes": classes}, height)
    volume = painted(labelled)
    inner = np.zeros(volume.shape, bool)
    inner[1:-1, 1:-1, 1:-1] = True
    touching = np.unique(volume[~inner])
    np.testing.assert_array_equal(np.flatnonzero(labelled.border_touching) + 1, touching[touching != 0])
