"""Meshes against volumes, boxes and moments computed from the voxels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xctgraph.analysis.geometry import Mesh, ellipsoids, surface
from xctgraph.store.labels import Labels

SPACING = (2.0, 1.5, 1.0)


def as_labels(volume: np.ndarray) -> Labels:
    """Runs of a label volume, one voxel at a time: slow and plain."""
    runs = []
    for z, y in np.ndindex(volume.shape[:2]):
        row = np.concatenate([[0], volume[z, y], [0]])
        for x in range(1, len(row)):
            if row[x] and row[x] != row[x - 1]:
                stop = x
                while row[stop] == row[x]:
                    stop += 1
                runs.append((z, y, x - 1, stop - 1, row[x]))
    columns = np.array(runs, np.int32).reshape(-1, 5).T
    return Labels(volume.shape, *columns)


def enclosed(mesh: Mesh) -> float:
    """Volume by the divergence theorem; positive where faces point outward."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]].astype(float) for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def is_closed(mesh: Mesh) -> bool:
    edges = np.sort(np.concatenate([mesh.faces[:, [i, (i + 1) % 3]] for i in range(3)]), axis=1)
    return bool((np.unique(edges, axis=0, return_counts=True)[1] == 2).all())


def test_surface_of_a_ball() -> None:
    z, y, x = np.indices((40, 48, 56))
    volume = (((z - 20) * 2.0) ** 2 + ((y - 24) * 1.5) ** 2 + (x - 28.0) ** 2 <= 18**2).astype(np.int32) * 7
    mesh = surface(as_labels(volume), [7], SPACING, max_faces=10**6)
    assert mesh.step == 1
    assert is_closed(mesh)
    assert abs(enclosed(mesh)) == pytest.approx((volume > 0).sum() * np.prod(SPACING), rel=0.02)
    np.testing.assert_allclose(mesh.vertices.mean(axis=0), np.multiply((20, 24, 28), SPACING), atol=0.2)


def test_surface_lies_half_a_voxel_around_a_box() -> None:
    volume = np.zeros((12, 14, 16), np.int32)
    volume[3:7, 5:11, 2:10] = 3
    volume[0, 0, 0] = 1
    mesh = surface(as_labels(volume), [3], SPACING)
    np.testing.assert_allclose(mesh.vertices.min(axis=0), np.multiply((2.5, 4.5, 1.5), SPACING), rtol=1e-6)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), np.multiply((6.5, 10.5, 9.5), SPACING), rtol=1e-6)


def test_surface_is_thinned_to_the_limit(rng: np.random.Generator) -> None:
    volume = np.zeros((30, 60, 60), np.int32)
    height = (15 + 5 * np.sin(np.arange(60) / 7)[:, None] + rng.normal(0, 0.5, (60, 60))).astype(int)
    volume[height, np.arange(60)[:, None], np.arange(60)] = 1
    whole = surface(as_labels(volume), [1], SPACING, max_faces=10**6)
    coarse = surface(as_labels(volume), [1], SPACING, max_faces=2_000)
    assert len(coarse.faces) <= 2_000 < len(whole.faces)
    assert coarse.step > 1
    reach = coarse.step * np.array(SPACING)
    assert (np.abs(coarse.vertices.min(axis=0) - whole.vertices.min(axis=0)) <= reach).all()
    assert (np.abs(coarse.vertices.max(axis=0) - whole.vertices.max(axis=0)) <= reach).all()


def test_surface_of_nothing() -> None:
    mesh = surface(as_labels(np.ones((2, 2, 2), np.int32)), [5], SPACING)
    assert mesh.vertices.shape == (0, 3)
    assert mesh.faces.shape == (0, 3)


@settings(deadline=None, max_examples=30)
@given(number=st.integers(0, 2**31 - 1), n=st.integers(1, 5))
def test_ellipsoids_have_the_covariance(number: int, n: int) -> None:
    """Points on the unit sphere, evenly spread, have covariance 1/3; a solid ball has 1/5: hence the 5/3."""
    rng = np.random.default_rng(number)
    root = rng.normal(size=(n, 3, 3))
    covariance, centres = root @ root.transpose(0, 2, 1), rng.uniform(-100, 100, (n, 3))
    mesh = ellipsoids(centres, covariance, SPACING)
    assert mesh.vertices.shape == (42 * n, 3)
    assert mesh.faces.shape == (80 * n, 3)
    assert is_closed(mesh)
    for i in range(n):
        points = mesh.vertices[42 * i : 42 * i + 42].astype(float)
        expected = 5 / 3 * (covariance[i] + np.diag(np.square(SPACING) / 12))
        np.testing.assert_allclose(points.mean(axis=0), centres[i], atol=1e-3)
        np.testing.assert_allclose(np.cov(points.T, bias=True), expected, atol=1e-3 * np.abs(expected).max())
        one = Mesh(mesh.vertices - centres[i].astype(np.float32), mesh.faces[80 * i : 80 * i + 80])
        solid = 4 / 3 * np.pi * np.sqrt(np.linalg.det(3 * expected))
        assert 0.8 * solid < enclosed(one) < solid


def test_one_voxel_can_be_seen() -> None:
    mesh = ellipsoids(np.zeros((1, 3)), np.zeros((1, 3, 3)), SPACING)
    extent = np.ptp(mesh.vertices, axis=0)
    np.testing.assert_allclose(extent, 2 * np.sqrt(5 / 12) * np.array(SPACING), rtol=0.2)
