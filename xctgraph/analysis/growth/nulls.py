"""Null models in which the fronts stay as they are and the defects are others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xctgraph.analysis.density.thomas import fit_thomas
from xctgraph.analysis.density.window import Window
from xctgraph.analysis.growth.ahead import Defects, defect_volume, material_volume
from xctgraph.analysis.growth.primary import Prepared
from xctgraph.analysis.growth.score import percentiles, savage
from xctgraph.analysis.growth.sites import Floats, Sites

SHIFTED = (
    "Advance shifted along its own front, all scans of a fracture together, after its trend with the place on the front is taken "
    "out: assumes that along a front, but for that trend, advance and density are each alike everywhere."
)
REDRAWN = (
    "Defects drawn anew from a cluster process with a smooth trend, fitted to them: assumes that they are clustered as a Thomas "
    "process and have volumes independent of their places."
)
TOROIDAL = (
    "All defects shifted together along the front, what leaves the sample's box at one end entering at the other: assumes that "
    "their pattern is alike all along the front, but for the trend that is taken out."
)


@dataclass(frozen=True)
class Null:
    """A null model: its name, its sentence, the two-sided p-value, the number of draws."""

    name: str
    sentence: str
    p: float
    n: int


@dataclass(frozen=True)
class Material:
    """What lies around the fronts, in the frame of the sites: defects, and the window they were seen in."""

    defects: Defects
    window: Window

    def ahead(self, sites: Sites, radius: float) -> Floats:
        """Volume fraction of defects ahead (n,), each defect a sphere of its volume."""
        volume = material_volume(sites.position, sites.direction, radius, self.window)
        return defect_volume(sites.position, sites.direction, self.defects, radius) / volume


class Draws:
    """The score of other defects ahead of the same fronts; defects are counted as spheres of their volumes, the true ones too."""

    def __init__(self, ready: Prepared, material: Material, radius: float) -> None:
        self.ready, self.material, self.radius = ready, material, radius
        scaled = ready.design * ready.null.weight[:, None]
        self._solve = np.linalg.pinv(ready.design.T @ scaled, hermitian=True) @ scaled.T
        self._volume = material_volume(ready.sites.position, ready.sites.direction, radius, material.window)

    def corners(self) -> tuple[Floats, Floats]:
        """Lowest and highest corner of the box in which a defect may reach into the half-ball of a site."""
        position, reach = self.ready.sites.position, self.radius + float(self.material.defects.radius.max())
        return position.min(axis=0) - reach, position.max(axis=0) + reach

    def total(self, defects: Defects) -> float:
        """Sum of ranked density without trend times residual."""
        sites, design = self.ready.sites, self.ready.design
        volume = defect_volume(sites.position, sites.direction, defects, self.radius)
        rank = savage(percentiles(volume / self._volume, sites.front))
        return float((rank - design @ (self._solve @ rank)) @ self.ready.null.residual)

    def p(self, another: Callable[[], Defects], n: int) -> float:
        """Share of draws whose score is at least as far from zero as that of the true defects, those included."""
        observed = abs(self.total(self.material.defects))
        drawn = np.array([abs(self.total(another())) for _ in range(n)])
        return float((1 + (drawn >= observed - 1e-12).sum()) / (n + 1))


def redrawn(draws: Draws, seed: int, n: int = 199) -> Null:
    """Compare with defects drawn from a fitted Thomas process.

    Raises
    ------
    InputError
        If there are too few defects to fit it.
    """
    rng = np.random.default_rng([seed, 1])
    defects = draws.material.defects
    process = fit_thomas(defects.points, draws.material.window, rng)
    around = draws.corners()

    def another() -> Defects:
        points = process.draw(rng, *around)
        return Defects(points, rng.choice(defects.volume, len(points)))

    return Null("defects redrawn", REDRAWN, draws.p(another, n), n)


def toroidal(draws: Draws, seed: int, n: int = 199) -> Null:
    """Compare with defects shifted along the axis of the box nearest to the direction of the fronts."""
    rng = np.random.default_rng([seed, 2])
    window, defects = draws.material.window, draws.material.defects
    axis = int(np.abs(draws.ready.along.axes).mean(axis=0).argmax())
    low, size = window.origin[axis], (window.high - window.origin)[axis]
    start, stop = (np.delete(corner, axis) for corner in draws.corners())
    across = np.delete(defects.points, axis, axis=1)
    near = ((across >= start) & (across <= stop)).all(axis=1)

    def another() -> Defects:
        points = defects.points[near]
        points[:, axis] = low + (points[:, axis] - low + rng.random() * size) % size
        return Defects(points, defects.volume[near])

    return Null("defects shifted", TOROIDAL, draws.p(another, n), n)
