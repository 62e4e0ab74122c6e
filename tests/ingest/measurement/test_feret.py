"""Feret diameters against a loop over voxels, scikit-image and analytic bodies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from skimage.measure import regionprops

from tests.ingest.labelling.oracles import Array, class_volumes, label_volume, painted
from xctgraph.ingest.measurement import measure
from xctgraph.ingest.measurement.feret import DIRECTIONS

SPACINGS = st.sampled_from([(1.0, 1.0, 1.0), (1.63, 1.63, 1.63), (3.0, 1.0, 0.7)])


def extents(voxels: Array, spacing: tuple[float, ...], directions: Array) -> Array:
    """Range of the face centres of the voxels along each direction."""
    size = np.array(spacing)
    faces = np.concatenate([voxels + sign * np.eye(3)[axis] / 2 for axis in range(3) for sign in (-1, 1)]) * size
    along = faces @ directions.T
    return along.max(axis=0) - along.min(axis=0)


@settings(deadline=None, max_examples=30)
@given(class_volumes(), SPACINGS, st.sampled_from([1, 2, 3]))
def test_extents_are_those_of_the_face_centres(classes: Array, spacing: tuple[float, ...], workers: int) -> None:
    labelled = label_volume({"classes": classes}, 3)
    table, volume = measure(labelled, spacing, workers), painted(labelled)
    for k, row in enumerate(table.to_pylist()):
        axes = np.array([[row[f"{name}_{axis}"] for axis in "zyx"] for name in ("major", "minor")])
        between = np.cross(*axes)
        directions = np.concatenate([DIRECTIONS, axes, between[None]])
        expected = extents(np.argwhere(volume == k + 1), spacing, directions)
        assert row["feret_diameter_max"] == pytest.approx(expected.max(), rel=1e-9)
        assert row["feret_diameter_min"] == pytest.approx(expected.min(), rel=1e-9)


def test_directions_are_spread_over_the_sphere(rng: np.random.Generator) -> None:
    assert DIRECTIONS.shape == (49, 3)
    points = rng.normal(size=(20_000, 3))
    nearest = np.abs(points / np.linalg.norm(points, axis=1, keepdims=True) @ DIRECTIONS.T).max(axis=1)
    assert nearest.min() > np.cos(np.radians(18))
    assert nearest.mean() > 0.987


def test_largest_extent_is_close_to_that_of_all_directions_and_of_scikit_image(rng: np.random.Generator) -> None:
    classes = np.zeros((40, 60, 60), np.uint8)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in classes.shape), indexing="ij"), axis=-1)
    for centre in np.argwhere(np.ones((2, 3, 3))) * 20 + 10:
        rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        semi = rng.uniform(2.5, 8, 3)
        classes[((((grid - centre) @ rotation) / semi) ** 2).sum(axis=-1) <= 1] = 1
    labelled = label_volume({"classes": classes})
    found = measure(labelled, (1.0, 1.0, 1.0))["feret_diameter_max"].to_numpy()
    regions = regionprops(painted(labelled))
    of_hull = np.array([region.feret_diameter_max for region in regions])
    assert (found <= of_hull + 1e-9).all()
    assert (found >= 0.9 * of_hull).all()
    offsets = np.concatenate([np.eye(3), -np.eye(3)]) / 2
    faces = [(region.coords[:, None] + offsets).reshape(-1, 3) for region in regions]
    exact = np.array([pdist(points[ConvexHull(points).vertices]).max() for points in faces])
    assert (found <= exact + 1e-9).all()
    assert (found >= np.cos(np.radians(18)) * exact).all()


@pytest.mark.parametrize("semi", [(12.0, 12.0, 12.0), (20.0, 10.0, 8.0), (16.0, 15.0, 4.0)])
def test_ellipsoids_in_any_pose(semi: tuple[float, ...], rng: np.random.Generator) -> None:
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    grid = np.stack(np.meshgrid(*[np.arange(-23, 24)] * 3, indexing="ij"), axis=-1)
    body = (((grid @ rotation) / semi) ** 2).sum(axis=-1) <= 1
    row = measure(label_volume({"classes": body.astype(np.uint8)}), (1.0, 1.0, 1.0)).to_pylist()[0]
    assert row["feret_diameter_max"] == pytest.approx(2 * max(semi), abs=1.2)
    assert row["feret_diameter_min"] == pytest.approx(2 * min(semi), abs=1.2)


def test_one_voxel() -> None:
    row = measure(label_volume({"classes": np.ones((1, 1, 1), np.uint8)}), (3.0, 2.0, 1.0)).to_pylist()[0]
    assert row["feret_diameter_max"] == 3.0
    assert 0.85 < row["feret_diameter_min"] <= 1.0


def test_the_place_of_a_feature_changes_nothing() -> None:
    classes = np.zeros((12, 12, 4000), np.uint8)
    classes[1:4, 1:6, 5:7] = classes[7:10, 6:11, 3990:3992] = 1
    table = measure(label_volume({"classes": classes}), (1.63, 1.63, 1.63))
    for name in ("feret_diameter_max", "feret_diameter_min"):
        first, second = table[name].to_pylist()
        assert first == second
