"""How diverse a choice is, by several yardsticks.

D_total is what DIDS is made for: that DIDS has the largest says little. Spanning tree and mean gap are what no method here asks
for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist, pdist, squareform

from xctgraph.ingest.sampling.dids import scaled
from xctgraph.store.errors import InputError

_BLOCK = 8192
WEIGHTS = (1 / 3, 1 / 3, 1 / 3)


@dataclass(frozen=True)
class Scores:
    """Scores of a choice; larger is more diverse, but for `mean_gap`.

    Attributes
    ----------
    total : float
        D_total: the weighted sum of the three spreads.
    latent : float
        Mean cosine distance between the embeddings of two of the chosen (0 to 2).
    visual : float
        Mean perceptual distance between two of the chosen; NaN where it was not computed.
    displacement : float
        Mean difference of the displacement of two of the chosen, scaled to 0 to 1 over all slices.
    spanning_tree : float
        Mean edge of the minimum spanning tree of the chosen, Euclidean distance of embeddings.
    mean_gap : float
        Mean Euclidean distance of all slices from the nearest of the chosen: smaller covers better.
    """

    total: float
    latent: float
    visual: float
    displacement: float
    spanning_tree: float
    mean_gap: float


def score(
    embeddings: NDArray[np.float32],
    displacement: NDArray[np.float64],
    rows: NDArray[np.int64],
    visual: NDArray[np.float64] | None = None,
    weights: tuple[float, float, float] = WEIGHTS,
) -> Scores:
    """Score chosen `rows` of the `embeddings`.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (slices, columns)
    displacement : ndarray, shape (slices,)
        Or another scalar of the experiment.
    rows : ndarray of int64, shape (n,)
    visual : ndarray, shape (n, n)
        Perceptual distances between the chosen.
    weights
        Of latent, visual and displacement spread in `total`; without `visual` its part is left out.

    Raises
    ------
    InputError
        If fewer than two are chosen.
    """
    if len(rows) < 2:
        raise InputError(f"{len(rows)} slice chosen: diversity is that of two or more")
    chosen = embeddings[rows].astype(np.float64)
    # By scalar products of unit vectors: those of zero have no direction, and differ from all by 1.
    norms = np.linalg.norm(chosen, axis=1, keepdims=True)
    unit = np.divide(chosen, norms, out=np.zeros_like(chosen), where=norms > 0)
    latent = _mean(1 - unit @ unit.T)
    spread = float(np.mean(pdist(scaled(displacement)[rows][:, None])))
    seen = float("nan") if visual is None else _mean(visual)
    tree = np.asarray(minimum_spanning_tree(squareform(_positive(pdist(chosen)))).data)
    parts = np.array([latent, 0.0 if visual is None else seen, spread])
    return Scores(
        total=float(parts @ np.array(weights)),
        latent=latent,
        visual=seen,
        displacement=spread,
        spanning_tree=float(tree.sum() / (len(rows) - 1)),
        mean_gap=_mean_gap(embeddings, chosen),
    )


def _positive(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sparse graph takes 0 for no edge."""
    return np.maximum(distances, np.finfo(float).tiny)


def _mean(matrix: NDArray[np.float64]) -> float:
    return float(matrix[np.triu_indices(len(matrix), 1)].mean())


def _mean_gap(embeddings: NDArray[np.float32], chosen: NDArray[np.float64]) -> float:
    total = 0.0
    for start in range(0, len(embeddings), _BLOCK):
        total += cdist(embeddings[start : start + _BLOCK].astype(np.float64), chosen).min(axis=1).sum()
    return total / len(embeddings)
