"""A whole sample through time: the defects, the fractures that grow among them, and the motion of the material."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from xctgraph.ingest.synth import fates
from xctgraph.ingest.synth.defects import NEVER, Defects, draw, inside
from xctgraph.ingest.synth.displacement import Displacement
from xctgraph.ingest.synth.fracture import LARGEST_HALF_OPENING, Fracture
from xctgraph.ingest.synth.fractures import Fractures
from xctgraph.ingest.synth.spec import SynthSpec

CALM = 10.0

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Scene:
    """What `render` paints and `truth` writes down.

    Attributes
    ----------
    fractures : Fractures
        Grown to the last scan.
    density : list of lists of (m,) arrays
        Volume fraction of defects ahead of each node of the front, by scan and fracture.
    swallowed : (n,) array
        First scan in which a fracture reaches the defect; it is part of the fracture from then on.
    swallowed_by : (n,) array
        Id of that fracture; 0 where none ever does.
    """

    spec: SynthSpec
    displacement: Displacement
    defects: Defects
    fractures: Fractures
    density: list[list[Array]]
    swallowed: Ints
    swallowed_by: Ints

    @property
    def fracture_ids(self) -> Ints:
        """Ids of the fractures: those after the defects'."""
        return len(self.defects) + 1 + np.arange(len(self.fractures))

    def present(self, t: int) -> NDArray[np.bool_]:
        """Which defects exist in scan `t` and have not been swallowed."""
        return self.defects.alive(t) & (self.swallowed > t)

    def position(self, t: int) -> Array:
        """Centres (n, 3) of the defects in scan `t`, voxels."""
        return self.forward(self.defects.position(t), t)

    def face(self, t: int) -> float:
        """Place of the sample's face along x in scan `t`, voxels: that of the material point in its middle; 0 without air."""
        if not self.spec.air_voxels:
            return 0.0
        middle = np.array([[(self.spec.shape[0] - 1) / 2, (self.spec.shape[1] - 1) / 2, self.spec.air_voxels]])
        return float(self.displacement.forward(middle, t)[0, 2])

    def forward(self, points: Array, t: int) -> Array:
        """Where material points (n, 3) of the first scan's frame lie in scan `t`, voxels, the jump at the fracture included."""
        return self.displacement.forward(points, t) + self._parted(points, t)

    def inverse(self, points: Array, t: int) -> Array:
        """Material points, in the first scan's frame, of positions (n, 3) in scan `t`; within the opening those of its sides."""
        material = self.displacement.inverse(points, t)
        for _ in range(3 if self.spec.jump and len(self.fractures) else 0):
            material = self.displacement.inverse(points - self._parted(material, t), t)
        return material

    def step(self, points: Array, t: int) -> Array:
        """Displacement from scan `t` to `t + 1` of positions (n, 3) in scan `t`, voxels."""
        return self.forward(self.inverse(points, t), t + 1) - points

    def _parted(self, material: Array, t: int) -> Array:
        """What the jump adds to the displacement of material points: half of the opening, away from the mid-surface."""
        parted = np.zeros_like(material)
        if self.spec.jump:
            parted[:, 0] = self.spec.jump * self.fractures.parted(material, t)
        return parted


def build(spec: SynthSpec) -> Scene:
    """Draw the sample of `spec` and grow its fractures."""
    displacement = Displacement.draw(spec)
    fractures = Fractures.draw(spec)
    placed, bound = draw(spec, displacement.reach() + 8, fractures.near_notches)
    # What happens at the fracture is its doing: nobody could tell a death there from being swallowed.
    calm = inside(placed.centre, spec.shape, np.minimum(displacement.reach() + 12, np.asarray(spec.shape) / 4))
    calm &= fractures.from_sheets(placed.centre) > 2 * bound + CALM
    defects = fates.decide(spec, placed, bound, calm)
    scene = Scene(spec, displacement, defects, fractures, [], np.full(len(defects), NEVER), np.zeros(len(defects), np.int64))
    for t in range(spec.steps):
        _swallow(scene, t)
        counted = scene.present(t)
        scene.density.append([ahead(spec, fracture, defects, counted, t) for fracture in fractures.each])
        if t + 1 < spec.steps:
            scores = [_score(scene, number, t) for number in range(len(fractures))]
            for fracture, score in zip(fractures.each, scores, strict=True):
                fracture.grow(score, spec.attraction)
    return scene


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


def _score(scene: Scene, number: int, t: int) -> Array:
    density = scene.density[t][number]
    points, _ = scene.fractures.each[number].sites(t)
    seen = inside(points, scene.spec.shape) & np.isfinite(density) & ~scene.fractures.met(number, t)
    spread = density[seen].std() if seen.any() else 0.0
    if not spread > 0:
        return np.zeros_like(density)
    return np.where(seen, (density - density[seen].mean()) / spread, 0.0)


def _swallow(scene: Scene, t: int) -> None:
    """Mark the defects that a fracture reaches in scan `t`; the first to do so has them."""
    defects, jump = scene.defects, scene.spec.jump
    centre, reach = defects.position(t), defects.size(t).max(axis=1)
    near = scene.fractures.from_sheets(centre) < 1.5 * reach + LARGEST_HALF_OPENING
    for fracture, id_ in zip(scene.fractures.each, scene.fracture_ids, strict=True):
        close = np.flatnonzero(scene.present(t) & near)
        # Less than half a voxel deep they may not meet on the grid.
        hit = fracture.contains(defects.samples(close, t), t, -0.5, 1 - jump).any(axis=1)
        if jump:
            # What parts makes way for the opening; what the crack runs through belongs to it.
            hit |= fracture.cuts(defects.samples(close, t), t)
        scene.swallowed[close[hit]] = t
        scene.swallowed_by[close[hit]] = id_
