"""The motion of the material: affine strain, a smooth field and rigid drift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.synth.spec import SynthSpec

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Displacement:
    """Displacement of material points from the first scan; there is no jump across the fracture.

    Attributes
    ----------
    centre : (3,) array
        Centre of the volume, fixed point of the strain.
    strain : (steps, 3) array
        Stretch along each axis in each scan.
    drift : (steps, 3) array
        Rigid shift in each scan, voxels; 0 in the first.
    waves : (3, 2, 3) array
        Wave vectors of the two products of sines of each component.
    phases : (3, 2, 3) array
        Their phases.
    amplitude : float
        Largest component gained per scan, voxels.
    """

    centre: NDArray[np.float64]
    strain: NDArray[np.float64]
    drift: NDArray[np.float64]
    waves: NDArray[np.float64]
    phases: NDArray[np.float64]
    amplitude: float

    @classmethod
    def draw(cls, spec: SynthSpec) -> Displacement:
        """Draw the motion of `spec`."""
        rng = spec.rng(_STAGE)
        shape = np.asarray(spec.shape, float)
        along = np.array([spec.strain_at(t) for t in range(spec.steps)])
        direction = rng.normal(size=(spec.steps, 3))
        step = spec.drift_voxels * direction / np.linalg.norm(direction, axis=1, keepdims=True)
        step[0] = 0.0
        # Periods of 0.8 to 1.6 of the volume: smooth on the scale of the distance between neighbours.
        waves = 2 * np.pi / (shape * rng.uniform(0.8, 1.6, (3, 2, 3)))
        return cls(
            centre=(shape - 1) / 2,
            strain=np.stack([along, -spec.poisson * along, -spec.poisson * along], axis=1),
            drift=np.cumsum(step, axis=0),
            waves=waves,
            phases=rng.uniform(0, 2 * np.pi, (3, 2, 3)),
            amplitude=spec.field_voxels,
        )

    def at(self, points: Points, t: int) -> Points:
        """Displacement, voxels, from the first scan to scan `t` of material points (n, 3) given in the first scan."""
        smooth = np.zeros_like(points)
        if t and self.amplitude:
            for component in range(3):
                for term in range(2):
                    angle = points * self.waves[component, term] + self.phases[component, term]
                    smooth[:, component] += 0.5 * np.prod(np.sin(angle), axis=1)
            # The field is 0 in the first scan and grows linearly.
            smooth *= self.amplitude * t
        moved: Points = smooth + (points - self.centre) * self.strain[t] + self.drift[t]
        return moved

    def forward(self, points: Points, t: int) -> Points:
        """Where material points (n, 3) of the first scan lie in scan `t`, voxels."""
        return points + self.at(points, t)

    def inverse(self, points: Points, t: int) -> Points:
        """Material points, in the first scan, of positions (n, 3) in scan `t`: fixed-point iteration to 1e-6 voxels."""
        material = points.copy()
        for _ in range(50):
            moved = points - self.at(material, t)
            change = float(np.abs(moved - material).max(initial=0.0))
            material = moved
            if change < 1e-7:
                break
        return material

    def step(self, points: Points, t: int) -> Points:
        """Displacement from scan `t` to `t + 1` of positions (n, 3) in scan `t`, voxels."""
        material = self.inverse(points, t)
        return self.forward(material, t + 1) - points

    def reach(self) -> float:
        """Upper bound of the displacement of any point of the volume in any scan, voxels."""
        last = len(self.drift) - 1
        affine = np.abs(self.strain * (self.centre + 1)).max(initial=0.0)
        return float(affine + np.abs(self.drift).max(initial=0.0) + self.amplitude * last)


def grid(shape: tuple[int, int, int]) -> Points:
    """Nodes (n, 3), voxels, of a regular grid over the volume with about 16 voxels between them, at most 32 along an axis."""
    axes = [np.linspace(0, n - 1, int(np.clip(round(n / 16), 2, 32))) for n in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


_STAGE = 1
