"""Arrays that grow geometrically along their first axis."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


def grown(array: NDArray[Scalar], size: int, fill: float = 0) -> NDArray[Scalar]:
    """`array` if it has `size` rows, otherwise a copy with at least half as many again, the new ones set to `fill`."""
    if size <= len(array):
        return array
    larger = np.full((max(size, len(array) * 3 // 2), *array.shape[1:]), fill, array.dtype)
    larger[: len(array)] = array
    return larger
