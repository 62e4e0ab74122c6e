"""One pass over the voxels of a slab."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xctgraph.store.jit import njit

NO_VOXEL = -1


def flat_mask(material: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """The mask as the kernels take it: flat, empty for none."""
    return np.empty(0, np.bool_) if material is None else np.ascontiguousarray(material).reshape(-1)


@njit
def classify_integers(
    grey: NDArray[Any],
    material: NDArray[np.bool_],
    dark: int,
    bright: int,
    padded: bool,
    padding: int,
    dark_class: int,
    bright_class: int,
    out: NDArray[np.uint8],
) -> None:
    """Write `bright_class` where grey >= `bright`, `dark_class` where grey <= `dark`, 0 elsewhere.

    0 also outside of `material` (unless it is empty) and, if `padded`, where grey is `padding`.

    Voxels of a class without a threshold are avoided by giving it class 0.
    """
    everything = material.size == 0
    for i in range(grey.size):
        value = np.int64(grey[i])
        code = bright_class if value >= bright else dark_class if value <= dark else 0
        out[i] = code if not (padded and value == padding) and (everything or material[i]) else 0


@njit
def classify_floats(
    grey: NDArray[Any],
    material: NDArray[np.bool_],
    dark: float,
    bright: float,
    padding: float,
    dark_class: int,
    bright_class: int,
    out: NDArray[np.uint8],
) -> int:
    """Like `classify_integers` with grey > `bright` and < `dark`; returns the first voxel that is not finite, or -1.

    Outside of `material` values need not be finite. `padding` is NaN where there is none.
    """
    everything = material.size == 0
    faults = 0
    for i in range(grey.size):
        value = np.float64(grey[i])
        code = bright_class if value > bright else dark_class if value < dark else 0
        inside = everything or material[i]
        out[i] = code if value != padding and inside else 0
        faults += inside and not np.isfinite(value)
    if faults:
        for i in range(grey.size):
            if (everything or material[i]) and not np.isfinite(grey[i]):
                return i
    return NO_VOXEL


@njit
def look_up(values: NDArray[Any], material: NDArray[np.bool_], codes: NDArray[np.uint8], out: NDArray[np.uint8]) -> int:
    """Write `codes[value]`, 0 outside of `material`; returns the first voxel whose value has no code (255), or -1."""
    everything = material.size == 0
    for i in range(values.size):
        value = np.int64(values[i]) if everything or material[i] else 0
        code = codes[value] if 0 <= value < codes.size else 255
        if code == 255:
            return i
        out[i] = code
    return NO_VOXEL


@njit
def count_integers(grey: NDArray[Any], material: NDArray[np.bool_], lowest: int, counts: NDArray[np.int64]) -> None:
    """Add voxels of `material` (all where it is empty) to `counts`, bin 0 for `lowest`."""
    everything = material.size == 0
    for i in range(grey.size):
        if everything or material[i]:
            counts[np.int64(grey[i]) - lowest] += 1


@njit
def count_floats(grey: NDArray[Any], material: NDArray[np.bool_], lowest: float, width: float, counts: NDArray[np.int64]) -> None:
    """Add voxels of `material` to bins of `width` from `lowest` on; those beyond the ends go into the end bins."""
    everything = material.size == 0
    last = counts.size - 1
    for i in range(grey.size):
        if everything or material[i]:
            position = (np.float64(grey[i]) - lowest) / width
            counts[0 if position < 0 else last if position > last else np.int64(position)] += 1


@njit
def extremes(grey: NDArray[Any], material: NDArray[np.bool_]) -> tuple[float, float, int]:
    """Smallest and largest value within `material`, and the first voxel that is not finite, or -1."""
    everything = material.size == 0
    low = np.inf
    high = -np.inf
    for i in range(grey.size):
        if everything or material[i]:
            value = np.float64(grey[i])
            if not np.isfinite(value):
                return low, high, i
            low = min(low, value)
            high = max(high, value)
    return low, high, NO_VOXEL
