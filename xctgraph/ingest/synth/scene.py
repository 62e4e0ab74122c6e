"""A whole sample through time: the defects, the fracture that grows among them, and the motion of the material."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from xctgraph.ingest.synth import fates
from xctgraph.ingest.synth.defects import NEVER, Defects, draw, inside
from xctgraph.ingest.synth.displacement import Displacement
from xctgraph.ingest.synth.fracture import LARGEST_HALF_OPENING, Fracture
from xctgraph.ingest.synth.spec import SynthSpec

CALM = 10.0

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Scene:
    """What `render` paints and `truth` writes down.

    Attributes
    ----------
    fracture : Fracture or None
        Grown to the last scan.
    density : list of (m,) arrays
        Volume fraction of defects ahead of each node of the front, by scan.
    swallowed : (n,) array
        First scan in which the fracture reaches the defect; it is part of the fracture from then on.
    """

    spec: SynthSpec
    displacement: Displacement
    defects: Defects
    fracture: Fracture | None
    density: list[Array]
    swallowed: Ints

    @property
    def fracture_id(self) -> int:
        """Id of the fracture: one past those of the defects."""
        return len(self.defects) + 1

    def present(self, t: int) -> NDArray[np.bool_]:
        """Which defects exist in scan `t` and have not been swallowed."""
        return self.defects.alive(t) & (self.swallowed > t)

    def position(self, t: int) -> Array:
        """Centres (n, 3) of the defects in scan `t`, voxels."""
        return self.displacement.forward(self.defects.position(t), t)


def build(spec: SynthSpec) -> Scene:
    """Draw the sample of `spec` and grow its fracture."""
    displacement = Displacement.draw(spec)
    fracture = Fracture.draw(spec) if spec.fracture else None

    def in_notch(centre: Array, radius: Array) -> NDArray[np.bool_]:
        return _near_notch(fracture, centre, radius)

    placed, bound = draw(spec, displacement.reach() + 8, in_notch)
    # What happens at the fracture is its doing: nobody could tell a death there from being swallowed.
    calm = inside(placed.centre, spec.shape, np.minimum(displacement.reach() + 12, np.asarray(spec.shape) / 4))
    if fracture is not None:
        calm &= np.abs(placed.centre[:, 0] - fracture.height(placed.centre[:, 1], placed.centre[:, 2])) > 2 * bound + CALM
    defects = fates.decide(spec, placed, bound, calm)
    swallowed = np.full(len(defects), NEVER)
    density: list[Array] = []
    if fracture is not None:
        for t in range(spec.steps):
            _swallow(fracture, defects, t, swallowed)
            density.append(ahead(spec, fracture, defects, defects.alive(t) & (swallowed > t), t))
            if t + 1 < spec.steps:
                fracture.grow(_score(spec, fracture, density[t], t), spec.attraction)
    return Scene(spec, displacement, defects, fracture, density, swallowed)


def ahead(spec: SynthSpec, fracture: Fracture, defects: Defects, counted: NDArray[np.bool_], t: int) -> Array:
    """Volume fraction of the counted defects in the half-ball ahead of each node of the front in scan `t`.

    A defect counts whole where its centre is. Only the part of the half-ball inside the volume is divided by; NaN where that is
    less than a quarter. Distances are in µm, in the frame of the first scan.
    """
    points, normals = fracture.sites(t)[0], fracture.outward(t, spec.spacing)
    spacing = np.asarray(spec.spacing)
    radius = spec.attraction_radius_um
    centre = defects.position(t)[counted] * spacing
    volume = defects.volume(t)[counted] * spacing.prod()
    found: Array = np.zeros(len(points))
    if len(centre):
        near = cKDTree(points * spacing).sparse_distance_matrix(cKDTree(centre), radius, output_type="ndarray")
        to_defect = centre[near["j"]] - points[near["i"]] * spacing
        forward = (to_defect * normals[near["i"]]).sum(axis=1) > 0
        found += np.bincount(near["i"][forward], volume[near["j"][forward]], len(points))
    lattice = np.stack(np.meshgrid(*[np.linspace(-1, 1, 17)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    lattice = lattice[(lattice**2).sum(axis=1) <= 1]
    in_half = lattice @ normals.T > 0
    in_volume = inside(points[None] + lattice[:, None] * radius / spacing, spec.shape)
    share = (in_half & in_volume).sum(axis=0) / np.maximum(in_half.sum(axis=0), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction: Array = np.where(share >= 0.25, found / (share * 2 / 3 * np.pi * radius**3), np.nan)
    return fraction


def _score(spec: SynthSpec, fracture: Fracture, density: Array, t: int) -> Array:
    seen = inside(fracture.sites(t)[0], spec.shape) & np.isfinite(density)
    spread = density[seen].std() if seen.any() else 0.0
    if not spread > 0:
        return np.zeros_like(density)
    return np.where(seen, (density - density[seen].mean()) / spread, 0.0)


def _swallow(fracture: Fracture, defects: Defects, t: int, swallowed: Ints) -> None:
    """Mark the defects that the fracture reaches in scan `t`."""
    centre, reach = defects.position(t), defects.size(t).max(axis=1)
    from_sheet = np.abs(centre[:, 0] - fracture.height(centre[:, 1], centre[:, 2]))
    close = np.flatnonzero(defects.alive(t) & (swallowed > t) & (from_sheet < 1.5 * reach + LARGEST_HALF_OPENING))
    # Less than half a voxel deep they may not meet on the grid.
    hit = fracture.contains(defects.samples(close, t), t, -0.5).any(axis=1)
    swallowed[close[hit]] = t


def _near_notch(fracture: Fracture | None, centre: Array, radius: Array) -> NDArray[np.bool_]:
    if fracture is None:
        return np.zeros(len(centre), np.bool_)
    margin = radius + LARGEST_HALF_OPENING
    y, x = centre[:, 1], centre[:, 2]
    return (fracture.behind(y, x, 0) > -margin) & (np.abs(centre[:, 0] - fracture.height(y, x)) < margin)
