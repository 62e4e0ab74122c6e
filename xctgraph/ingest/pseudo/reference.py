"""What neighbouring slices of a scan share: where air is, and how bright the material is from place to place.

A fracture that lies in a slice is as dark as air and as large as the background: one slice alone cannot tell. The median of
slices above and below it can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from xctgraph.ingest.pseudo import blocks
from xctgraph.ingest.pseudo.blocks import Mask, Plane
from xctgraph.ingest.segmentation.material import material_of
from xctgraph.ingest.volumes import Volume
from xctgraph.store.errors import VolumeError

LOOKED_AT = 9
SECTION = 96  # slices that share a reference
_APART = 5.0  # distance of the two classes over their standard deviation, from which the darker one is air
_LEAST = 0.005
_GATE = 4.0


@dataclass(frozen=True, eq=False)
class Reference:
    """What slices share.

    Attributes
    ----------
    air : ndarray of bool, shape (y, x), or None
        Pixels that are air in most slices; None where there is none.
    border : float
        Grey value between air and material.
    coefficients : ndarray
        Of the brightness of the material, as `blocks.polynomial` takes them.
    gate : float
        How far from it blocks of material are found at most, in grey values.
    """

    air: Mask | None
    border: float
    coefficients: NDArray[np.float64]
    gate: float


def make(planes: Sequence[NDArray[Any]], *, materials: Sequence[Mask] | None = None, air: bool = True) -> Reference:
    """Compare slices.

    Air is what Otsu's threshold (IEEE Trans. Syst. Man Cybern. 9 (1979) 62) parts from the rest of the median slice, if the two
    classes are five standard deviations apart, and it touches the border.

    Parameters
    ----------
    planes
        Slices (y, x) of one scan.
    materials
        Sample mask of each; air is not sought then.
    air
        Whether air is sought.
    """
    shape = planes[0].shape
    smooth = [ndimage.gaussian_filter(plane.astype(np.float32), 1.0) for plane in planes]
    middle: Plane = np.median(np.stack(smooth), axis=0).astype(np.float32)
    empty: Mask | None = None
    border = -np.inf
    if materials is None and air:
        empty, border = _air(middle)
    if materials is None:
        known = np.ones(blocks.means(np.ones(shape, np.bool_)).shape, np.bool_) if empty is None else blocks.means(empty) == 0
        inside = [known] * len(planes)
    else:
        inside = [blocks.means(material) == 1 for material in materials]
    coarse = np.stack([blocks.medians(plane) for plane in smooth])
    hidden = np.where(np.stack(inside), coarse, np.nan)
    known = np.asarray(np.isfinite(hidden).any(axis=0))
    if not known.any():
        return Reference(empty, border, np.zeros((blocks.DEGREE + 1,) * 2), np.inf)
    level = np.zeros(known.shape)
    level[known] = np.nanmedian(hidden[:, known], axis=0)
    offset = float(np.median(level[known]))
    coefficients = blocks.fit(level - offset, known)
    coefficients[0, 0] += offset
    difference = hidden - blocks.polynomial(coefficients, (known.shape[0], known.shape[1]))
    return Reference(empty, border, coefficients, _GATE * blocks.spread(difference[np.isfinite(difference)]))


def read(volume: Volume, section: int, mask: Volume | None = None, *, air: bool = True) -> Reference:
    """Compare nine evenly spaced slices of a section: slices `section` * `SECTION` on; a short last one reaches back.

    Raises
    ------
    VolumeError
        If a slice cannot be read, or a voxel of the material is not finite.
    """
    n_z = volume.shape[0]
    first = max(0, min(section * SECTION, n_z - SECTION))
    last = min(n_z, first + SECTION)
    chosen = sorted({first + (2 * k + 1) * (last - first) // (2 * LOOKED_AT) for k in range(LOOKED_AT)})
    materials = None if mask is None else [material_of(mask.read(k, k + 1), k)[0] for k in chosen]
    planes = [volume.read(k, k + 1)[0] for k in chosen]
    for i, k in enumerate(chosen):
        planes[i] = finite(planes[i], f"slice {k} of {volume.path}", None if materials is None else materials[i])
    return make(planes, materials=materials, air=air)


def finite(plane: NDArray[Any], name: str, material: Mask | None) -> NDArray[Any]:
    """The slice, with 0 where it is not finite outside of the material.

    Raises
    ------
    VolumeError
        If a pixel of the material is not finite.
    """
    if plane.dtype.kind == "f" and material is not None:
        plane = np.where(material | np.isfinite(plane), plane, plane.dtype.type(0))
    if plane.dtype.kind == "f" and not (known := np.isfinite(plane)).all():
        y, x = (int(at) for at in np.unravel_index(int(known.argmin()), plane.shape))
        raise VolumeError(
            f"{name} has the value {plane[y, x]} at y = {y}, x = {x}: grey values must be finite. Write a number there, or leave "
            "such pixels out by a sample mask (`mask` of the scan)"
        )
    return plane


def _air(middle: Plane) -> tuple[Mask | None, float]:
    if middle.min() == middle.max():
        return None, -np.inf
    border = float(threshold_otsu(middle))
    dark = middle <= border
    apart = float(middle[~dark].mean() - middle[dark].mean())
    within = float(np.sqrt((middle[~dark].var() + middle[dark].var()) / 2))
    parts, _ = ndimage.label(dark)
    outer = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    air = np.isin(parts, outer[outer > 0])
    if apart < _APART * within or air.mean() < _LEAST:
        return None, -np.inf
    return air, border
