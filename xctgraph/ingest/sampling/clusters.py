"""Clusters of the embeddings, and how well separated they are."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.sampling.checks import finite
from xctgraph.ingest.sampling.components import Components
from xctgraph.store.errors import InputError

Method = Literal["kmeans", "gaussian-mixture", "agglomerative"]
METHODS: tuple[Method, ...] = ("kmeans", "gaussian-mixture", "agglomerative")
BATCHED_ABOVE = 50_000  # slices: above, k-means begins with batches
AGGLOMERATED = 5_000  # slices that are joined pair by pair; the others go to the nearest centre
JUDGED = 5_000  # slices that the scores are computed on
_ROUNDS = 20  # of k-means on all columns,
_STILL = 0.01  # unless fewer than this share of the slices change their cluster
_BLOCK = 8192


@dataclass(frozen=True)
class Clusters:
    """Clusters and their scores.

    Attributes
    ----------
    labels : ndarray of int64, shape (slices,)
        From 0; of falling size.
    silhouette : float
        Mean silhouette (Rousseeuw 1987), -1 to 1, larger is better; of a sample of 5,000. NaN where it is not defined.
    davies_bouldin : float
        Davies-Bouldin index (1979), 0 or more, smaller is better; of the same sample. NaN where it is not defined.
    """

    labels: NDArray[np.int64]
    silhouette: float
    davies_bouldin: float

    @property
    def number(self) -> int:
        """How many there are: fewer than asked for where slices are equal."""
        return int(self.labels.max()) + 1


def cluster(
    embeddings: NDArray[np.float32], k: int, *, method: Method = "kmeans", seed: int = 0, components: Components | None = None
) -> Clusters:
    """Sort the slices into `k` clusters.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (slices, columns)
    k
        Number of clusters.
    method
        ``kmeans``: on the 64 leading principal components (in batches above 50,000 slices), from there on all columns until fewer
        than 1 % change their cluster, at most 20 rounds; ``gaussian-mixture`` of diagonal covariance on the leading components;
        ``agglomerative`` (Ward) on 5,000 slices drawn at random, the others by the nearest mean.
    components : Components, optional
        Of the embeddings, where they are at hand.

    Raises
    ------
    InputError
        If `k` is out of range, the method is not known, or an embedding is not finite.
    """
    labels = partition(embeddings, k, method=method, seed=seed, components=components)
    return scored(embeddings, labels, np.random.default_rng(seed))


def partition(
    embeddings: NDArray[np.float32], k: int, *, method: Method = "kmeans", seed: int = 0, components: Components | None = None
) -> NDArray[np.int64]:
    """The labels of `cluster` alone, without its scores; `components` of the embeddings where they are at hand."""
    from sklearn.exceptions import ConvergenceWarning

    finite(embeddings)
    if method not in METHODS:
        raise InputError(f"clustering {method!r} is not known: {', '.join(METHODS)}")
    most = min(len(embeddings), AGGLOMERATED) if method == "agglomerative" else len(embeddings)
    if not 1 <= k <= most:
        raise InputError(f"{k} clusters of {len(embeddings)} slices by {method}: 1 to {most}")
    if k == 1:  # of a single slice too, which scikit-learn refuses
        return np.zeros(len(embeddings), np.int64)
    with warnings.catch_warnings():
        # Equal slices make fewer clusters than asked for: `Clusters.number` tells.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return _by_size(_labels(embeddings, k, method, np.random.default_rng(seed), components))


def sweep(
    embeddings: NDArray[np.float32], ks: Sequence[int], *, method: Method = "kmeans", seed: int = 0
) -> tuple[Clusters, list[Clusters]]:
    """Try several `ks`: the clusters of the best silhouette (the first, at equal ones), and all."""
    if not ks:
        raise InputError("no number of clusters to try: give one or more")
    finite(embeddings)
    components = Components.of(embeddings)
    tried = [cluster(embeddings, k, method=method, seed=seed, components=components) for k in ks]
    return tried[int(np.argmax([-np.inf if np.isnan(one.silhouette) else one.silhouette for one in tried]))], tried


def scored(embeddings: NDArray[np.float32], labels: NDArray[np.int64], rng: np.random.Generator) -> Clusters:
    """Judge given clusters."""
    from sklearn.metrics import davies_bouldin_score, silhouette_score

    some = np.sort(rng.permutation(len(embeddings))[:JUDGED])
    of_some = labels[some]
    if not 2 <= len(np.unique(of_some)) < len(some):
        return Clusters(labels, float("nan"), float("nan"))
    points = embeddings[some]
    return Clusters(labels, float(silhouette_score(points, of_some)), float(davies_bouldin_score(points, of_some)))


def _labels(
    x: NDArray[np.float32], k: int, method: Method, rng: np.random.Generator, components: Components | None
) -> NDArray[np.int64]:
    from sklearn.cluster import AgglomerativeClustering, KMeans, MiniBatchKMeans
    from sklearn.mixture import GaussianMixture

    state = int(rng.integers(2**31))
    if method == "agglomerative":
        drawn = np.sort(rng.permutation(len(x))[:AGGLOMERATED])
        of_drawn = AgglomerativeClustering(k).fit_predict(x[drawn])
        labels = _nearest(x, _means(x[drawn], of_drawn, k))
        labels[drawn] = of_drawn
        return labels
    leading = (components or Components.of(x)).leading
    if method == "gaussian-mixture":
        floor = 1e-6 * float(leading.var()) + 1e-12
        mixture = GaussianMixture(k, covariance_type="diag", reg_covar=floor, random_state=state)
        return np.asarray(mixture.fit_predict(leading.astype(np.float64)), np.int64)
    if len(x) > BATCHED_ABOVE:
        labels = MiniBatchKMeans(k, batch_size=4096, n_init=3, random_state=state).fit_predict(leading)
    else:
        labels = KMeans(k, random_state=state).fit_predict(leading)
    for _ in range(_ROUNDS):
        before, labels = labels, _nearest(x, _means(x, labels, k))
        if np.mean(before != labels) < _STILL:
            break
    return np.asarray(labels, np.int64)


def _means(x: NDArray[np.float32], labels: NDArray[np.integer], k: int) -> NDArray[np.float32]:
    """Mean of each cluster; far away where it is empty."""
    sums, sizes = np.zeros((k, x.shape[1])), np.bincount(labels, minlength=k)
    for start in range(0, len(x), _BLOCK):
        members = labels[start : start + _BLOCK] == np.arange(k)[:, None]
        sums += members.astype(np.float32) @ x[start : start + _BLOCK]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sizes[:, None] > 0, sums / sizes[:, None], np.sqrt(np.finfo(np.float32).max) / 1e3).astype(np.float32)


def _nearest(x: NDArray[np.float32], means: NDArray[np.float32]) -> NDArray[np.int64]:
    norms = np.einsum("ij,ij->i", means, means)
    return np.concatenate(
        [(norms - 2 * (x[start : start + _BLOCK] @ means.T)).argmin(axis=1) for start in range(0, len(x), _BLOCK)]
    )


def _by_size(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the clusters anew: the largest is 0, empty ones are left out, at equal sizes the one that comes first."""
    found, first, inverse, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(found), np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(len(found))
    return rank[inverse]
