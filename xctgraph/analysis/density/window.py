"""The material that features were seen in: a box, or a mask of voxels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import distance_transform_edt

from xctgraph.store.errors import InputError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Window:
    """Union of the true voxels of a mask.

    Attributes
    ----------
    inside : (nz, ny, nx) bool
    spacing : (3,) float
        Edges dz, dy, dx of a voxel, micrometres.
    origin : (3,) float
        Low corner of the first voxel (not its centre), micrometres.
    """

    inside: Bools
    spacing: Floats
    origin: Floats

    def __post_init__(self) -> None:
        """Refuse a window without volume."""
        if self.inside.ndim != 3 or not self.inside.any():
            raise InputError(
                f"a sample mask of shape {self.inside.shape} with {int(self.inside.sum())} voxels inside is no window: "
                f"give a boolean array (z, y, x) with at least one true voxel"
            )
        if not (np.asarray(self.spacing) > 0).all():
            raise InputError(f"spacing {tuple(self.spacing)} um of the sample mask must be positive")

    @classmethod
    def box(cls, low: Floats, high: Floats) -> Self:
        """The box between two corners, micrometres."""
        start = np.asarray(low, np.float64)
        return cls(np.ones((1, 1, 1), np.bool_), np.asarray(high, np.float64) - start, start)

    @property
    def high(self) -> Floats:
        """High corner of the mask's box, micrometres."""
        corner: Floats = self.origin + self.spacing * self.inside.shape
        return corner

    @property
    def volume(self) -> float:
        """Volume, cubic micrometres."""
        return float(self.inside.sum() * self.spacing.prod())

    def contains(self, points: Floats) -> Bools:
        """Which points (n, 3) lie inside."""
        index = np.floor((points - self.origin) / self.spacing).astype(np.int64)
        valid: Bools = np.logical_and.reduce((index >= 0) & (index < self.inside.shape), axis=1)
        valid[valid] = self.inside[tuple(index[valid].T)]
        return valid

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Points (n, 3), uniform and independent."""
        chosen = np.stack(np.unravel_index(self._voxels[rng.integers(0, len(self._voxels), n)], self.inside.shape), axis=1)
        points: Floats = self.origin + (chosen + rng.random((n, 3))) * self.spacing
        return points

    def set_covariance(self, reach: float) -> Floats:
        """Volume that the window shares with itself moved by whole voxels, out to `reach` micrometres along each axis.

        Returns
        -------
        (2 mz + 1, 2 my + 1, 2 mx + 1) float
            For moves from -m to m voxels. Between them it is linear along each axis, exactly: the covariance of a union of
            boxes on a lattice is piecewise multilinear.
        """
        # One more than fits, where the covariance is 0: what lies beyond the window is interpolated towards it.
        moves = [min(int(np.ceil(reach / d)), n) for d, n in zip(self.spacing, self.inside.shape, strict=True)]
        size = [fft.next_fast_len(n + m, real=True) for n, m in zip(self.inside.shape, moves, strict=True)]
        spectrum = fft.rfftn(self.inside.astype(np.float64), size)
        shared = np.round(fft.irfftn(spectrum * np.conj(spectrum), size)) * self.spacing.prod()
        near = np.ix_(*(np.arange(-m, m + 1) % s for m, s in zip(moves, size, strict=True)))
        return np.ascontiguousarray(shared[near])

    def border_distance(self, points: Floats) -> Floats:
        """Distance (n,) of points inside to the outside; with a mask, to within half a voxel."""
        to_box = np.minimum(points - self.origin, self.high - points).min(axis=1)
        if self.inside.all():
            return np.asarray(to_box)
        index = np.clip(((points - self.origin) / self.spacing).astype(np.int64), 0, np.array(self.inside.shape) - 1)
        depth: Floats = self._depth[tuple(index.T)]
        return np.asarray(np.minimum(to_box, depth), np.float64)

    def eroded(self, distance: Floats) -> Floats:
        """Volume of the part deeper than each distance (n,)."""
        if self.inside.all():
            sides = (self.high - self.origin)[None, :] - 2 * distance[:, None]
            return np.asarray(np.maximum(sides, 0.0).prod(axis=1), np.float64)
        depth = self._sorted_depth
        return np.asarray((len(depth) - np.searchsorted(depth, distance)) * self.spacing.prod(), np.float64)

    @cached_property
    def _voxels(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.inside)

    @cached_property
    def _depth(self) -> Floats:
        """Distance of each voxel's centre to the nearest face of a voxel outside, nearly."""
        return np.asarray(distance_transform_edt(self.inside, sampling=self.spacing) - self.spacing.min() / 2, np.float64)

    @cached_property
    def _sorted_depth(self) -> Floats:
        """Depth of the middles of all voxels inside, the faces of the mask's box counted as outside, from small to large."""
        centres = [(np.arange(n) + 0.5) * d for n, d in zip(self.inside.shape, self.spacing, strict=True)]
        sides = [np.minimum(c, n * d - c) for c, n, d in zip(centres, self.inside.shape, self.spacing, strict=True)]
        to_box = np.minimum(np.minimum(sides[0][:, None, None], sides[1][None, :, None]), sides[2][None, None, :])
        return np.sort(np.minimum(to_box, self._depth)[self.inside])
