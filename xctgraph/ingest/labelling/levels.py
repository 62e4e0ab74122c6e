"""Grey values that are features: thresholds in the type of the volume, so that runs are found without a class volume."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xctgraph.store.errors import VolumeError

NOT_FINITE = np.uint8(255)
"""Code of a voxel that is NaN or infinite."""


class Levels(NamedTuple):
    """Class of a grey value: `bright_class` above `high`, else `dark_class` below `low`, else 0; 0 for `padding`.

    `low`, `high` and `padding` are scalars of the type of the volume, the classes are uint8.
    """

    low: np.generic
    high: np.generic
    padding: np.generic
    dark_class: np.uint8
    bright_class: np.uint8

    def classify(self, grey: NDArray[Any]) -> NDArray[np.uint8]:
        """Class of every voxel; of one that is not finite 0 or the class of a bright one."""
        none = np.uint8(0)
        code = np.where(grey > self.high, self.bright_class, np.where(grey < self.low, self.dark_class, none))
        return np.where(grey == self.padding, none, code).astype(np.uint8)


def levels(
    dtype: np.dtype[Any], bright: float, dark: float, padding: float | None, bright_class: int, dark_class: int
) -> Levels | None:
    """Thresholds for volumes of a type; None where the type cannot hold them.

    Parameters
    ----------
    dtype
        Type of the volume: integers, float32 or float64.
    bright, dark
        Values above `bright` and below `dark` are features; inf and -inf for none. `dark` < `bright`.
    padding
        Value that belongs to no class; None for none.
    """
    if dtype.kind in "iu":
        return _integer_levels(dtype, bright, dark, padding, bright_class, dark_class)
    if dtype not in (np.float32, np.float64):
        return None
    # Infinite values must not pass for matrix where there is no threshold: they are faults.
    limit = float(np.finfo(dtype).max)
    if bright < -limit or dark > limit:
        return None
    low, high = _rounded(dtype, max(dark, -limit), np.inf), _rounded(dtype, min(bright, limit), -np.inf)
    ignored = dtype.type(np.nan if padding is None else padding)
    return Levels(low, high, ignored, np.uint8(dark_class), np.uint8(bright_class))


class NotFiniteError(VolumeError):
    """A value that is NaN or infinite, at `voxel` (z, y, x) of a volume; `mask` names the mask that it is in, if any."""

    def __init__(self, value: float, voxel: tuple[int, int, int], mask: str = "") -> None:
        remedy = (
            "grey values must be finite. Replace such values (outside the reconstruction by one grey value), or leave these "
            "voxels out by a sample mask and a number in their place"
        )
        super().__init__(
            f"voxel (z, y, x) = {voxel} of {mask} is {value}: the values of a mask must be finite. Write 0 where there is nothing"
            if mask
            else f"voxel (z, y, x) = {voxel} is {value}: {remedy}"
        )
        self.value = value
        self.mask = mask
        self.voxel = voxel

    def __reduce__(self) -> tuple[type[NotFiniteError], tuple[float, tuple[int, int, int], str]]:
        # Found in a worker, it must reach the process that asked.
        return NotFiniteError, (self.value, self.voxel, self.mask)

    def moved(self, z: int, y: int, x: int) -> NotFiniteError:
        """The same in a frame whose origin lies so many voxels before this one's."""
        return NotFiniteError(self.value, (self.voxel[0] + z, self.voxel[1] + y, self.voxel[2] + x), self.mask)


def _integer_levels(
    dtype: np.dtype[Any], bright: float, dark: float, padding: float | None, bright_class: int, dark_class: int
) -> Levels | None:
    info = np.iinfo(dtype)
    high = info.max if bright >= info.max else int(np.floor(bright))
    low = info.min if dark <= info.min else int(np.ceil(dark))
    if not info.min <= low <= high <= info.max:
        return None
    # Without padding a value between the thresholds stands in for it: it has no class anyway.
    ignored = low if padding is None or not info.min <= padding <= info.max else int(padding)
    return Levels(dtype.type(low), dtype.type(high), dtype.type(ignored), np.uint8(dark_class), np.uint8(bright_class))


def _rounded(dtype: np.dtype[Any], value: float, towards: float) -> np.generic:
    """The value of the type that no other separates from `value`, on the side of `towards`."""
    near = dtype.type(value)
    wrong = float(near) < value if towards > 0 else float(near) > value
    result: np.generic = np.nextafter(near, dtype.type(towards)) if wrong else near
    return result
