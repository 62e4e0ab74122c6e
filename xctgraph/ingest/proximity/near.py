"""NEAR: pairs of features whose surfaces are close."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from xctgraph.ingest.proximity.gaps import gaps
from xctgraph.store.errors import InputError
from xctgraph.store.labels import Labels


def near(labels: Labels, features: pa.Table, spacing: tuple[float, float, float], gap: float) -> pa.Table:
    """All pairs of features of one scan, of all kinds, whose voxel centres come within `gap`.

    Parameters
    ----------
    labels : Labels
        Labels 1 .. N of the scan.
    features : pyarrow.Table
        Columns label and z, y, x (um); rows in any order.
    spacing : (dz, dy, dx), micrometres
    gap : float, micrometres
        Face neighbours are one voxel edge apart, so a radius below that gives no pair. Decided in float64.

    Returns
    -------
    pyarrow.Table
        source < target (labels, int64), gap and distance (float64, um; smallest between voxel centres, and between centroids),
        sorted by source and target.

    Raises
    ------
    InputError
        If `gap` is not positive, or the features are not those of the labels.
    """
    if not gap > 0:
        raise InputError(f"near gap {gap} um must be positive")
    label = features["label"].to_numpy()
    n = len(label)
    row = np.full(n + 1, -1, dtype=np.int64)
    inside = (label >= 1) & (label <= n)
    row[label[inside]] = np.flatnonzero(inside)
    if n and row[1:].min() < 0:
        raise InputError(f"features must hold the labels 1 to {n} once each: {int(row[1:].argmin()) + 1} is missing")
    if labels.n > n:
        raise InputError(f"the label volume holds label {labels.n}, but there are only {n} features: measure all of them")
    surface = labels.boundary()
    owner = surface.label
    owner -= 1  # in place: the voxels of the surfaces are the peak of the whole ingest
    first, second, between = gaps(surface.coords, owner, n, spacing, gap)
    centre = np.stack([features[axis].to_numpy() for axis in "zyx"], axis=1)[row[1:]]
    return pa.table(
        {
            "source": first + 1,
            "target": second + 1,
            "gap": between,
            "distance": np.linalg.norm(centre[second] - centre[first], axis=1),
        }
    )
