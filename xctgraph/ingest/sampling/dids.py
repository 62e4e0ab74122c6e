"""Domain-informed diversity sampling (DIDS): few slices that differ in looks and in how far the sample was strained.

The picks are shared out over clusters of the embeddings (`allocate`). In each cluster the densest member comes first, then again
and again the member that is farthest from the nearest pick, by D = alpha * D_emb + (1 - alpha) * |d_i - d_j|, with d the
displacement (or another scalar of the experiment) scaled to 0..1.

D_emb is 1 - cosine (0 to 2), or the Euclidean distance over the largest of the cluster (0 to 1): the same alpha gives looks up to
twice the weight with cosine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.sampling.allocation import allocate
from xctgraph.ingest.sampling.checks import finite, picks
from xctgraph.ingest.sampling.metric import euclidean_spread, products, squared_distances, squared_norms, weighted_sum
from xctgraph.store.errors import InputError

Metric = Literal["euclidean", "cosine"]
METRICS: tuple[Metric, ...] = ("euclidean", "cosine")
STEP = 1e-6  # distances and densities are rounded to it, so that ties are the same everywhere


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes
    ----------
    rows : ndarray of int64
        In the order of choice, cluster after cluster.
    objective : ndarray of float64
        What each pick was chosen for: the density of the first of a cluster, of the others the distance D to the nearest pick.
    per_cluster : ndarray of int64
        Picks of each cluster.
    """

    rows: NDArray[np.int64]
    objective: NDArray[np.float64]
    per_cluster: NDArray[np.int64]


def scaled(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scale to 0..1: (d - min) / (max - min); all 0 where they don't differ."""
    values = np.asarray(values, np.float64)
    low, high = values.min(), values.max()
    return np.zeros(len(values)) if high == low else (values - low) / (high - low)


def choose(
    embeddings: NDArray[np.float32],
    clusters: NDArray[np.integer],
    displacement: NDArray[np.floating],
    n: int,
    *,
    alpha: float = 0.85,
    metric: Metric = "euclidean",
    least: int = 1,
    most: int | None = None,
) -> Choice:
    """Choose `n` of the embedded slices.

    Parameters
    ----------
    embeddings : ndarray, shape (slices, columns)
        Float32 or float64, also mapped from a file.
    clusters : ndarray of int, shape (slices,)
        Cluster of each, from 0.
    displacement : ndarray, shape (slices,)
        Displacement, strain, load, time: any scalar of the experiment.
    alpha
        Weight of the embedding against the displacement, 0 to 1.
    least, most
        Picks of a cluster, as in `allocate`.

    Raises
    ------
    InputError
        If lengths differ, a value is not finite, an embedding is zero under cosine, or the picks cannot be shared out.

    Notes
    -----
    Ties after rounding to 1e-6 go to the smallest row. Time grows with the slices, and with Euclidean distance by the square of
    the size of a cluster (all pairs, as matrix products); memory beyond the embeddings does not.
    """
    _check(embeddings, clusters, displacement, n, alpha, metric)
    place = scaled(displacement)
    per_cluster = allocate(np.bincount(clusters).tolist(), n, least=least, most=most)
    order = np.argsort(clusters, kind="stable").astype(np.int64)
    members = np.split(order, np.cumsum(np.bincount(clusters))[:-1])
    rows: list[int] = []
    objective: list[float] = []
    for of_cluster, count in zip(members, per_cluster.tolist(), strict=True):
        if count:
            found, values = _in_cluster(embeddings, of_cluster, place[of_cluster], count, alpha, metric)
            rows += of_cluster[found].tolist()
            objective += values
    return Choice(np.array(rows, np.int64), np.array(objective), per_cluster)


def _in_cluster(
    x: NDArray[np.float32], rows: NDArray[np.int64], place: NDArray[np.float64], count: int, alpha: float, metric: Metric
) -> tuple[list[int], list[float]]:
    n = len(rows)
    if metric == "cosine":
        norms = np.sqrt(squared_norms(x, rows))
        if not norms.all():
            raise InputError(
                f"embedding {rows[np.argmin(norms)]} is zero, and has no direction for cosine: use euclidean, or leave it out"
            )
        mean = 1 - products(x, rows, weighted_sum(x, rows, 1 / norms) / n) / norms

        def distance(k: int) -> NDArray[np.float64]:
            return np.asarray(1 - products(x, rows, x[rows[k]].astype(np.float64)) / (norms * norms[k]))
    else:
        sums, largest = euclidean_spread(x, rows)
        mean = sums / n / largest if largest else np.zeros(n)

        def distance(k: int) -> NDArray[np.float64]:
            apart = np.sqrt(squared_distances(x, rows, x[rows[k]].astype(np.float64)))
            return apart / largest if largest else apart

    density = _steps(1 - mean)
    picks = [int(np.argmax(density))]
    values = [float(density[picks[0]]) * STEP]
    nearest = np.full(n, np.iinfo(np.int64).max)
    while len(picks) < count:
        last = picks[-1]
        nearest = np.minimum(nearest, _steps(alpha * distance(last) + (1 - alpha) * np.abs(place - place[last])))
        nearest[picks] = -1  # duplicates of a pick have distance 0 and may still come
        picks.append(int(np.argmax(nearest)))
        values.append(float(nearest[picks[-1]]) * STEP)
    return picks, values


def _steps(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(values / STEP).astype(np.int64)


def _check(
    embeddings: NDArray[np.float32],
    clusters: NDArray[np.integer],
    displacement: NDArray[np.floating],
    n: int,
    alpha: float,
    metric: str,
) -> None:
    if metric not in METRICS:
        raise InputError(f"metric {metric!r} is not known: euclidean or cosine")
    if not 0 <= alpha <= 1:
        raise InputError(f"alpha = {alpha:g} is the weight of the embedding: from 0 to 1")
    if not len(embeddings) == len(clusters) == len(displacement):
        raise InputError(
            f"{len(embeddings)} embeddings, {len(clusters)} clusters and {len(displacement)} displacements: give one of each per "
            "slice"
        )
    picks(n, len(embeddings))
    if not np.isfinite(displacement).all():
        raise InputError(f"displacement of slice {int(np.argmin(np.isfinite(displacement)))} is not a finite number")
    finite(embeddings)
