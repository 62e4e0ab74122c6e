"""Label volumes for the tests, and their runs and centroids, made with numpy alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from xctgraph.store.labels import Labels

Spacing = tuple[float, float, float]
KINDS = ["inclusion", "pore", "fracture", "weld defect"]

spacings = st.tuples(*[st.floats(0.3, 4.0, allow_nan=False)] * 3)
seeds = st.integers(0, 2**32 - 1)


def random_volume(seed: int, *, most: int = 25) -> tuple[NDArray[np.int32], list[str]]:
    """Components of noise of several grains, renumbered 1..n, with kinds; sometimes crossed by a plane."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(k) for k in rng.integers(1, 36, 3))
    coarse = ndimage.zoom(rng.random([max(1, s // int(rng.integers(1, 5))) for s in shape]), 4, order=0)
    coarse = np.resize(coarse, shape)
    mask = coarse < rng.uniform(0.02, 0.3)
    labels, n = ndimage.label(mask)
    labels[labels > most] = 0
    n = min(n, most)
    if shape[0] > 2 and rng.random() < 0.6:
        labels[shape[0] // 2] = n + 1
    present = np.unique(labels[labels > 0])
    new = np.zeros(n + 2, np.int32)
    new[present] = np.arange(1, len(present) + 1)
    return new[labels], [KINDS[k] for k in rng.integers(0, len(KINDS), len(present))]


def runs(volume: NDArray[np.int32]) -> Labels:
    """Labels of a volume."""
    padded = np.pad(volume, ((0, 0), (0, 0), (1, 1)))
    z, y, x = np.nonzero(padded[:, :, 1:] != padded[:, :, :-1])
    starts, ends = padded[z, y, x + 1] > 0, padded[z, y, x] > 0
    return Labels(volume.shape, z[starts], y[starts], x[starts], x[ends], padded[z, y, x + 1][starts])


def features(volume: NDArray[np.int32], kinds: list[str], spacing: Spacing) -> pa.Table:
    """Columns label, kind, z, y, x, volume."""
    index = [np.argwhere(volume == k + 1) for k in range(len(kinds))]
    centre = np.array([i.mean(axis=0) * spacing for i in index]).reshape(-1, 3)
    volumes = np.array([len(i) * float(np.prod(spacing)) for i in index])
    columns = {axis: centre[:, k] for k, axis in enumerate("zyx")}
    label, kind = pa.array(range(1, len(kinds) + 1), pa.int64()), pa.array(kinds, pa.string())
    return pa.table({"label": label, "kind": kind, "volume": volumes, **columns})
