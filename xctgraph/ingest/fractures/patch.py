"""A patch of a fracture as a height map: its plane, areas and opening."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter

from xctgraph.ingest.fractures.columns import Floats, Ints, Spacing
from xctgraph.ingest.fractures.sheets import Sheet

Bools = NDArray[np.bool_]

MARGIN = 8
"""Empty columns about the map, so that what is smoothed has room."""

_SLOPE_SMOOTHING = 2.0
_DRAWN_OUT = 5.0
_SEAM = 3
_LEAST_WEIGHT = 0.01
_RIDGE = 0.02
_LARGEST_OPENING = 99.0


@dataclass(frozen=True, eq=False)
class Patch:
    """One sheet of a fracture on the columns (u, v) along `axis`; column (0, 0) and height 0 are at voxel `low`.

    Attributes
    ----------
    axis : int
        Axis of the height; u and v are the other two, in order.
    low : (3,) int64
        Voxel (z, y, x).
    spacing : (dz, dy, dx), um
    mask : (nu, nv) bool
        Columns that belong to the patch; the outer `MARGIN` are empty.
    seam : (nu, nv) bool
        Columns at which it leaves another patch, and those near them.
    height : (nu, nv) float64
        Smoothed middle of the sheet, voxels, drawn out to all columns.
    opening : (nu, nv) float64
        Thickness normal to the sheet, um; NaN outside the mask and where the patch is only a part of what fills the column.
    steepness : (nu, nv) float64
        Area of the sheet over that of its column, at least 1.
    centre, normal : (3,) float64
        Centroid, um, and unit normal of the plane that fits best; its z is not negative.
    along : (2, 3) float64
        Unit vectors that span the plane.
    """

    axis: int
    low: Ints
    spacing: Spacing
    mask: Bools
    seam: Bools
    height: Floats
    opening: Floats
    steepness: Floats
    centre: Floats
    normal: Floats
    along: Floats

    @property
    def across(self) -> tuple[int, int]:
        """The axes of u and v."""
        first, second = (k for k in range(3) if k != self.axis)
        return first, second

    @property
    def cell_area(self) -> float:
        """Area of a column's section, um^2."""
        first, second = self.across
        return self.spacing[first] * self.spacing[second]

    @property
    def area(self) -> float:
        """Area of the sheet, um^2."""
        return float(self.steepness[self.mask].sum() * self.cell_area)

    @property
    def projected_area(self) -> float:
        """Area seen along the normal, um^2."""
        return float(np.count_nonzero(self.mask) * self.cell_area / abs(self.normal[self.axis]))

    @property
    def known_opening(self) -> Floats:
        """Openings that are known, (k,), um."""
        return np.asarray(self.opening[np.isfinite(self.opening)])

    @property
    def mean_opening(self) -> float | None:
        """Mean opening over the area of the sheet, um; None where it is known nowhere."""
        known = np.isfinite(self.opening)
        return float(np.average(self.opening[known], weights=self.steepness[known])) if known.any() else None

    @property
    def largest_opening(self) -> float | None:
        """99th percentile of the opening, um; None where it is known nowhere."""
        known = self.known_opening
        return float(np.percentile(known, _LARGEST_OPENING)) if len(known) else None

    def points(self, u: Floats, v: Floats) -> Floats:
        """Points (n, 3) of the sheet, um, at columns (u, v), also between and beyond them."""
        first, second = self.across
        voxel = np.empty((len(u), 3))
        voxel[:, first], voxel[:, second] = u, v
        voxel[:, self.axis] = bilinear(self.height, u, v)
        return np.asarray((voxel + self.low) * self.spacing)

    def cells(self, points: Floats) -> tuple[Floats, Floats]:
        """Columns (u, v) of points (n, 3), um."""
        voxel = points / self.spacing - self.low
        first, second = self.across
        return voxel[:, first], voxel[:, second]

    def above(self, points: Floats) -> Floats:
        """Height of points (n, 3) above the sheet, voxels along the axis; negative below."""
        u, v = self.cells(points)
        return np.asarray(points[:, self.axis] / self.spacing[self.axis] - self.low[self.axis] - bilinear(self.height, u, v))

    def flat(self, points: Floats) -> Floats:
        """Places (n, 2) of points in the plane, um from the centre."""
        return np.asarray((points - self.centre) @ self.along.T)

    def opening_at(self, points: Floats) -> Floats:
        """Mean opening about points (n, 3), um; that of the whole patch where none is known nearby."""
        known = np.isfinite(self.opening)
        weight = gaussian_filter(known.astype(np.float64), _SLOPE_SMOOTHING)
        total = gaussian_filter(np.where(known, self.opening, 0.0), _SLOPE_SMOOTHING)
        u, v = self.cells(points)
        at_weight, at_total = bilinear(weight, u, v), bilinear(total, u, v)
        near = at_weight > 0.05
        found = np.full(len(points), self.mean_opening or 0.0)
        found[near] = at_total[near] / at_weight[near]
        return found


