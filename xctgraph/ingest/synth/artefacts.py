"""What a tomograph adds to the grey values: rings, cupping, drift of the contrast, and air in front of the sample."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from xctgraph.ingest.synth.spec import SynthSpec

Plane = NDArray[np.float32]

RING_ROWS = 8
"""Slices that share their rings, as rows of a detector that blur together."""


def gain(spec: SynthSpec, t: int) -> float:
    """Factor of all contrasts in scan `t`."""
    return 1 + spec.contrast_drift * (t / (spec.steps - 1) if spec.steps > 1 else 0.0)


def radius(spec: SynthSpec) -> NDArray[np.float64]:
    """Distance (y, x) of each voxel of a slice from the rotation axis, the centre of the slices, in voxels."""
    _, height, width = spec.shape
    y, x = np.ogrid[:height, :width]
    distance: NDArray[np.float64] = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2)
    return distance


def ring_profile(spec: SynthSpec, t: int, z: int) -> NDArray[np.float64]:
    """Amplitude over the contrast by whole radius, for the slices that share slice `z`'s rings."""
    _, height, width = spec.shape
    size = int(np.ceil(np.hypot(height, width) / 2)) + 1
    return spec.rings * spec.rng(_STAGE, t, z // RING_ROWS).standard_normal(size)


def cupping(spec: SynthSpec) -> Plane:
    """What is taken from each voxel of a slice, (y, x), over the contrast of matrix and pore."""
    rim = min(spec.shape[1:]) / 2
    depth: Plane = (spec.beam_hardening * np.maximum(0.0, 1 - (radius(spec) / rim) ** 2)).astype(np.float32)
    return depth


def air(spec: SynthSpec, face: float) -> Plane:
    """Share of air (x,) of the voxels behind the face at x = `face`, blurred as all else."""
    x = np.arange(spec.shape[2])
    if spec.blur == 0:
        return (x < face).astype(np.float32)
    # The face lies midway between the last voxel of air and the first of the sample.
    edge = np.ceil(face) - 0.5
    share: Plane = ndtr((edge - x) / spec.blur).astype(np.float32)
    return share


def add(spec: SynthSpec, t: int, z: int, face: float, plane: Plane, contrast: float, darkness: float) -> None:
    """Add to one slice, in place; `contrast` is that of inclusion and matrix, `darkness` that of matrix and pore."""
    if spec.air_voxels:
        plane -= np.float32(darkness * gain(spec, t)) * air(spec, face)
    if spec.beam_hardening:
        plane -= np.float32(darkness) * _cupping(spec)
    if spec.rings:
        plane += (contrast * ring_profile(spec, t, z)).astype(np.float32)[_whole_radius(spec)]


@lru_cache(maxsize=2)
def _cupping(spec: SynthSpec) -> Plane:
    return cupping(spec)


@lru_cache(maxsize=2)
def _whole_radius(spec: SynthSpec) -> NDArray[np.int64]:
    return np.rint(radius(spec)).astype(np.int64)


_STAGE = 6
