"""The parameters of a synthetic sample, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np

from xctgraph.store.errors import InputError, nearest

VISIBLE_VOXELS = 8
SMALLEST_DEFECT = 24.0


@dataclass(frozen=True)
class SynthSpec:
    """What `generate` makes. Lengths are in voxels where the name does not say µm.

    Attributes
    ----------
    shape : tuple of int
        (z, y, x) of each scan. The load is along z, the notch on the face x = 0.
    steps : int
        Number of scans.
    features : int
        Inclusions and pores whose centres lie inside the first scan. Births, pores attached to inclusions, second lobes of
        splitting and merging defects and defects that drift in through a face come on top.
    attraction : float
        Log of the factor by which the fracture advances faster per standard deviation of the defect density ahead of it;
        0 makes the advance independent of density.
    seed : int
        All randomness comes from it; the same parameters give the same bytes.
    voxel_size_um : float or tuple of float
        Edge length of a voxel, one number or (z, y, x).
    format : {"h5", "tiff", "zarr"}
        One NXtomoproc file per scan, a folder of slices per scan, or an OME-Zarr 0.5 group per scan.
    dtype : {"uint16", "uint8"}
        Type of the grey values.
    strain : float
        Engineering strain along z at the last scan; across it contracts by `poisson` of that.
    drift_voxels : float
        Length of the rigid shift between two scans, in a random direction each time.
    field_voxels : float
        Largest component of the smooth displacement gained between two scans.
    blur : float
        Standard deviation of the Gaussian that stands for partial volume and the detector.
    noise : float
        Standard deviation of the Gaussian noise over the contrast of inclusion and matrix.
    rings : float
        Standard deviation of the rings about the centre of the slices over the contrast of inclusion and matrix; each is one
        voxel wide and 8 slices high, and another in each scan.
    beam_hardening : float
        Cupping: by how much the grey value at the axis lies below that at the rim, over the contrast of matrix and pore; it
        falls with the square of the distance from the rim.
    contrast_drift : float
        Relative change of all contrasts from the first scan to the last, in equal steps.
    air_voxels : float
        Depth of the air in front of the face of the sample in the first scan, along x; the face moves with the material. 0: the
        sample fills the volume. With air, each scan gets a sample mask.
    jump : float
        Share of the fracture's opening by which the material on its two sides moves apart along z: at 1 the opening takes no
        material with it, at 0 the displacement has no jump across the fracture.
    births, deaths, splits, merges : float
        Share of `features` that appears, vanishes, splits or merges somewhere in the series.
    attached : float
        Share of `features` that gets a pore at a pole, as from debonding; touches it from a random scan on.
    pore_share : float
        Share of pores among the features.
    pore_growth : float
        Mean relative growth of a pore's volume between two scans.
    median_voxels, size_spread : float
        Median and standard deviation of the logarithm of the lognormal volume.
    clustering : float
        Share of features that lie in clusters; the rest is uniform.
    cluster_size, cluster_radius : float
        Mean number of members of a cluster, and standard deviation of their distance from its centre along each axis.
    fractures : int
        Fractures: the first two grow towards each other in one plane, from notches on the faces x = 0 and across, and merge if
        their fronts meet; so do the next two in a plane of their own, and so on, the planes evenly spread along z.
    branches : int
        Sheets that leave the mid-surface of each fracture on the way and rise or fall from it, growing with its front.
    fracture_start, fracture_end : float
        Mean radius of a fracture in the first and last scan over the largest that fits (half of y, or x).
    attraction_radius_um : float
        Radius of the half-ball ahead of the front in which the density counts.
    sample : str
        Name of the sample.
    compression : str or None
        "gzip", "lzf" or none, for HDF5.
    """

    shape: tuple[int, int, int] = (160, 256, 256)
    steps: int = 5
    features: int = 600
    attraction: float = 2.0
    seed: int = 0
    voxel_size_um: float | tuple[float, float, float] = 1.63
    format: Literal["h5", "tiff", "zarr"] = "h5"
    dtype: Literal["uint16", "uint8"] = "uint16"
    strain: float = 0.03
    poisson: float = 0.35
    drift_voxels: float = 2.0
    field_voxels: float = 0.8
    blur: float = 0.6
    noise: float = 0.125
    rings: float = 0.0
    beam_hardening: float = 0.0
    contrast_drift: float = 0.0
    air_voxels: float = 0.0
    jump: float = 0.0
    births: float = 0.02
    deaths: float = 0.02
    splits: float = 0.015
    merges: float = 0.015
    attached: float = 0.02
    pore_share: float = 0.2
    pore_growth: float = 0.05
    median_voxels: float = 80.0
    size_spread: float = 0.5
    clustering: float = 0.7
    cluster_size: float = 10.0
    cluster_radius: float = 16.0
    fractures: int = 1
    branches: int = 0
    fracture_start: float = 0.3
    fracture_end: float = 0.8
    attraction_radius_um: float = 25.0
    sample: str = "SYNTH"
    compression: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be made, naming what can."""
        object.__setattr__(self, "shape", tuple(self.shape))
        if len(self.shape) != 3 or any(int(n) != n or n < 24 for n in self.shape):
            raise InputError(f"shape = {self.shape!r}: give three whole numbers (z, y, x), each at least 24")
        for name, smallest, largest in _RANGES:
            value = getattr(self, name)
            if not (math.isfinite(value) and smallest <= value <= largest):
                raise InputError(f"{name} = {value!r} is out of range: valid is {smallest:g} to {largest:g}")
        for name in ("steps", "features", "seed", "fractures", "branches"):
            if int(getattr(self, name)) != getattr(self, name):
                raise InputError(f"{name} = {getattr(self, name)!r} is not a whole number")
        for name, choices in _CHOICES:
            if getattr(self, name) not in choices:
                raise InputError(f"{name} = {getattr(self, name)!r}. {nearest(str(getattr(self, name)), map(str, choices))}")
        if any(not (math.isfinite(d) and d > 0) for d in self.spacing):
            raise InputError(f"voxel_size_um = {self.voxel_size_um!r}: give one positive number, or three (z, y, x)")
        fates = self.births + self.deaths + self.splits + self.merges + self.attached
        if fates > 1:
            raise InputError(
                f"births, deaths, splits, merges and attached are shares of the features and add up to {fates:g}: "
                f"lower them to 1 or less together"
            )
        if self.fracture_end < self.fracture_start:
            raise InputError(
                f"fracture_end = {self.fracture_end:g} is below fracture_start = {self.fracture_start:g}: fractures do not heal"
            )
        planes = (self.fractures + 1) // 2
        if planes > 1 and self.shape[0] < _PLANE_VOXELS * planes:
            raise InputError(
                f"fractures = {self.fractures} take {planes} planes: with z = {self.shape[0]} voxels there is room for "
                f"{self.shape[0] // _PLANE_VOXELS}, of two fractures each"
            )
        if self.air_voxels > self.shape[2] / 2:
            raise InputError(
                f"air_voxels = {self.air_voxels:g} is more than half of x = {self.shape[2]}: leave room for the sample"
            )
        if not self.sample or "/" in self.sample:
            raise InputError(f"sample = {self.sample!r}: give a name without '/'")

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size (dz, dy, dx) in µm."""
        size = np.broadcast_to(np.asarray(self.voxel_size_um, float), 3) if np.size(self.voxel_size_um) in (1, 3) else [0.0] * 3
        return float(size[0]), float(size[1]), float(size[2])

    def strain_at(self, t: int) -> float:
        """Engineering strain along z in scan `t`; 0 in the first."""
        return self.strain * t / (self.steps - 1) if self.steps > 1 else 0.0

    def share(self, name: str) -> int:
        """Count of defects that the share `name` stands for: at least one where it is positive and there are steps."""
        value = float(getattr(self, name))
        return max(1, round(value * self.features)) if value > 0 and self.steps > 1 and self.features > 0 else 0

    def rng(self, *key: int) -> np.random.Generator:
        """Generator of one purpose, e.g. one slice of one scan, independent of all others and of the order of use."""
        return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(self.seed, spawn_key=key)))


def make(base: SynthSpec, changes: dict[str, object]) -> SynthSpec:
    """Return `base` with `changes`; an unknown name is an `InputError` that names the nearest."""
    known = [field.name for field in fields(SynthSpec)]
    for name in changes:
        if name not in known:
            raise InputError(f"synth has no parameter {name!r}: {nearest(name, known)}")
    return replace(base, **changes)  # type: ignore[arg-type]  # checked in __post_init__


_PLANE_VOXELS = 48
_RANGES = (
    ("steps", 1, 8192),
    ("features", 0, 10_000_000),
    ("attraction", -5, 5),
    ("seed", 0, 2**63 - 1),
    ("strain", -0.3, 0.3),
    ("poisson", 0, 0.5),
    ("drift_voxels", 0, 1000),
    ("field_voxels", 0, 100),
    ("blur", 0, 3),
    ("noise", 0, 2),
    ("rings", 0, 2),
    ("beam_hardening", 0, 1),
    ("contrast_drift", -0.9, 1),
    ("air_voxels", 0, 10_000),
    ("jump", 0, 1),
    ("fractures", 0, 16),
    ("branches", 0, 8),
    ("births", 0, 1),
    ("deaths", 0, 0.5),
    ("splits", 0, 0.25),
    ("merges", 0, 0.25),
    ("attached", 0, 0.5),
    ("pore_share", 0, 1),
    ("pore_growth", 0, 0.5),
    ("median_voxels", SMALLEST_DEFECT, 2000),
    ("size_spread", 0, 1.5),
    ("clustering", 0, 1),
    ("cluster_size", 1, 1000),
    ("cluster_radius", 1, 1000),
    ("fracture_start", 0.05, 2),
    ("fracture_end", 0.05, 2),
    ("attraction_radius_um", 1e-6, 1e6),
)
_CHOICES: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("format", ("h5", "tiff", "zarr")),
    ("dtype", ("uint8", "uint16")),
    ("compression", (None, "gzip", "lzf")),
)
