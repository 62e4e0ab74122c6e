"""Outlines of patches, and which parts of them are front: inside the material, and ahead of them nothing that is cracked."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, gaussian_filter, label
from scipy.signal import savgol_filter
from skimage.measure import find_contours

from xctgraph.ingest.fractures.columns import Floats
from xctgraph.ingest.fractures.patch import MARGIN, Patch
from xctgraph.ingest.fractures.surroundings import Surroundings
from xctgraph.ingest.volumes.protocol import Box

Bools = NDArray[np.bool_]

_SMOOTHING = 1.0
_STEP = 0.5
_WINDOW = 8.0
_AHEAD = 2.5
_ABOVE = 1.5
_MARGIN = 1.5


class Line(NamedTuple):
    """A piece of front as points at equal steps: position (n, 3) um, outward unit vector (n, 3), curvature (n,) 1/um.

    `step` is the distance along the line, um; of a `closed` one the last point is a step before the first.
    """

    points: Floats
    direction: Floats
    curvature: Floats
    step: float
    closed: bool

    @property
    def length(self) -> float:
        """Length, um."""
        return self.step * (len(self.points) if self.closed else len(self.points) - 1)


def outline(patch: Patch, own: int, around: Surroundings, spacing_um: float) -> list[Line]:
    """Find the front of a patch.

    The outline is the contour at one half of the smoothed map of the patch, so that it does not follow the voxels. Position,
    direction and curvature are those of parabolas fitted to pieces of it (Savitzky and Golay, 1964), two spacings or 16 voxels
    long.

    Parameters
    ----------
    patch : Patch
    own : int
        Label of the fracture: where it goes on ahead, as where a branch leaves it, there is no front.
    around : Surroundings
    spacing_um : float
        Distance between sites: pieces of front shorter than this and holes smaller than its square are left out.
    """
    chosen = _without_holes(patch.mask, spacing_um**2 / patch.cell_area)
    first, second = patch.across
    image = gaussian_filter(_beyond_faces(chosen, patch, around.box).astype(np.float64), _SMOOTHING)
    voxel = float(np.cbrt(np.prod(patch.spacing)))
    gradients = np.gradient(image)
    front = []
    for found in find_contours(image, 0.5):
        closed = bool((found[0] == found[-1]).all())
        line = np.asarray(found[:-1] if closed else found, dtype=np.float64)
        if len(line) < 4:
            continue
        points = patch.points(*line.T)
        uphill = np.stack([_at(np.asarray(gradient), line) for gradient in gradients], axis=1)
        outward = _outward(patch, uphill, patch.spacing[first], patch.spacing[second])
        ahead = points + _AHEAD * voxel * outward
        in_sample = _inside(points, around) & around.is_material(ahead)
        cracked = _at(patch.seam, line)
        for shift in (-_ABOVE, 0.0, _ABOVE):
            cracked |= around.label_at(ahead + shift * voxel * patch.normal) == own
        for piece, whole in _pieces(in_sample & ~cracked, points, closed, spacing_um):
            front.append(_smooth(points[piece], outward[piece], patch, whole, spacing_um, voxel))
    return front


def _without_holes(mask: Bools, largest: float) -> Bools:
    filled = binary_fill_holes(mask)
    holes, count = label(filled & ~mask)
    if not count:
        return mask
    size = np.bincount(holes.ravel(), minlength=count + 1)
    small = size < largest
    small[0] = False
    return np.asarray(mask | small[holes], dtype=np.bool_)


def _beyond_faces(mask: Bools, patch: Patch, box: Box) -> Bools:
    """The mask drawn out beyond the faces of the volume that it reaches, so that its contour meets them squarely."""
    wide = mask.copy()
    for k, axis in enumerate(patch.across):
        low, high = (end - int(patch.low[axis]) for end in box[axis])
        lines = np.moveaxis(wide, k, 0)
        if 0 < low <= MARGIN:
            lines[:low] = lines[low]
        if lines.shape[0] - MARGIN <= high < lines.shape[0]:
            lines[high:] = lines[high - 1]
    return wide


def _at(values: NDArray[Any], line: Floats) -> NDArray[Any]:
    i, j = (np.clip(np.rint(line[:, k]).astype(np.int64), 0, values.shape[k] - 1) for k in range(2))
    return np.asarray(values[i, j])


def _outward(patch: Patch, uphill: Floats, du: float, dv: float) -> Floats:
    """Unit vectors (n, 3) in the plane of the patch, away from its mask."""
    first, second = patch.across
    vector = np.zeros((len(uphill), 3))
    vector[:, first], vector[:, second] = -uphill[:, 0] / du, -uphill[:, 1] / dv
    # Normal to the contour line as it lies in the plane: the gradient there, of which this is the part along u and v.
    vector -= (vector @ patch.normal)[:, None] * patch.normal
    return np.asarray(vector / np.maximum(np.linalg.norm(vector, axis=1, keepdims=True), 1e-12))


def _inside(points: Floats, around: Surroundings) -> Bools:
    voxel = points / around.spacing
    low, high = (np.array([end[k] for end in around.box]) for k in (0, 1))
    return np.asarray(((voxel > low + _MARGIN) & (voxel < high - 1 - _MARGIN)).all(axis=1), dtype=np.bool_)


def _pieces(chosen: Bools, points: Floats, closed: bool, least: float) -> list[tuple[NDArray[np.int64], bool]]:
    """Stretches of the line that are chosen, and whether it is all of a closed line; those and gaps below `least` don't count."""
    n = len(chosen)
    if not chosen.any():
        return []
    step = np.linalg.norm(np.diff(points, axis=0, append=points[:1]), axis=1)
    start = 0
    if closed and not chosen.all():
        start = int(np.flatnonzero(~chosen)[0])
    order = (np.arange(n) + start) % n
    length = np.concatenate([[0.0], np.cumsum(step[order])])
    kept = _runs(chosen[order])
    joined: list[list[int]] = []
    for a, b in kept:
        if joined and length[a] - length[joined[-1][1] - 1] < least:
            joined[-1][1] = b
        else:
            joined.append([a, b])
    if closed and chosen.all():
        return [(order, True)] if length[-1] >= least else []
    return [(order[a:b], False) for a, b in joined if length[b - 1] - length[a] >= least and b - a > 3]


