"""All fractures of a sample together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.synth.fracture import LARGEST_HALF_OPENING, Fracture
from xctgraph.ingest.synth.spec import SynthSpec

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Fractures:
    """The fractures of a sample, which may share mid-surfaces; without any, every question has an empty answer."""

    each: tuple[Fracture, ...]

    @classmethod
    def draw(cls, spec: SynthSpec) -> Fractures:
        """Draw the fractures of `spec` in the first scan."""
        return cls(tuple(Fracture.draw(spec, number) for number in range(spec.fractures)))

    def __len__(self) -> int:
        return len(self.each)

    def contains(self, points: Array, t: int, margin: float = 0.0) -> Bools:
        """Whether points (..., 3) lie in an open fracture in scan `t`, or within about `margin` voxels of one."""
        found = np.zeros(points.shape[:-1], np.bool_)
        for fracture in self.each:
            found |= fracture.contains(points, t, margin)
        return found

    def from_sheets(self, points: Array) -> Array:
        """Distance along z of points (n, 3) to the nearest sheet, each drawn out ahead of its front; infinite without any."""
        y, x = points[:, 1], points[:, 2]
        distance = np.full(len(points), np.inf)
        for fracture in self.each:
            above = points[:, 0] - fracture.height(y, x)
            for rise, _ in fracture.sheets(y, x, 0):
                distance = np.minimum(distance, np.abs(above - rise))
        return distance

    def near_notches(self, centre: Array, radius: Array) -> Bools:
        """Which spheres come near what is open in the first scan."""
        margin = radius + LARGEST_HALF_OPENING
        y, x = centre[:, 1], centre[:, 2]
        near = np.zeros(len(centre), np.bool_)
        for fracture in self.each:
            near |= (fracture.behind(y, x, 0) > -margin) & (np.abs(centre[:, 0] - fracture.height(y, x)) < margin)
        return near

    def parted(self, material: Array, t: int) -> Array:
        """By how much the openings in scan `t` move material points (n, 3) along z, (n,): half of each, away from it."""
        y, x = material[:, 1], material[:, 2]
        parted = np.zeros(len(material))
        for sharing in (self.each[k : k + 2] for k in range(0, len(self.each), 2)):
            side = np.sign(material[:, 0] - sharing[0].height(y, x))
            parted += side * np.max([fracture.half_opening(y, x, t) for fracture in sharing], axis=0)
        return parted

    def met(self, number: int, t: int) -> Bools:
        """Which nodes of the front of a fracture lie behind the front of the one it shares its plane with, in scan `t`."""
        points, _ = self.each[number].sites(t)
        met = np.zeros(len(points), np.bool_)
        for mate in self.each[number ^ 1 : (number ^ 1) + 1]:
            met |= mate.behind(points[:, 1], points[:, 2], t) > 0
        return met
