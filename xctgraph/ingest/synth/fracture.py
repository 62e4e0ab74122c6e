"""A half-penny fracture that grows from a notch on a face normal to x, in the frame of the first scan.

Its mid-surface is the wavy sheet z = height(y, x). Seen along z, its front is a polar curve r(θ) about the notch at
(y, x) = (centre, 0) or (centre, last); the sheet has a finite opening that grows with the distance behind the front.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.synth.spec import SynthSpec

Array = NDArray[np.float64]

TIP_HALF_OPENING = 1.5
LARGEST_HALF_OPENING = 4.0
OPENING_GROWTH = 0.15
"""Half opening, voxels: 1.5 at the front, growing with the square root of the distance behind it as in linear elastic
fracture mechanics (there from 0; a tip thinner than 3 voxels would be lost in the blur)."""

FRONT_SMOOTHING = 5.0
ROUGHNESS = 0.35
ROUGHNESS_LENGTH = 12.0
LARGEST_FACTOR = 2.5


@dataclass(frozen=True)
class Branch:
    """A sheet that leaves the mid-surface along the arc r = `start` and stays joined to it along the sides of its sector.

    Its height above the mid-surface grows with r by `slope`; the sector has its middle at the polar angle `theta` and the half
    width `width`.
    """

    start: float
    theta: float
    width: float
    slope: float

    def rise(self, radius: Array, theta: Array) -> Array:
        """Height above the mid-surface; 0 outside the sector."""
        across = np.clip((theta - self.theta) / self.width, -1, 1)
        rise: Array = self.slope * np.maximum(radius - self.start, 0.0) * np.cos(np.pi / 2 * across) ** 2
        return rise

    def inward(self, radius: Array, theta: Array) -> Array:
        """Distance inside the start and the sides of the sector, voxels; negative outside."""
        inward: Array = np.minimum(radius - self.start, (self.width - np.abs(theta - self.theta)) * radius)
        return inward


@dataclass(frozen=True)
class Fracture:
    """The mid-surface, and the front in the scans grown so far.

    Attributes
    ----------
    centre : (3,) array
        z of the mean plane, y and x of the notch, voxels.
    facing : int
        1 for a notch on the face x = 0, -1 on the one across.
    waves : (4, 4) array
        Amplitude, wave numbers along y and x, and phase of the waves of the mid-surface.
    theta : (m,) array
        Polar angles of the nodes of the front, −π/2 to π/2; 0 points into the sample.
    radius : list of (m,) arrays
        r(θ) in each scan, voxels.
    advance : float
        Mean advance per scan, voxels.
    roughness : list of (m,) arrays
        What makes the advance uneven apart from density, by scan.
    branches : tuple of Branch
    """

    centre: Array
    facing: int
    waves: Array
    theta: Array
    radius: list[Array]
    advance: float
    roughness: list[Array]
    branches: tuple[Branch, ...]

    @classmethod
    def draw(cls, spec: SynthSpec, number: int = 0) -> Fracture:
        """Draw the mid-surface and the notch of the fracture `number` of `spec`; 2 k + 1 shares the mid-surface of 2 k."""
        rng = spec.rng(_STAGE, *[number] * bool(number))
        plane, planes = number // 2, (spec.fractures + 1) // 2
        depth, height, width = spec.shape
        largest = min(height / 2, width)
        start, end = spec.fracture_start * largest, spec.fracture_end * largest
        middle, jitter = (depth - 1) * (plane + 0.5) / planes, 0.1 * depth / planes
        nodes = int(np.clip(round(np.pi * (start + end) / 2 / 4), 24, 1024))
        theta = np.linspace(-np.pi / 2, np.pi / 2, nodes)
        wave_length = rng.uniform(60, 140, 4)
        direction = rng.uniform(0, 2 * np.pi, 4)
        waves = np.stack(
            [
                rng.uniform(0.5, 1.0, 4) * 0.01 * wave_length,
                2 * np.pi / wave_length * np.cos(direction),
                2 * np.pi / wave_length * np.sin(direction),
                rng.uniform(0, 2 * np.pi, 4),
            ],
            axis=1,
        )
        modes = np.arange(1, 4)
        bumps = rng.normal(0, 0.04, 3) @ np.cos(modes[:, None] * theta + rng.uniform(0, 2 * np.pi, 3)[:, None])
        rough = [rng.normal(size=nodes) for _ in range(spec.steps)]
        drawn = cls(
            centre=np.array([middle + rng.uniform(-jitter, jitter), (height - 1) / 2, 0.0]),
            facing=1,
            waves=waves,
            theta=theta,
            radius=[start * (1 + bumps)],
            advance=(end - start) / max(1, spec.steps - 1),
            roughness=rough,
            branches=_branches(spec, number, start, end),
        )
        if number % 2 == 0:
            return drawn
        mate = cls.draw(spec, number - 1)
        return replace(drawn, centre=np.array([*mate.centre[:2], width - 1.0]), facing=-1, waves=mate.waves)

    def height(self, y: Array, x: Array) -> Array:
        """Height z of the mid-surface at (y, x)."""
        amplitude, ky, kx, phase = self.waves.T
        angle = ky * y[..., None] + kx * x[..., None] + phase
        height: Array = self.centre[0] + (amplitude * np.sin(angle)).sum(axis=-1)
        return height

    def behind(self, y: Array, x: Array, t: int) -> Array:
        """Radial distance of (y, x) behind the front in scan `t`, voxels; negative ahead of it."""
        radius, theta = self._polar(y, x)
        behind: Array = np.interp(theta, self.theta, self.radius[t]) - radius
        return behind

    def sheets(self, y: Array, x: Array, t: int) -> list[tuple[Array, Array]]:
        """Height above the mid-surface, and distance behind the front (negative ahead of it), of each sheet at (y, x)."""
        radius, theta = self._polar(y, x)
        behind = self.behind(y, x, t)
        found = [(np.zeros_like(behind), behind)]
        return found + [(b.rise(radius, theta), np.minimum(behind, b.inward(radius, theta))) for b in self.branches]

    def _polar(self, y: Array, x: Array) -> tuple[Array, Array]:
        dy, dx = y - self.centre[1], np.maximum(self.facing * (x - self.centre[2]), 0.0)
        return np.hypot(dy, dx), np.arctan2(dy, dx)

    def half_opening(self, y: Array, x: Array, t: int) -> Array:
        """Half of the opening at (y, x) in scan `t`, voxels; 0 ahead of the front."""
        return np.maximum(half_opening(self.behind(y, x, t)), 0.0)

    def contains(self, points: Array, t: int, margin: float = 0.0, share: float = 1.0) -> NDArray[np.bool_]:
        """Whether points (..., 3) lie in `share` of the open fracture in scan `t`, or within about `margin` voxels of it."""
        z, y, x = points[..., 0], points[..., 1], points[..., 2]
        above = z - self.height(y, x)
        found = np.zeros(above.shape, np.bool_)
        for k, (rise, behind) in enumerate(self.sheets(y, x, t)):
            # Only the sides of the main sheet part, its branches take the material away.
            opening = (1.0 if k else share) * half_opening(np.maximum(behind, 0.0))
            found |= (behind >= -margin) & (np.abs(above - rise) <= opening + margin)
        return found

    def cuts(self, points: Array, t: int) -> NDArray[np.bool_]:
        """Whether the mid-surface behind the front runs through each body, given as points (n, k, 3) on and in it."""
        y, x = points[..., 1], points[..., 2]
        above = np.where(self.behind(y, x, t) > 0, points[..., 0] - self.height(y, x), 0.0)
        cut: NDArray[np.bool_] = (above.max(axis=1, initial=0.0) > 0.5) & (above.min(axis=1, initial=0.0) < -0.5)
        return cut

    def sites(self, t: int) -> tuple[Array, Array]:
        """Nodes of the front in scan `t` as points (m, 3), and their outward unit normals in the mean plane (m, 3)."""
        r = self.radius[t]
        y, x = self.centre[1] + r * np.sin(self.theta), self.centre[2] + self.facing * r * np.cos(self.theta)
        ty, tx = np.gradient(y, self.theta), np.gradient(x, self.theta)
        length = self.facing * np.hypot(ty, tx)
        # The tangent turned by a right angle, away from the notch (θ grows from −y over the inside to +y).
        normals = np.stack([np.zeros_like(y), -tx / length, ty / length], axis=1)
        return np.stack([self.height(y, x), y, x], axis=1), normals

    def outward(self, t: int, spacing: tuple[float, float, float]) -> Array:
        """Outward unit normals (m, 3) of the front in the mean plane, in physical space; equal to `sites` for cubic voxels."""
        _, normals = self.sites(t)
        stretched = normals / np.asarray(spacing)
        unit: Array = stretched / np.linalg.norm(stretched, axis=1, keepdims=True)
        return unit

    def curvature(self, t: int, spacing: tuple[float, float, float]) -> Array:
        """Curvature of the front in the mean plane, 1/µm, positive where it bulges outward."""
        y, x = (self.sites(t)[0] * spacing)[:, 1:].T
        dy, dx = np.gradient(y, self.theta), np.gradient(x, self.theta)
        ddy, ddx = np.gradient(dy, self.theta), np.gradient(dx, self.theta)
        curvature: Array = self.facing * (dx * ddy - dy * ddx) / np.hypot(dy, dx) ** 3
        return curvature

    def grow(self, score: Array, attraction: float) -> None:
        """Append the front of the next scan.

        The advance along the outward normal is base × exp(attraction × score + roughness), smoothed along the front, at most
        2.5 times the mean and scaled to the mean `advance`; `score` is the standardised density ahead of each node.
        """
        t = len(self.radius) - 1
        points, normals = self.sites(t)
        arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points[:, 1:], axis=0).T))])
        rough = _smooth(self.roughness[t], arc, ROUGHNESS_LENGTH)
        spread = rough.std()
        rough = rough * (ROUGHNESS / spread) if spread else rough
        factor = np.exp(_smooth(attraction * np.clip(score, -3, 3), arc, FRONT_SMOOTHING) + rough)
        for _ in range(8):
            factor = np.minimum(factor / factor.mean(), LARGEST_FACTOR)
        factor /= factor.mean()
        outward = np.stack([np.sin(self.theta), self.facing * np.cos(self.theta)], axis=1)
        along = np.maximum((normals[:, 1:] * outward).sum(axis=1), 0.7)
        self.radius.append(_smooth(self.radius[t] + self.advance * factor / along, arc, FRONT_SMOOTHING))

    def advances(self, t: int, spacing: tuple[float, float, float]) -> Array:
        """Distance, µm, from each node of the front in scan `t` along its normal to the front of scan `t + 1`.

        Measured in the mean plane, by intersection with the polygon of the later front; NaN where the normal leaves it.
        """
        later = (self.sites(t + 1)[0] * spacing)[:, 1:]
        start, edge = later[:-1], np.diff(later, axis=0)
        p, n = (self.sites(t)[0] * spacing)[:, None, 1:], self.outward(t, spacing)[:, None, 1:]
        with np.errstate(divide="ignore", invalid="ignore"):
            determinant = n[..., 0] * edge[:, 1] - n[..., 1] * edge[:, 0]
            gap = start - p
            distance = (gap[..., 0] * edge[:, 1] - gap[..., 1] * edge[:, 0]) / determinant
            position = (gap[..., 0] * n[..., 1] - gap[..., 1] * n[..., 0]) / determinant
        hit = (position >= -1e-9) & (position <= 1 + 1e-9) & (distance >= -1e-9)
        nearest = np.where(hit, distance, np.inf).min(axis=1)
        return np.where(np.isfinite(nearest), np.maximum(nearest, 0.0), np.nan)


def half_opening(behind: Array) -> Array:
    """Half of the opening, voxels, at a distance behind the front; -1 ahead of it."""
    opening = np.minimum(TIP_HALF_OPENING + OPENING_GROWTH * np.sqrt(np.maximum(behind, 0.0)), LARGEST_HALF_OPENING)
    return np.where(behind >= 0, opening, -1.0)


def _branches(spec: SynthSpec, number: int, start: float, end: float) -> tuple[Branch, ...]:
    """Sheets that leave the mid-surface between the first front and three quarters of the way to the last."""
    rng = spec.rng(_BRANCHES, *[number] * bool(number))
    return tuple(
        Branch(
            start=start + (end - start) * rng.uniform(0.2, 0.6),
            theta=rng.uniform(-1.0, 1.0),
            width=rng.uniform(0.3, 0.5),
            slope=rng.choice([-1.0, 1.0]) * rng.uniform(0.35, 0.7),
        )
        for _ in range(spec.branches)
    )


def _smooth(values: Array, arc: Array, length: float) -> Array:
    weight = np.exp(-0.5 * ((arc[:, None] - arc) / length) ** 2)
    smoothed: Array = weight @ values / weight.sum(axis=1)
    return smoothed


_STAGE, _BRANCHES = 2, 7
