"""Figures of a choice of slices: where the chosen lie among all, by looks and by how far the test had come."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xctgraph.analysis.characterise.figures import STYLE
from xctgraph.store.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from xctgraph.ingest.sampling.choose import Chosen
    from xctgraph.ingest.sampling.embed import Embedding

FIGURE = "choice.png"
MAPPED = 5_000  # slices in the map, the chosen among them


def draw(embedding: Embedding, chosen: Chosen, folder: Path) -> Path:
    """Draw maps of the embeddings by cluster and by scalar, and the density of the scalar, into `choice.png`.

    Raises
    ------
    MissingExtra
        If umap-learn is not installed.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from xctgraph.ingest.sampling.choose import displacement

    _, scalar = displacement(embedding.slices, chosen.scalar)
    rng = np.random.default_rng(0)
    others = np.setdiff1d(rng.permutation(len(scalar))[:MAPPED], chosen.rows)
    shown = np.concatenate([others, chosen.rows])
    place = umap(embedding.x[shown])
    picked = slice(len(others), None)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12, 3.8), layout="constrained")
        FigureCanvasAgg(figure)
        left, middle, right = figure.subplots(1, 3)
        labels = np.zeros(len(shown)) if chosen.labels is None else chosen.labels[shown]
        _map(left, place, picked, labels, "tab20", "clusters" if chosen.labels is not None else "all slices")
        points = _map(middle, place, picked, scalar[shown], "viridis", chosen.scalar)
        figure.colorbar(points, ax=middle)
        edges = np.histogram_bin_edges(scalar, bins=min(30, max(2, len(np.unique(scalar)))))
        for values, name, colour in ((scalar, "all slices", "#7f7f7f"), (scalar[chosen.rows], "chosen", "#c23b4b")):
            right.hist(
                values, edges, density=True, histtype="step", linewidth=1.6, color=colour, label=f"{name} ({len(values):,})"
            )
        right.set(xlabel=chosen.scalar, ylabel="density")
        right.legend()
        figure.savefig(folder / FIGURE, dpi=110)
    return folder / FIGURE


def umap(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Two dimensions by UMAP (McInnes, Healy and Melville 2018), or by principal components of fewer than 20 slices."""
    if len(x) < 20:
        centred = x - x.mean(axis=0)
        place = np.zeros((len(x), 2), np.float32)  # of one slice there is no second component
        axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
        place[:, : len(axes)] = centred @ axes.T
        return place
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # of Tensorflow, which is not needed
            from umap import UMAP
    except ImportError as error:
        raise MissingExtra("umap-learn", "ml", "a map of the embeddings") from error
    return np.asarray(UMAP(n_neighbors=min(15, len(x) - 1), random_state=0, n_jobs=1).fit_transform(x), np.float32)


def _map(axes: Axes, place: NDArray[np.float32], picked: slice, values: NDArray[Any], colours: str, title: str) -> Any:
    points = axes.scatter(place[:, 0], place[:, 1], c=values, cmap=colours, s=5, linewidths=0, alpha=0.7, rasterized=True)
    axes.scatter(place[picked, 0], place[picked, 1], s=26, facecolors="none", edgecolors="black", linewidths=0.9, label="chosen")
    axes.set(title=title, xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2")
    axes.legend(loc="best")
    return points
