"""Trackers of other fields, each as a function from the centres of two scans and a radius to links (k, 2)."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import trackpy
import tracksdata
from laptrack import LapTrack
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Tracker = Callable[[Floats, Floats, float], Ints]


def _nearest(a: Floats, b: Floats, radius: float) -> Ints:
    """Mutual nearest neighbours."""
    distance, j = cKDTree(b).query(a, distance_upper_bound=radius)
    _, i = cKDTree(a).query(b)
    at = np.flatnonzero(np.isfinite(distance))
    mutual = i[j[at]] == at
    return np.stack([at[mutual], j[at][mutual]], axis=1)


def _assignment(a: Floats, b: Floats, radius: float) -> Ints:
    """Sparse assignment by distance with a dummy for each (SciPy)."""
    near = cKDTree(a).sparse_distance_matrix(cKDTree(b), radius, output_type="ndarray")
    i, j, n, m = near["i"], near["j"], len(a), len(b)
    rows, columns = np.r_[i, np.arange(n), n + np.arange(m), n + j], np.r_[j, m + np.arange(n), np.arange(m), m + i]
    weights = np.r_[near["v"] + 1e-6, np.full(n + m, 1.05 * radius), np.full(len(i), 1e-6)]
    x, y = min_weight_full_bipartite_matching(csr_array((weights, (rows, columns)), shape=(n + m, n + m)))
    real = (x < n) & (y < m)
    return np.stack([x[real], y[real]], axis=1)


def _laptrack(a: Floats, b: Floats, radius: float) -> Ints:
    tracker = LapTrack(cutoff=radius**2, gap_closing_cutoff=False, splitting_cutoff=radius**2, merging_cutoff=radius**2)
    return np.array([(source[1], target[1]) for source, target in tracker.predict([a, b]).edges])


def _trackpy(a: Floats, b: Floats, radius: float) -> Ints:
    trackpy.quiet()
    frame = pd.DataFrame(np.vstack([a, b]), columns=["z", "y", "x"])
    frame["frame"] = np.repeat([0, 1], [len(a), len(b)])
    frame["row"] = np.r_[np.arange(len(a)), np.arange(len(b))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # trackpy uses what pandas deprecates
        linked = trackpy.link(frame, radius, pos_columns=["z", "y", "x"], adaptive_stop=1.0, adaptive_step=0.9)
    first, second = (linked[linked.frame == t].set_index("particle")["row"] for t in (0, 1))
    both = first.index.intersection(second.index)
    return np.stack([first[both].to_numpy(), second[both].to_numpy()], axis=1)


def _tracksdata(a: Floats, b: Floats, radius: float) -> Ints:
    """Distance edges and the integer program, with splits and merges."""
    graph = tracksdata.graph.IndexedRXGraph()
    for axis in "zyx":
        graph.add_node_attr_key(axis, pl.Float64, 0.0)
    points = [{"t": t, **dict(zip("zyx", map(float, point), strict=True))} for t, centre in enumerate((a, b)) for point in centre]
    ids = graph.bulk_add_nodes(points)
    row = {node: k if k < len(a) else k - len(a) for k, node in enumerate(ids)}
    solver = tracksdata.solvers.ILPSolver(
        edge_weight=tracksdata.EdgeAttr("distance") - radius,
        division_weight=radius / 2, merge_weight=radius / 2, solver_preference="scip",
    )  # fmt: skip
    with tracksdata.options.options_context(show_progress=False):
        tracksdata.edges.DistanceEdges(radius, n_neighbors=5).add_edges(graph)
        solution = solver.solve(graph)
    edges = solution.edge_attrs()
    return np.array([(row[s], row[t]) for s, t in zip(edges["source_id"], edges["target_id"], strict=True)])


TRACKERS: dict[str, Tracker] = {
    "mutual nearest neighbours": _nearest,
    "SciPy sparse assignment": _assignment,
    "laptrack, splits and merges": _laptrack,
    "trackpy, adaptive": _trackpy,
    "tracksdata, ILP": _tracksdata,
}