def of_sheet(sheet: Sheet, spacing: Spacing) -> Patch:
    """The patch of a sheet."""
    cut, chosen = sheet.columns, np.flatnonzero(sheet.runs)
    u, v = cut.u[chosen], cut.v[chosen]
    corner = np.array([u.min(), v.min()]) - MARGIN
    shape = (int(np.ptp(u)) + 1 + 2 * MARGIN, int(np.ptp(v)) + 1 + 2 * MARGIN)
    at = (u - corner[0], v - corner[1])
    mask = np.zeros(shape, np.bool_)
    mask[at] = True
    seam = np.zeros(shape, np.bool_)
    seam[at] = sheet.seam[chosen]
    if seam.any():
        seam = binary_dilation(seam, iterations=_SEAM)
    whole = sheet.whole[chosen]
    if not whole.any():
        whole = np.ones(len(chosen), np.bool_)
    sure = np.zeros(shape, np.bool_)
    sure[at] = whole
    middle, thickness = np.zeros(shape), np.full(shape, np.nan)
    middle[at] = cut.middle[chosen]
    thickness[at[0][whole], at[1][whole]] = cut.thickness[chosen][whole]
    first, second = cut.across
    height = drawn_out(middle, sure)
    step = spacing[cut.axis] / np.array([spacing[first], spacing[second]])
    slope_u, slope_v = (slope * factor for slope, factor in zip(np.gradient(height), step, strict=True))
    steepness = np.sqrt(1 + slope_u**2 + slope_v**2)
    low = cut.low.copy()
    low[first] += corner[0]
    low[second] += corner[1]
    centre, normal, along = _plane(mask, height, steepness, low, spacing, cut.axis)
    opening = thickness * spacing[cut.axis] / steepness
    return Patch(cut.axis, low, spacing, mask, seam, height, opening, steepness, centre, normal, along)


def drawn_out(values: Floats, known: Bools) -> Floats:
    """Values smoothed where they are known, and drawn out over the map: near the known ones by planes, then as the nearest."""
    result, found = _local_plane(values, known, _SLOPE_SMOOTHING)
    if not found.all():
        wider, more = _local_plane(values, known, _DRAWN_OUT)
        result = np.where(found, result, wider)
        found |= more
    if not found.all():
        nearest = distance_transform_edt(~found, return_distances=False, return_indices=True)
        result = result[tuple(nearest)]
    return np.asarray(result, dtype=np.float64)


def _local_plane(values: Floats, known: Bools, width: float) -> tuple[Floats, Bools]:
    """Value at each place of the plane fitted to the known values about it with Gaussian weights, and where these suffice."""
    weight = known.astype(np.float64)
    u, v = (axis.astype(np.float64) for axis in np.indices(values.shape, sparse=False))
    base = values[known].mean()
    height = np.where(known, values - base, 0.0)

    def smooth(what: Floats) -> Floats:
        return np.asarray(gaussian_filter(what, width, mode="constant", truncate=3.0))

    m0 = smooth(weight)
    enough = m0 > _LEAST_WEIGHT
    safe = np.where(enough, m0, 1.0)
    # Moments about the place itself, from those about the corner: differences, so that they stay small.
    mu, mv = smooth(weight * u) / safe - u, smooth(weight * v) / safe - v
    uu = smooth(weight * u * u) / safe - 2 * u * (mu + u) + u * u - mu * mu
    vv = smooth(weight * v * v) / safe - 2 * v * (mv + v) + v * v - mv * mv
    uv = smooth(weight * u * v) / safe - u * (mv + v) - v * (mu + u) + u * v - mu * mv
    mh = smooth(height) / safe
    hu = smooth(height * u) / safe - u * mh - mu * mh
    hv = smooth(height * v) / safe - v * mh - mv * mh
    ridge = _RIDGE * width**2
    det = (uu + ridge) * (vv + ridge) - uv * uv
    slope_u, slope_v = ((vv + ridge) * hu - uv * hv) / det, ((uu + ridge) * hv - uv * hu) / det
    return base + mh - slope_u * mu - slope_v * mv, enough


def bilinear(values: Floats, u: Floats, v: Floats) -> Floats:
    """Values at places between the nodes of a map; those of its rim beyond it."""
    nu, nv = values.shape
    u, v = np.clip(u, 0, nu - 1), np.clip(v, 0, nv - 1)
    i, j = np.minimum(u.astype(np.int64), nu - 2), np.minimum(v.astype(np.int64), nv - 2)
    a, b = u - i, v - j
    top = values[i, j] * (1 - b) + values[i, j + 1] * b
    bottom = values[i + 1, j] * (1 - b) + values[i + 1, j + 1] * b
    return np.asarray(top * (1 - a) + bottom * a)


def _plane(
    mask: Bools, height: Floats, steepness: Floats, low: Ints, spacing: Spacing, axis: int
) -> tuple[Floats, Floats, Floats]:
    """Centroid, normal and two unit vectors of the plane whose height is nearest to that of the sheet (least squares)."""
    u, v = np.nonzero(mask)
    first, second = (k for k in range(3) if k != axis)
    points = np.empty((len(u), 3))
    points[:, first], points[:, second], points[:, axis] = u, v, height[u, v]
    points = (points + low) * spacing
    weight = steepness[u, v] / steepness[u, v].sum()
    centre = weight @ points
    off = points - centre
    flat = off[:, [first, second]]
    # Columns have a width: a row of them has a slope across, too.
    spread = (flat * weight[:, None]).T @ flat + np.diag([spacing[first] ** 2, spacing[second] ** 2]) / 12
    slope = np.linalg.solve(spread, (flat * weight[:, None]).T @ off[:, axis])
    normal = np.empty(3)
    normal[first], normal[second], normal[axis] = -slope[0], -slope[1], 1.0
    normal /= np.linalg.norm(normal)
    if normal[np.flatnonzero(normal)[0]] < 0:
        normal = -normal
    along = np.zeros(3)
    along[first], along[axis] = 1.0, slope[0]
    along /= np.linalg.norm(along)
    return centre, normal, np.stack([along, np.cross(normal, along)])
