"""Pairs of label volumes with known links: ellipsoids that move, are born, die, split and merge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """Two label volumes, their kinds (by label), and the true links as a set of (label, label, event)."""

    a: NDArray[np.int32]
    b: NDArray[np.int32]
    kinds_a: list[str]
    kinds_b: list[str]
    links: set[tuple[int, int, str]]
    spacing: float


def make(
    rng: np.random.Generator,
    n: int = 300,
    size: int = 128,
    *,
    drift: float = 0.0,
    strain: float = 0.0,
    smooth: float = 0.0,
    turnover: float = 0.05,
    splits: float = 0.02,
    apart: float = 9.0,
    pores: float = 0.0,
    crack: tuple[float, float] | None = None,
) -> Scene:
    """Ellipsoids in a body larger than both views; lengths in voxels.

    `smooth` is the amplitude of the smooth field, `pores` the share of pores, which don't split or merge. `crack` is how far
    a wavy crack in the middle of z has come along y, in either scan; it moves with the body, and pores that it reaches become
    part of it.
    """
    margin = int(np.ceil(drift + smooth + strain * size)) + 10
    total = int(n * ((size + 2 * margin) / size) ** 3)
    points = rng.uniform(-margin, size + margin, (total, 3))
    points = points[_apart(points, apart)]
    total = len(points)
    radius = np.clip(rng.lognormal(np.log(2.0), 0.25, total), 1.4, 4.0)
    semi = radius[:, None] * np.stack(
        [rng.uniform(1, 1.6, total), rng.uniform(0.7, 1, total), rng.uniform(0.7, 1, total)], axis=1
    )
    turn = np.linalg.qr(rng.normal(size=(total, 3, 3)))[0]
    move = _motion(rng, size, drift, strain, smooth)
    grow = np.where(rng.random(total) < 0.3, 1.06, 1.0)
    fate = rng.random(total)
    dies, born = fate < turnover, (fate >= turnover) & (fate < 2 * turnover)
    pore = rng.random(total) < pores
    pair = (fate > 1 - 2 * splits) & ~pore
    splitting = pair & (fate > 1 - splits)
    direction = turn[:, 0]
    rr = semi[:, :1].copy()
    close, far = 0.5 * rr, 1.15 * rr + 1.2
    offset_a = np.where(pair[:, None], np.where(splitting[:, None], close, far) * direction, 0.0)
    offset_b = np.where(pair[:, None], np.where(splitting[:, None], far, close) * direction, 0.0)
    jitter = rng.normal(0, 0.1, points.shape)
    moved = points + move(points) + jitter
    volumes = []
    for centre, offset, factor, alive in (
        (points, offset_a, 1.0, ~born),
        (moved, offset_b, grow, ~dies),
    ):
        ids = np.flatnonzero(alive)
        twins = np.flatnonzero(alive & pair)
        centres = np.r_[(centre - offset)[ids], (centre + offset)[twins]]
        axes = np.r_[(semi * np.broadcast_to(np.asarray(factor).reshape(-1, 1), (total, 1)))[ids], semi[twins]]
        volumes.append(_paint(size, np.r_[ids, twins + total], centres, axes, np.r_[turn[ids], turn[twins]]))
    cracks = [np.zeros((size,) * 3, bool)] * 2
    if crack is not None:
        cracks = [_crack(size, lambda x: x, crack[0]), _crack(size, _inverse(move), crack[1])]
    spacing = float(np.median(cKDTree(points).query(points, k=2)[0][:, 1]))
    return _scene(volumes, cracks, np.flatnonzero(pore) + 1, spacing)


def _crack(size: int, source, front: float) -> NDArray[np.bool_]:
    """Voxels whose material point lies within the crack."""
    points = source(np.indices((size,) * 3).reshape(3, -1).T.astype(float))
    middle = size / 2 + 4 * np.sin(points[:, 1] / 17) + 3 * np.cos(points[:, 2] / 23)
    ragged = front + 4 * np.sin(points[:, 2] / 9)
    return ((np.abs(points[:, 0] - middle) <= 1.3) & (points[:, 1] <= ragged)).reshape((size,) * 3)


def _inverse(move):
    def source(points: Floats) -> Floats:
        result = points - move(points)
        for _ in range(5):
            result = points - move(result)
        return result

    return source


def _motion(rng: np.random.Generator, size: int, drift: float, strain: float, smooth: float):
    shift = rng.normal(size=3)
    shift *= drift / max(float(np.linalg.norm(shift)), 1e-9)
    gradient = np.diag([strain, -strain / 3, -strain / 3]) + strain / 4 * rng.uniform(-1, 1, (3, 3))
    wave = rng.uniform(0.6, 1.2, (3, 3)) * 2 * np.pi / size
    phase = rng.uniform(0, 2 * np.pi, (3, 3))

    def move(points: Floats) -> Floats:
        waves = np.stack([np.sin(points @ wave[k] * [1, -1, 1][k] + phase[k, 0]) for k in range(3)], axis=1)
        return shift + (points - size / 2) @ gradient.T + smooth / np.sqrt(3) * waves

    return move


def _apart(points: Floats, distance: float) -> NDArray[np.bool_]:
    close = cKDTree(points).query_pairs(distance, output_type="ndarray")
    keep = np.ones(len(points), dtype=bool)
    keep[close[:, 1]] = False
    return keep


def _paint(size: int, ids: NDArray[np.int64], centres: Floats, semi: Floats, turn: Floats) -> NDArray[np.int64]:
    volume = np.zeros((size, size, size), np.int64)
    for i, c, s, r in zip(ids, centres, semi, turn, strict=True):
        reach = s.max() + 1
        low, high = np.maximum(np.floor(c - reach).astype(int), 0), np.minimum(np.ceil(c + reach).astype(int) + 1, size)
        if (low >= high).any():
            continue
        grid = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), axis=-1) - c
        inside = (((grid @ r.T) / s) ** 2).sum(axis=-1) <= 1
        box = volume[tuple(map(slice, low, high))]
        box[inside] = i + 1
    return volume


def _scene(volumes: list[NDArray[np.int64]], cracks: list[NDArray[np.bool_]], pores: NDArray[np.int64], spacing: float) -> Scene:
    """Label inclusions and dark voxels and derive the truth: components that hold the majority of one object's voxels in both."""
    components, kinds, parts = [], [], []
    for volume, crack in zip(volumes, cracks, strict=True):
        dark = np.isin(volume, pores) | (crack & (volume == 0))
        bright = (volume > 0) & ~dark
        labels, n_bright = ndimage.label(bright, np.ones((3, 3, 3)))
        more, n_dark = ndimage.label(dark, np.ones((3, 3, 3)))
        labels = np.where(dark, more + n_bright, labels)
        sizes = np.bincount(labels.ravel(), minlength=n_bright + n_dark + 1)
        first = np.full(len(sizes), labels.size)
        np.minimum.at(first, labels.ravel(), np.arange(labels.size))
        keep = np.flatnonzero(sizes >= 4)
        keep = keep[keep > 0]
        keep = keep[np.argsort(first[keep])]
        new = np.zeros(len(sizes), np.int32)
        new[keep] = np.arange(1, len(keep) + 1)
        broken = np.unique(labels[crack & dark])
        kinds.append(["inclusion" if k <= n_bright else "fracture" if k in broken else "pore" for k in keep.tolist()])
        labels = new[labels]
        components.append(labels)
        objects = np.where(volume > 0, volume, np.where(crack, -1, 0))
        inside = (objects != 0) & (labels > 0)
        pairs, count = np.unique(np.stack([objects[inside], labels[inside]]), axis=1, return_counts=True)
        best: dict[int, tuple[int, int]] = {}
        for (name, label), size in zip(pairs.T.tolist(), count.tolist(), strict=True):
            if size > best.get(name, (0, 0))[0]:
                best[name] = (size, label)
        parts.append({name: label for name, (_, label) in best.items()})
    return Scene(components[0], components[1], kinds[0], kinds[1], _links(parts, kinds), spacing)


