"""What lies ahead of sites, and the distance to the surface, against every voxel looked at one by one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from xctgraph.ingest.fractures import Surroundings
from xctgraph.ingest.fractures.ahead import DEFECT, FRACTURE, NOTHING, ahead, count_ahead
from xctgraph.ingest.volumes.protocol import Box
from xctgraph.store.labels import Labels

SHAPE = (20, 22, 24)
SPACING = (2.0, 1.5, 1.2)
BOX: Box = ((2, 19), (1, 22), (3, 24))
RADIUS = 9.0


def runs(volume: NDArray[np.integer]) -> Labels:
    """Labels of a volume, one run per voxel or longer."""
    rows = []
    for z, y in np.argwhere(volume.any(axis=2)):
        line = volume[z, y]
        edges = np.flatnonzero(np.diff(np.r_[0, line, 0]))
        rows += [(z, y, a, b, line[a]) for a, b in pairwise(edges) if line[a]]
    return Labels(volume.shape, *np.array(rows, np.int32).reshape(-1, 5).T)


def scene(rng: np.random.Generator) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.int8]]:
    """A label volume, a sample mask that holds it, and the roles of the labels."""
    volume = np.zeros(SHAPE, np.int32)
    for label in range(1, 9):
        low = rng.integers((2, 1, 3), (17, 19, 21))
        volume[tuple(slice(a, a + int(k)) for a, k in zip(low, rng.integers(1, 5, 3), strict=True))] = label
    material = (rng.random(SHAPE) < 0.9) | (volume > 0)
    role = np.array([NOTHING, *[FRACTURE] * 2, *[DEFECT] * 5, NOTHING], np.int8)
    return volume, material, role


@pytest.mark.parametrize("masked", [False, True])
def test_half_balls_hold_what_counting_voxels_gives(rng: np.random.Generator, masked: bool) -> None:
    volume, material, role = scene(rng)
    around = Surroundings(runs(volume), runs(material.astype(np.int32)) if masked else None, BOX, SPACING)
    points = rng.uniform((4, 3, 5), (34, 28, 26), (12, 3))
    direction = rng.normal(size=(12, 3))
    direction[0] = [1, 0, 0]
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    found = ahead(points, direction, RADIUS, around, role)

    voxel = np.argwhere(np.ones(SHAPE, np.bool_))
    read = np.all([(voxel[:, k] >= low) & (voxel[:, k] < high) for k, (low, high) in enumerate(BOX)], axis=0)
    label, solid = volume[tuple(voxel.T)], material[tuple(voxel.T)] | (not masked)
    pairs = {}
    for i, (point, way) in enumerate(zip(points, direction, strict=True)):
        apart = voxel * SPACING - point
        distance = np.linalg.norm(apart, axis=1)
        inside = read & (distance <= RADIUS) & (apart @ way >= 0)
        open_ = inside & solid & (role[label] != FRACTURE)
        assert found.volume[i] == pytest.approx(open_.sum() * np.prod(SPACING))
        assert found.defects[i] == pytest.approx((inside & (role[label] == DEFECT)).sum() * np.prod(SPACING))
        for k in np.unique(label[inside & (role[label] == DEFECT)]):
            pairs[i, int(k)] = distance[inside & (label == k)].min()
    assert list(zip(found.site.tolist(), found.label.tolist(), strict=True)) == sorted(pairs)
    np.testing.assert_allclose(found.gap, [pairs[key] for key in sorted(pairs)])
    ends = points[found.site] + found.gap[:, None] * found.direction
    np.testing.assert_array_equal(around.label_at(ends), found.label)


def test_centroids_ahead_are_counted(rng: np.random.Generator) -> None:
    points, centroids = rng.uniform(0, 30, (20, 3)), rng.uniform(0, 30, (200, 3))
    direction = rng.normal(size=(20, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    forward = ((centroids[None] - points[:, None]) * direction[:, None]).sum(axis=2) >= 0
    expected = (forward & (cdist(points, centroids) <= RADIUS)).sum(axis=1)
    np.testing.assert_array_equal(count_ahead(points, direction, RADIUS, centroids), expected)


def test_distance_to_the_surface_of_a_mask_is_that_to_its_nearest_empty_voxel(rng: np.random.Generator) -> None:
    place = np.argwhere(np.ones(SHAPE, np.bool_)).reshape(*SHAPE, 3) * SPACING
    material = np.linalg.norm(place - np.array([19.0, 16.0, 14.0]), axis=3) < 10
    box: Box = ((0, SHAPE[0]), (0, SHAPE[1]), (0, SHAPE[2]))
    around = Surroundings(runs(np.zeros(SHAPE, np.int32)), runs(material.astype(np.int32)), box, SPACING)
    points = place[material][rng.integers(0, material.sum(), 40)]
    expected = cdist(points, place[~material]).min(axis=1)
    # The edge of the mask lies about half a voxel before the first empty centre.
    assert np.abs(around.surface_distance(points) - expected).max() < max(SPACING)
