"""Class masks that the user already has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.segmentation import kernels
from xctgraph.ingest.segmentation.material import check_finite
from xctgraph.store.errors import InputError, VolumeError

MAX_VALUE = 65_535
MAX_CLASSES = 254


class MaskSegmenter:
    """Maps the values of a mask to kinds; made by `classes`."""

    def __init__(self, kinds: Mapping[int, str]) -> None:
        self.classes = tuple(dict.fromkeys(kinds.values()))
        self.description: dict[str, Any] = {"method": "mask", "kinds": {str(value): kind for value, kind in kinds.items()}}
        self._kinds = dict(kinds)
        self._codes = np.full(max(kinds, default=0) + 1, 255, np.uint8)
        self._codes[0] = 0
        for value, kind in kinds.items():
            self._codes[value] = self.classes.index(kind) + 1

    def levels(self, dtype: np.dtype[Any]) -> None:
        """None: only `classify` can tell."""

    def classify(self, slab: NDArray[Any], *, material: NDArray[np.bool_] | None = None, z0: int = 0) -> NDArray[np.uint8]:
        """Class of each voxel; see `Segmenter.classify`."""
        if slab.dtype.kind not in "biu":
            slab = slab if material is None else np.where(material, slab, 0)
            check_finite(slab, z0, "the mask")
            whole = slab.astype(np.int64)
            if not np.array_equal(whole, slab):
                raise VolumeError(f"the mask has values of type {slab.dtype} that are not whole numbers: give a mask of integers")
            slab = whole
        out = np.empty(slab.shape, np.uint8)
        values = np.ascontiguousarray(slab).reshape(-1)
        values = values.view(np.uint8) if values.dtype.kind == "b" else values
        fault = kernels.look_up(values, kernels.flat_mask(material), self._codes, out.reshape(-1))
        if fault != kernels.NO_VOXEL:
            found = ", ".join(str(value) for value in np.unique(values)[:20])
            known = ", ".join(f"{value} = {kind}" for value, kind in self._kinds.items())
            z = fault // (slab.shape[1] * slab.shape[2]) + z0
            raise VolumeError(
                f"the mask has the value {values[fault]} (slice {z}), which stands for no kind: known are 0 = background, "
                f"{known}. Values found there: {found}. Name every value in `kinds`"
            )
        return out


def classes(kinds: Mapping[int, str]) -> MaskSegmenter:
    """Segment by a mask whose values stand for `kinds`; 0 is background.

    Raises
    ------
    InputError
        If there are no kinds, a value is not in 1 to 65535 or a kind is empty.
    """
    if not kinds or len(set(kinds.values())) > MAX_CLASSES:
        raise InputError(f"{len(kinds)} kinds for the mask: valid are 1 to {MAX_CLASSES}, as in {{1: 'inclusion', 2: 'pore'}}")
    for value, kind in kinds.items():
        if not 1 <= value <= MAX_VALUE or not kind:
            raise InputError(f"kinds has {value}: {kind!r}. Values are 1 to {MAX_VALUE} (0 is background), kinds are names")
    return MaskSegmenter(kinds)
