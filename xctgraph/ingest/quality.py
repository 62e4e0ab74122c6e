"""Quality of a scan, measured on slices that pass by: noise, contrast, rings, blur, and what follows for sizes.

- **noise**: standard deviation of the grey values in squares of 8 × 8 voxels of nothing but material, two voxels away from
  every feature of at least 3 × 3 voxels, without the rings: the root of the median of the squares' variances. Trends over the
  volume (cupping) don't count, and neither do squares that hold something unseen. (As a region of interest in ASTM E1441, but
  many and small.)
- **SNR**: mean grey value of the material over the noise.
- **contrast** (contrast-to-noise ratio): difference of the mean grey values of material and features, these two voxels inside
  their surface in the slice where they are large enough, over the noise; of several classes the smallest. Features too small
  to have an inside count whole, and blur takes from their contrast: about a fifth at 80 voxels.
- **rings**: in each slice the mean of the material on every circle about the rotation axis, less its course smoothed over 31
  voxels; the standard deviation of that along the radius, less what noise gives, over the noise. The median over the slices.
- **blur**: from the mean difference of neighbouring voxels on either side of a feature's surface (`reliability.blur_of_step`).
  Below `LEAST_CONTRAST` it is not told well enough, and no reliable size is given.

A scan is suspect where the contrast is below `LEAST_CONTRAST` (Rose's criterion: below 5, what is seen is not surely there),
rings exceed the noise, or there is no homogeneous material to measure noise in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.signal import savgol_filter

from xctgraph.ingest import reliability
from xctgraph.ingest.labelling import Slab

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

SLICES = 8
LEAST_SLICES, SHARE = 3, 100
SQUARE = 8
CLEARANCE = 2
SMOOTHED = 31
LEAST_SQUARES = 20
LEAST_VOXELS = 30
LEAST_ON_CIRCLE = 16
LEAST_CONTRAST = 5.0
MOST_RINGS = 1.0


@dataclass(frozen=True)
class Quality:
    """Quality of one scan; `blur` and `reliable_diameter` are in voxels, None is what could not be measured.

    Without grey values nothing is measured, and `suspect` is None.
    """

    snr: float | None = None
    contrast: float | None = None
    ring_strength: float | None = None
    blur: float | None = None
    reliable_diameter: float | None = None
    suspect: bool | None = None
    suspect_reason: str | None = None


@dataclass
class QualityMeter:
    """Looks at some evenly spaced slices of the slabs that pass, and says at the end what they amount to.

    At most about `SLICES`, and of small volumes one in `SHARE` but at least `LEAST_SLICES`: that costs little beside the rest.

    Parameters
    ----------
    n_z
        Slices of the scan.
    axis
        (y, x) of the rotation axis, voxels; None for the centre of the slices.
    """

    n_z: int
    axis: tuple[float, float] | None = None
    _variances: list[NDArray[np.float64]] = field(default_factory=list)
    _material: list[tuple[int, float]] = field(default_factory=list)
    _rings: list[tuple[float, float]] = field(default_factory=list)
    _inside: dict[tuple[int, bool], list[float]] = field(default_factory=dict)
    _steps: dict[int, list[float]] = field(default_factory=dict)

    def look(self, slab: Slab) -> None:
        """Take in a slab."""
        if slab.grey is None:
            return
        step = max(1, self.n_z // min(SLICES, max(LEAST_SLICES, self.n_z // SHARE)))
        for k in range((step // 2 - slab.z0) % step, len(slab.grey), step):
            material = None if slab.material is None else slab.material[k]
            if slab.levels is not None:
                code = slab.levels.classify(slab.grey[k])
                code = code if material is None else np.where(material, code, np.uint8(0))
            elif slab.classes is not None:
                code = slab.classes[k]
            else:
                code = (slab.values[k] > 0).astype(np.uint8)
            self._look_at(np.asarray(slab.grey[k], np.float32), code, material)

    def add(self, later: QualityMeter) -> None:
        """Take in what was seen in the slabs that follow."""
        self._variances += later._variances
        self._material += later._material
        self._rings += later._rings
        for key, values in later._inside.items():
            self._inside.setdefault(key, []).extend(values)
        for code, steps in later._steps.items():
            self._steps.setdefault(code, []).extend(steps)

    def result(self) -> Quality:
        """Quality of what was seen."""
        if not self._material:
            return Quality()
        variances = np.concatenate(self._variances) if self._variances else np.empty(0)
        if len(variances) < LEAST_SQUARES or not (noise := _robust_deviation(variances)) > 0:
            reason = (
                f"noise cannot be measured: fewer than {LEAST_SQUARES} squares of {SQUARE} x {SQUARE} voxels of material vary"
            )
            return Quality(suspect=True, suspect_reason=reason)
        count, total = np.sum(self._material, axis=0)
        mean = total / count
        contrasts = self._contrasts(mean)
        contrast = float(min(contrasts.values()) / noise) if contrasts else None
        rings = (
            float(np.sqrt(max(0.0, np.median([var - noise**2 * floor for var, floor in self._rings])))) if self._rings else None
        )
        blur = self._blur(contrasts, noise)
        diameter = None
        if contrast is not None and contrast >= LEAST_CONTRAST and blur is not None:
            diameter = reliability.reliable_diameter(blur, 1 / contrast)
        strength = None if rings is None else rings / noise
        reasons = []
        if contrast is not None and contrast < LEAST_CONTRAST:
            reasons.append(f"contrast {contrast:.2g} is below {LEAST_CONTRAST:g} times the noise")
        if strength is not None and strength > MOST_RINGS:
            reasons.append(f"rings of {strength:.2g} times the noise")
        return Quality(float(mean / noise), contrast, strength, blur, diameter, bool(reasons), "; ".join(reasons) or None)

    def _look_at(self, grey: Plane, code: NDArray[np.integer], material: Mask | None) -> None:
        feature = code > 0
        # Specks of noise are material.
        plain = ~_grown(_opened(feature), CLEARANCE)
        if material is not None:
            plain &= ~_grown(~material, CLEARANCE)
        n_plain = int(np.count_nonzero(plain))
        if n_plain:
            self._material.append((n_plain, float(grey[plain].sum(dtype=np.float64))))
        grey = grey - self._look_at_rings(grey, plain)
        self._variances.append(_square_variances(grey, plain))
        if feature.any():
            self._look_at_features(grey, code, feature)

    def _look_at_rings(self, grey: Plane, plain: Mask) -> Plane:
        """Note the rings of a slice; returns them as a plane."""
        n_y, n_x = grey.shape
        radius = _radius_from(self.axis or ((n_y - 1) / 2, (n_x - 1) / 2), n_y, n_x)
        flat = radius[plain]
        size = int(radius.max()) + 1
        count = np.bincount(flat, minlength=size)
        profile = np.bincount(flat, grey[plain], size) / np.maximum(count, 1)
        rings = np.zeros(size, np.float32)
        for start, stop in _stretches(count >= LEAST_ON_CIRCLE):
            if stop - start >= 2 * SMOOTHED:
                part = slice(start, stop)
                rings[part] = profile[part] - savgol_filter(profile[part], SMOOTHED, 2)
                n = count[part].astype(float)
                # The smoothing takes its share of what differs from circle to circle with it, rings as well as noise.
                variance = float((n * rings[part].astype(float) ** 2).sum() / n.sum()) / (1 - _CENTRAL_WEIGHT)
                self._rings.append((variance, len(n) / n.sum()))
        ring_plane: Plane = rings[radius]
        return ring_plane

    def _look_at_features(self, grey: Plane, code: NDArray[np.integer], feature: Mask) -> None:
        deep = ~_grown(~feature, CLEARANCE)
        for value in np.unique(code[feature]).tolist():
            # Specks of noise would pass for the sharpest of surfaces.
            of_class = _opened(code == value)
            for core in (True, False):
                chosen = of_class & deep if core else of_class
                self._inside.setdefault((value, core), []).extend(grey[chosen].tolist())
            for axis in (0, 1):
                here, there = (np.moveaxis(a, axis, 0) for a in (of_class, ~feature))
                values = np.moveaxis(grey, axis, 0)
                for low, high in ((slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))):
                    crossed = here[low] & there[high]
                    self._steps.setdefault(value, []).extend((values[low][crossed] - values[high][crossed]).tolist())

    def _contrasts(self, mean: float) -> dict[int, float]:
        """Difference of grey values by class."""
        found = {}
        for value in {value for value, _ in self._inside}:
            core, whole = self._inside[value, True], self._inside[value, False]
            chosen = core if len(core) >= LEAST_VOXELS else whole
            if len(chosen) >= LEAST_VOXELS:
                found[value] = abs(float(np.mean(chosen)) - mean)
        return found

    def _blur(self, contrasts: dict[int, float], noise: float) -> float | None:
        shares = [np.abs(np.mean(self._steps[value])) / contrast for value, contrast in contrasts.items() if contrast > 0]
        sizes = [len(self._steps[value]) for value, contrast in contrasts.items() if contrast > 0]
        if sum(sizes) < LEAST_VOXELS:
            return None
        share = float(np.average(shares, weights=sizes))
        return reliability.blur_of_step(share, noise / min(contrasts.values()))


@lru_cache(maxsize=1)
def _radius_from(axis: tuple[float, float], n_y: int, n_x: int) -> NDArray[np.int32]:
    """Distance of each voxel of a slice from the rotation axis, rounded."""
    y, x = np.ogrid[:n_y, :n_x]
    radius: NDArray[np.int32] = np.rint(np.sqrt(np.square(y - axis[0]) + np.square(x - axis[1]), dtype=np.float32)).astype(
        np.int32
    )
    return radius


def _grown(mask: Mask, by: int) -> Mask:
    """The mask, grown by a square; nothing grows in from beyond the slice."""
    grown = mask.view(np.uint8)
    for axis in (0, 1):
        grown = ndimage.maximum_filter1d(grown, 2 * by + 1, axis, mode="constant", cval=0)
    return grown.astype(np.bool_)


def _opened(mask: Mask) -> Mask:
    return _grown(~_grown(~mask, 1), 1)


def _square_variances(grey: Plane, plain: Mask) -> NDArray[np.float64]:
    """Variances within the squares of nothing but material."""
    rows, columns = (n // SQUARE for n in grey.shape)
    if not rows or not columns:
        return np.empty(0)

    def squares(plane: NDArray[np.generic]) -> NDArray[np.generic]:
        cut = plane[: rows * SQUARE, : columns * SQUARE].reshape(rows, SQUARE, columns, SQUARE)
        return cut.transpose(0, 2, 1, 3).reshape(rows * columns, SQUARE * SQUARE)

    whole = squares(plain).all(axis=1)
    variances: NDArray[np.float64] = np.var(squares(grey)[whole].astype(np.float64), axis=1, ddof=1)
    return variances


def _robust_deviation(variances: NDArray[np.float64]) -> float:
    # The median of a variance over n - 1 degrees of freedom lies below its mean (Wilson and Hilferty).
    freedom = SQUARE * SQUARE - 1
    return float(np.sqrt(np.median(variances) / (1 - 2 / (9 * freedom)) ** 3))


def _stretches(mask: Mask) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


_CENTRAL_WEIGHT = float(savgol_filter((np.arange(SMOOTHED) == SMOOTHED // 2).astype(float), SMOOTHED, 2)[SMOOTHED // 2])
