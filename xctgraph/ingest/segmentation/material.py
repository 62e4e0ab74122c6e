"""Which voxels are material."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.labelling.levels import NotFiniteError


def material_of(mask: NDArray[Any], z0: int) -> NDArray[np.bool_]:
    """Where slices of a sample mask, from slice `z0` on, are not 0.

    Raises
    ------
    NotFiniteError
        If a voxel is NaN or infinite: neither says whether it is material.
    """
    check_finite(mask, z0, "the sample mask")
    return np.asarray(mask != 0)


def check_finite(mask: NDArray[Any], z0: int, name: str) -> None:
    """Refuse values of a mask that are NaN or infinite."""
    if mask.dtype.kind == "f" and not (finite := np.isfinite(mask)).all():
        z, y, x = (int(at) for at in np.unravel_index(int(finite.argmin()), mask.shape))
        raise NotFiniteError(mask[z, y, x], (z + z0, y, x), name)
