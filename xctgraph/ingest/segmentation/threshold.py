"""Two thresholds: voxels brighter than one, darker than the other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.labelling.levels import Levels, NotFiniteError, levels
from xctgraph.ingest.segmentation import kernels
from xctgraph.ingest.segmentation.protocol import DARK
from xctgraph.store.errors import InputError

INT64 = np.iinfo(np.int64)


class ThresholdSegmenter:
    """Classes by thresholds; made by `threshold` and `otsu`.

    Parameters
    ----------
    bright, dark : tuple of (str, float) or None
        Class, and the grey value above or below which voxels belong to it.
    padding : float or None
        Grey value outside the reconstruction, which belongs to no class.
    description : dict
        What was found, fit for JSON.
    """

    def __init__(
        self,
        bright: tuple[str, float] | None,
        dark: tuple[str, float] | None,
        *,
        padding: float | None = None,
        description: dict[str, Any],
    ) -> None:
        found = [item for item in (bright, dark) if item is not None]
        self.classes = tuple(name for name, _ in found)
        self.description = description
        self._bright, self._bright_class = (bright[1], 1) if bright is not None else (math.inf, 0)
        self._dark, self._dark_class = (dark[1], len(found)) if dark is not None else (-math.inf, 0)
        self._padding = padding

    def levels(self, dtype: np.dtype[Any]) -> Levels | None:
        """Thresholds in volumes of a type; see `Segmenter.levels`."""
        return levels(dtype, self._bright, self._dark, self._padding, self._bright_class, self._dark_class)

    def classify(self, slab: NDArray[Any], *, material: NDArray[np.bool_] | None = None, z0: int = 0) -> NDArray[np.uint8]:
        """Class of each voxel; see `Segmenter.classify`."""
        out = np.empty(slab.shape, np.uint8)
        grey = np.ascontiguousarray(slab).reshape(-1)
        inside = kernels.flat_mask(material)
        codes = self._dark_class, self._bright_class, out.reshape(-1)
        if grey.dtype.kind == "f":
            grey = grey if grey.itemsize > 2 else grey.astype(np.float32)
            empty = math.nan if self._padding is None else self._padding
            fault = kernels.classify_floats(grey, inside, self._dark, self._bright, empty, *codes)
            if fault != kernels.NO_VOXEL:
                z, y, x = (int(i) for i in np.unravel_index(fault, slab.shape))
                raise NotFiniteError(grey[fault], (z + z0, y, x))
        else:
            bright, dark = _at_least(self._bright), _at_most(self._dark)
            padding = 0 if self._padding is None else int(self._padding)
            grey = grey.view(np.uint8) if grey.dtype.kind == "b" else grey
            kernels.classify_integers(grey, inside, dark, bright, self._padding is not None, padding, *codes)
        return out


def threshold(*, bright: float | None = None, dark: float | None = None) -> ThresholdSegmenter:
    """Segment by given grey values: above `bright` inclusions, below `dark` the class `dark` (pores and fractures).

    Raises
    ------
    InputError
        If neither is given, one is not finite, or `dark` is not below `bright`.
    """
    if bright is None and dark is None:
        raise InputError("a threshold is needed: bright, dark or both")
    for name, value in (("bright", bright), ("dark", dark)):
        if value is not None and not math.isfinite(value):
            raise InputError(f"threshold {name} = {value} is not a grey value")
    if bright is not None and dark is not None and dark >= bright:
        raise InputError(f"the dark threshold {dark} must be below the bright one {bright}")
    return ThresholdSegmenter(
        None if bright is None else ("inclusion", float(bright)),
        None if dark is None else (DARK, float(dark)),
        description={"method": "threshold", "bright": bright, "dark": dark},
    )


def _at_least(bright: float) -> int:
    return INT64.max if bright >= INT64.max else max(INT64.min, math.floor(bright) + 1)


def _at_most(dark: float) -> int:
    return INT64.min if dark <= INT64.min else min(INT64.max, math.ceil(dark) - 1)
