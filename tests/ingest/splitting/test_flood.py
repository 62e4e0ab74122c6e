"""Basins of a distance map, against the h-maxima of scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.morphology import local_maxima, reconstruction

from xctgraph.ingest.splitting.flood import basins


def body(rng: np.random.Generator, shape: tuple[int, ...], smooth: float) -> np.ndarray:
    """The largest component of smoothed noise, inside a margin."""
    noise = ndimage.gaussian_filter(rng.normal(size=shape), smooth)
    labels, n = ndimage.label(noise > np.quantile(noise, 0.6), np.ones((3, 3, 3)))
    return np.pad(labels == np.bincount(labels.ravel())[1 : n + 1].argmax() + 1, 1)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 2.0, 3.5]), st.sampled_from([0.31, 0.73, 1.37]))
def test_basins_are_those_of_the_h_maxima(seed: int, smooth: float, depth: float) -> None:
    rng = np.random.default_rng(seed)
    mask = body(rng, (20, 22, 24), smooth)
    distance = ndimage.distance_transform_edt(mask, sampling=(1.5, 1.0, 0.8))
    found, n = basins(distance, depth, 26)
    footprint = np.ones((3, 3, 3))
    lowered = reconstruction(np.where(mask, distance - depth, 0), np.where(mask, distance, 0), footprint=footprint)
    markers, n_markers = ndimage.label(local_maxima(lowered, footprint) & mask, footprint)
    assert n == n_markers
    for k in range(1, n + 1):
        assert len(np.unique(found[markers == k])) == 1
        assert ndimage.label(found == k, footprint)[1] == 1
    assert len(np.unique(found[markers > 0])) == n
    np.testing.assert_array_equal(found > 0, mask)
    first = [np.flatnonzero(found.ravel() == k)[0] for k in range(1, n + 1)]
    assert first == sorted(first)


@pytest.mark.parametrize(("depth", "n"), [(0.9, 3), (1.1, 2), (2.1, 1)])
def test_depth_is_counted_from_the_neck_to_the_lower_maximum(depth: float, n: int) -> None:
    distance = np.zeros((3, 3, 9))
    distance[1, 1, 1:8] = [5, 3, 6, 3, 4, 4, 3]
    assert basins(distance, depth, 6)[1] == n
    distance[1, 1, 7] = 5
    assert basins(distance, 0.5, 6)[1] == 3


def test_one_voxel() -> None:
    distance = np.zeros((3, 3, 3))
    distance[1, 1, 1] = 1
    found, n = basins(distance, 1.0, 26)
    assert n == found.sum() == 1
