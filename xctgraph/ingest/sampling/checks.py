"""What every way of choosing asks of its input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.sampling.metric import squared_norms
from xctgraph.store.errors import InputError


def picks(n: int, n_slices: int) -> None:
    """Refuse to choose none, or more than there are.

    Raises
    ------
    InputError
        With both numbers.
    """
    if not 1 <= n <= n_slices:
        raise InputError(f"{n} slices cannot be chosen from {n_slices}: choose 1 to {n_slices}")


def finite(embeddings: NDArray[np.float32]) -> None:
    """Refuse embeddings that are not finite.

    Raises
    ------
    InputError
        With the first such row.
    """
    if embeddings.ndim != 2 or not embeddings.shape[1]:
        raise InputError(f"embeddings have shape {embeddings.shape}: (slices, columns) is wanted")
    norms = squared_norms(embeddings, np.arange(len(embeddings)))
    if not np.isfinite(norms).all():
        bad = int(np.argmin(np.isfinite(norms)))
        raise InputError(f"embedding {bad} is not finite (NaN or inf): embed its slice again, or leave it out")