def _links(parts: list[dict[int, int]], kinds: list[list[str]]) -> set[tuple[int, int, str]]:
    edges = {(parts[0][e], parts[1][e]) for e in parts[0] if e in parts[1]}
    swallowed = {(i, j) for i, j in edges if kinds[0][i - 1] != "fracture" and kinds[1][j - 1] == "fracture"}
    whole = edges - swallowed
    children = np.bincount([i for i, _ in whole], minlength=len(kinds[0]) + 1)
    parents = np.bincount([j for _, j in whole], minlength=len(kinds[1]) + 1)
    links = {(i, j, "split" if children[i] > 1 else "merge" if parents[j] > 1 else "continue") for i, j in whole}
    return links | {(i, j, "swallowed") for i, j in swallowed}


def features(labels: NDArray[np.int32], kinds: list[str], spacing: tuple[float, float, float]) -> pa.Table:
    """Measure a label volume with numpy alone."""
    index = np.argwhere(labels > 0)
    label = labels[tuple(index.T)]
    n = len(kinds)
    count = np.bincount(label, minlength=n + 1)[1:].astype(np.int64)
    points = index * np.asarray(spacing)
    centre = np.stack([np.bincount(label, weights=points[:, k], minlength=n + 1)[1:] / count for k in range(3)], axis=1)
    delta = points - centre[label - 1]
    cov = np.zeros((n, 3, 3))
    for i in range(3):
        for j in range(3):
            cov[:, i, j] = np.bincount(label, weights=delta[:, i] * delta[:, j], minlength=n + 1)[1:] / count
    major = 2 * np.sqrt(5 * np.maximum(np.linalg.eigvalsh(cov)[:, 2] if n else np.zeros(0), 0))
    edge = np.zeros(labels.shape, bool)
    for axis in range(3):
        edge[(slice(None),) * axis + ([0, -1],)] = True
    border = np.isin(np.arange(1, n + 1), labels[edge])
    return pa.table({
        "label": pa.array(np.arange(1, n + 1), pa.int64()),
        "kind": pa.array(kinds, pa.string()),
        "z": centre[:, 0], "y": centre[:, 1], "x": centre[:, 2],
        "n_voxels": count,
        "volume": count * float(np.prod(spacing)),
        "axis_major_length": major,
        "border_touching": border,
    })  # fmt: skip
