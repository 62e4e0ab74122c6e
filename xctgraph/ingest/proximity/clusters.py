"""Groups of features joined by small gaps."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def clusters(n: int, near: pa.Table, cluster_gap: float) -> NDArray[np.int64]:
    """Cluster of each feature: the smallest label among all features joined with it by gaps of at most `cluster_gap`.

    Parameters
    ----------
    n : int
        Number of features, labelled 1 .. n.
    near : pyarrow.Table
        Columns source, target (labels) and gap (micrometres), as `near` gives them; its radius bounds `cluster_gap`.
    cluster_gap : float, micrometres

    Returns
    -------
    (n,) int64
        Row i holds the cluster of label i + 1; a feature alone is its own cluster.
    """
    close = near["gap"].to_numpy() <= cluster_gap
    source = near["source"].to_numpy()[close] - 1
    target = near["target"].to_numpy()[close] - 1
    graph = coo_array((np.ones(len(source), dtype=np.int8), (source, target)), shape=(n, n))
    count, component = connected_components(graph, directed=False)
    smallest = np.full(count, n + 1, dtype=np.int64)
    np.minimum.at(smallest, component, np.arange(1, n + 1))
    return smallest[component]
