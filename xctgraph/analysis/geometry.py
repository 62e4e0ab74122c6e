"""Surfaces to draw: a mesh around labelled voxels and ellipsoids from covariances, in micrometres (z, y, x)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from xctgraph.store.labels import Labels

CELLS = 4_000_000


@dataclass(frozen=True)
class Mesh:
    """Triangles: `vertices` (n, 3) z, y, x in µm, `faces` (m, 3) rows of vertices; `step` voxels were drawn as one."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    step: int = 1


def surface(labels: Labels, wanted: Iterable[int], spacing: tuple[float, float, float], *, max_faces: int = 12_000) -> Mesh:
    """Mesh of the surface of some labels by marching cubes (Lewiner et al. 2003, as in scikit-image).

    Where the mesh would exceed `max_faces`, or its box 4 million cells, cubes of `step` voxels are drawn as one: a cube is
    solid if any of its voxels is. That thickens thin fractures; it is for looking, not for measuring.

    Parameters
    ----------
    labels
        Labels of one scan.
    wanted
        Labels to draw together.
    spacing
        Voxel size, z, y, x, µm.
    max_faces
        Most triangles.

    Returns
    -------
    Mesh
        Empty if no voxel has a wanted label.
    """
    runs = np.flatnonzero(np.isin(labels.label, np.fromiter(wanted, np.int64)))
    if not len(runs):
        return Mesh(np.empty((0, 3), np.float32), np.empty((0, 3), np.int32))
    z, y, start, stop = (np.asarray(a, np.int64)[runs] for a in (labels.z, labels.y, labels.x_start, labels.x_stop))
    origin = np.array([z.min(), y.min(), start.min()])
    extent = np.array([z.max() + 1, y.max() + 1, stop.max()]) - origin
    z, y, start, stop = z - origin[0], y - origin[1], start - origin[2], stop - origin[2]
    step = int(np.ceil(max(1.0, (np.prod(extent) / CELLS) ** (1 / 3))))
    while True:
        solid = _coarse(z, y, start, stop, extent, step)
        vertices, faces, _, _ = marching_cubes(np.pad(solid, 1).astype(np.float32), 0.5)
        if len(faces) <= max_faces or step >= extent.max():
            break
        step = max(step + 1, int(step * np.sqrt(len(faces) / max_faces)))
    centre = (vertices - 1) * step + (step - 1) / 2 + origin
    return Mesh((centre * np.asarray(spacing)).astype(np.float32), faces.astype(np.int32), step)


def _coarse(
    z: NDArray[np.int64],
    y: NDArray[np.int64],
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    extent: NDArray[np.int64],
    step: int,
) -> NDArray[np.bool_]:
    nz, ny, nx = -(-extent // step)
    change = np.zeros((nz, ny, nx + 1), np.int32)
    np.add.at(change, (z // step, y // step, start // step), 1)
    np.add.at(change, (z // step, y // step, (stop - 1) // step + 1), -1)
    return np.asarray(np.cumsum(change, axis=2)[:, :, :-1] > 0)


def ellipsoids(centres: NDArray[np.float64], covariances: NDArray[np.float64], spacing: tuple[float, float, float]) -> Mesh:
    """Ellipsoids with the covariances of the voxels, 42 vertices and 80 faces each, in the order of `centres`.

    A solid ellipsoid with semi-axis a has variance a²/5 along it, so the semi-axes are sqrt(5 w) of the eigenvalues w. The
    variance of a voxel, spacing²/12, is added, so that an object one voxel thick can be seen.

    Parameters
    ----------
    centres
        (n, 3) z, y, x, µm.
    covariances
        (n, 3, 3) of the voxel centres, z, y, x, µm².
    spacing
        Voxel size, z, y, x, µm.
    """
    ball, faces = _icosphere()
    w, v = np.linalg.eigh(covariances + np.diag(np.square(spacing) / 12))
    root = np.einsum("nik,nk,njk->nij", v, np.sqrt(5 * np.maximum(w, 0)), v)
    vertices = np.einsum("nij,kj->nki", root, ball) + centres[:, None, :]
    offsets = np.arange(len(centres))[:, None, None] * len(ball)
    return Mesh(vertices.reshape(-1, 3).astype(np.float32), (faces[None] + offsets).reshape(-1, 3).astype(np.int32))


@cache
def _icosphere() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """An icosahedron with every face cut into four, on the unit sphere."""
    g = (1 + 5**0.5) / 2
    corners = np.array([(0, a, b) for a in (-1, 1) for b in (-g, g)])
    corners = np.concatenate([np.roll(corners, shift, axis=1) for shift in range(3)])
    distance = np.linalg.norm(corners[:, None] - corners[None], axis=2)
    joined = np.isclose(distance, 2)
    triangles = [
        (i, j, k)
        for i in range(12)
        for j in range(i + 1, 12)
        for k in range(j + 1, 12)
        if joined[i, j] and joined[j, k] and joined[i, k]
    ]
    edges = sorted({pair for i, j, k in triangles for pair in ((i, j), (j, k), (i, k))})
    middle = {pair: 12 + n for n, pair in enumerate(edges)}
    points = np.concatenate([corners, [(corners[i] + corners[j]) / 2 for i, j in edges]])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    faces = np.array(
        [
            face
            for i, j, k in triangles
            for a, b, c in [(middle[i, j], middle[j, k], middle[i, k])]
            for face in ((i, a, c), (j, a, b), (k, b, c), (a, b, c))
        ]
    )
    normals = np.cross(points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]])
    inward = np.einsum("ij,ij->i", normals, points[faces[:, 0]]) < 0
    faces[inward] = faces[inward][:, ::-1]
    return points, faces
