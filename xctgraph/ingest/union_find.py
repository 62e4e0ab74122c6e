"""Union-find inside a kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xctgraph.store.jit import njit


@njit
def root(parent: NDArray[np.int32], i: int) -> int:
    """Root of `i`, with the way to it halved."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i
