"""One choice by any method: what is asked, what was chosen, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xctgraph.ingest.sampling import allocation, baselines, clusters, dids, probcover, typiclust
from xctgraph.ingest.sampling.checks import picks
from xctgraph.ingest.sampling.clusters import Clusters
from xctgraph.ingest.sampling.clusters import Method as Clustering
from xctgraph.ingest.sampling.embed import SCALARS, Embedding
from xctgraph.store.errors import InputError, nearest

Method = Literal["dids", "typiclust", "probcover", "random", "uniform", "spatiotemporal"]
METHODS: tuple[Method, ...] = ("dids", "typiclust", "probcover", "random", "uniform", "spatiotemporal")
SWEPT = (5, 10, 15, 20, 30, 40)


@dataclass(frozen=True)
class Settings:
    """How slices are chosen.

    Attributes
    ----------
    n : int
        Slices to choose.
    method : str
    clusters : int or None
        For dids, and for the radius of probcover; None for the best silhouette of `SWEPT`.
    clustering : str
        kmeans, gaussian-mixture or agglomerative.
    alpha, metric, least, most
        Of dids, as in `dids.choose`.
    scalar : str or None
        Column of the slices that stands for the displacement: strain, load_n, time_s or t; None for the first that every scan
        states and that is not constant, else t.
    seed : int
    """

    n: int
    method: Method = "dids"
    clusters: int | None = None
    clustering: Clustering = "kmeans"
    alpha: float = 0.85
    metric: dids.Metric = "euclidean"
    least: int = 1
    most: int | None = None
    scalar: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Chosen:
    """What was chosen.

    Attributes
    ----------
    rows : ndarray of int64
        In the order of choice.
    labels : ndarray of int64 or None
        Cluster of every slice, where the method has clusters.
    scalar : str
        Column that stood for the displacement.
    facts : dict
        Settings and what came of them: clusters tried with their scores, picks per cluster, radius and coverage.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64] | None
    scalar: str
    facts: dict[str, Any]


def choose(embedding: Embedding, settings: Settings) -> Chosen:
    """Choose slices to annotate.

    Raises
    ------
    InputError
        If a setting is out of range, or a scan does not state the scalar.
    """
    n_slices = len(embedding.slices)
    check(settings)
    picks(settings.n, n_slices)
    scalar, place = displacement(embedding.slices, settings.scalar)
    rng = np.random.default_rng(settings.seed)
    facts: dict[str, Any] = asdict(settings) | {"scalar": scalar, "slices": n_slices}
    x, labels = embedding.x, None
    if settings.method == "random":
        rows = baselines.random(n_slices, settings.n, rng)
    elif settings.method == "uniform":
        rows = baselines.uniform(n_slices, settings.n)
    elif settings.method == "spatiotemporal":
        rows = baselines.spatiotemporal(embedding.slices["z"].to_numpy(), place, settings.n, rng)
    elif settings.method == "typiclust":
        labels = clusters.partition(x, min(settings.n, typiclust.MOST_CLUSTERS), method=settings.clustering, seed=settings.seed)
        rows = typiclust.choose(x, labels, settings.n).rows
    else:
        found = _clusters(x, settings, facts)
        labels = found.labels
        if settings.method == "dids":
            choice = dids.choose(
                x,
                labels,
                place,
                settings.n,
                alpha=settings.alpha,
                metric=settings.metric,
                least=settings.least,
                most=settings.most,
            )
            rows = choice.rows
            facts["picks_per_cluster"] = choice.per_cluster.tolist()
        else:
            # Of one slice, or of equal ones, there is no second cluster: a ball of no size covers them all.
            delta = probcover.radius(x, labels, seed=settings.seed) if found.number > 1 else 0.0
            cover = probcover.choose(x, settings.n, delta, np.argsort(labels, kind="stable"))
            rows = cover.rows
            facts |= {"delta": delta, "covered": cover.covered}
    return Chosen(rows, labels, scalar, facts)


def check(settings: Settings) -> None:
    """Refuse settings that are wrong whatever the slices are: before they are embedded.

    Raises
    ------
    InputError
        With the name, what is valid, and the nearest.
    """
    for what, name, valid in (
        ("method", settings.method, METHODS),
        ("clustering", settings.clustering, clusters.METHODS),
        ("metric", settings.metric, dids.METRICS),
        ("scalar", settings.scalar, (*SCALARS, "t", None)),
    ):
        if name not in valid:
            raise InputError(f"{what} {name!r} is not known: {nearest(str(name), [one for one in valid if one])}")
    if not 0 <= settings.alpha <= 1:
        raise InputError(f"alpha = {settings.alpha:g} is the weight of the embedding: from 0 to 1")
    if settings.method == "dids":
        allocation.bounds(settings.least, settings.most)
    if settings.method == "probcover" and settings.clusters == 1:
        raise InputError(
            "clusters = 1: probcover takes its radius from the purity of clusters; ask for 2 or more, or leave it out"
        )


def displacement(slices: pa.Table, wanted: str | None) -> tuple[str, NDArray[np.float64]]:
    """The scalar of the experiment that stands for the displacement: its name, and its value for each slice.

    Raises
    ------
    InputError
        If it is not stated for every scan.
    """
    for name in (wanted,) if wanted else (*SCALARS, "t"):
        column = slices[name]
        if not column.null_count:
            values = column.to_numpy().astype(np.float64)
            if wanted or name == "t" or np.ptp(values) > 0:
                return name, values
    lacking = sorted({row["t"] for row in slices.select(["t", str(wanted)]).to_pylist() if row[str(wanted)] is None})
    raise InputError(f"scan t = {lacking[0]} does not state {wanted}: give it to every [[scan]], or take another --scalar")


def _clusters(x: NDArray[np.float32], settings: Settings, facts: dict[str, Any]) -> Clusters:
    ks: tuple[int, ...] = SWEPT if settings.clusters is None else (settings.clusters,)
    if settings.clusters is None:
        ks = _tried(settings, len(x))
    best, tried = clusters.sweep(x, ks, method=settings.clustering, seed=settings.seed)
    facts["clusters"] = best.number
    facts["tried"] = [
        {"k": k, "silhouette": one.silhouette, "davies_bouldin": one.davies_bouldin} for k, one in zip(ks, tried, strict=True)
    ]
    return best


def _tried(settings: Settings, n_slices: int) -> tuple[int, ...]:
    """Numbers of clusters to try: those whose clusters hold slices that differ, and that the picks can be shared out over."""
    fit = [k for k in SWEPT if k <= n_slices // 2]
    if settings.method != "dids":
        return tuple(fit) or (min(2, n_slices),)
    fewest = 1 if settings.most is None else -(-settings.n // settings.most)
    return tuple(k for k in fit if fewest <= k <= settings.n // max(1, settings.least)) or (min(fewest, n_slices),)
