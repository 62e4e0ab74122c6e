"""What every segmentation offers: classes of voxels, slab by slab."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.labelling.levels import Levels

DARK = "dark"


@runtime_checkable
class Segmenter(Protocol):
    """Turns grey values into classes.

    Attributes
    ----------
    classes : tuple of str
        Kinds, or `dark` for what `kinds.assign` later tells apart into pores and fractures.
    description : dict
        What was found and used, fit for JSON.
    """

    classes: tuple[str, ...]
    description: dict[str, Any]

    def levels(self, dtype: np.dtype[Any]) -> Levels | None:
        """Thresholds that give the classes in volumes of a type, so that no class volume is made; None where there are none."""
        ...

    def classify(self, slab: NDArray[Any], *, material: NDArray[np.bool_] | None = None, z0: int = 0) -> NDArray[np.uint8]:
        """Class of each voxel: 0 background, i + 1 for `classes[i]`.

        Parameters
        ----------
        slab : ndarray, shape (z, y, x)
            Consecutive slices as the volume gives them.
        material : ndarray of bool, shape (z, y, x), optional
            Voxels outside become background.
        z0 : int
            First slice of the slab in the volume, for error messages.

        Raises
        ------
        VolumeError
            If a voxel is not finite, or has a value that no class has.
        """
        ...