def _runs(chosen: Bools) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.r_[False, chosen, False].astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _smooth(points: Floats, outward: Floats, patch: Patch, closed: bool, spacing_um: float, voxel: float) -> Line:
    flat = patch.flat(points)
    ring = np.concatenate([flat, flat[:1]]) if closed else flat
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(ring, axis=0).T))])
    n = max(5, round(arc[-1] / (_STEP * voxel)) + (not closed))
    step = arc[-1] / (n if closed else n - 1)
    at = np.arange(n) * step
    even = np.stack([np.interp(at, arc, ring[:, k]) for k in range(2)], axis=1)
    half = round(max(spacing_um, _WINDOW * voxel) / step)
    window = min(2 * half + 1, n if n % 2 else n - 1)
    mode: Literal["wrap", "interp"] = "wrap" if closed else "interp"
    place, tangent, bend = (
        np.asarray(savgol_filter(even, window, 2, deriv=d, delta=float(step), axis=0, mode=mode)) for d in range(3)
    )
    speed = np.maximum(np.hypot(*tangent.T), 1e-12)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) / speed[:, None]
    middle = np.interp(at, arc, np.arange(len(ring)))
    guide = outward[np.rint(middle).astype(np.int64) % len(points)] @ patch.along.T
    sign = 1.0 if (normal * guide).sum() >= 0 else -1.0
    # Turned so that the outside is on the left, the line bends to the right where it bulges.
    curvature = -sign * (tangent[:, 0] * bend[:, 1] - tangent[:, 1] * bend[:, 0]) / speed**3
    position = patch.centre + place @ patch.along
    position = patch.points(*patch.cells(position + patch.normal * _lift(patch, position)[:, None]))
    return Line(position, (sign * normal) @ patch.along, curvature, step, closed)


def _lift(patch: Patch, points: Floats) -> Floats:
    """Distance along the normal from points of the plane to the sheet, um; three steps towards it."""
    lift = np.zeros(len(points))
    for _ in range(3):
        lift -= patch.above(points + patch.normal * lift[:, None]) * patch.spacing[patch.axis] * abs(patch.normal[patch.axis])
    return lift
