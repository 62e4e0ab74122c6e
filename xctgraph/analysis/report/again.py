"""A stored study made anew with its parameters and its seed: the store keeps its numbers, and no figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from xctgraph.analysis import characterise, correspondence, growth
from xctgraph.analysis.characterise import Characterisation
from xctgraph.analysis.density import from_store as density
from xctgraph.store import Store

Parameters = dict[str, Any]


@dataclass(frozen=True)
class Again:
    """Effect, sentences, and a figure or a characterisation with its own."""

    effect: float | None
    text: str
    figure: go.Figure | Characterisation
    caption: str


def _characterise(store: Store, given: Parameters, seed: int) -> Again:
    # The blocks are those of the last scan: one number asks for about the same.
    edge = min(given["block_um"]) if given.get("block_um") else None
    found = characterise.characterise(store, sample=given["sample"], block_um=edge, n_draws=given["n_draws"], seed=seed)
    return Again(found.primary.get("volume_fraction"), found.text, found, "")


def _growth(store: Store, given: Parameters, seed: int) -> Again:
    found = growth.toward_density(
        store, sample=given["sample"], radius_um=given["radius_um"], threshold_um=given["threshold_um"], share=given["share"],
        seed=seed, n_shifts=given["n_shifts"], n_draws=given["n_draws"],
    )  # fmt: skip
    words = "Excess of advance by the percentile of the density ahead, and the effect under other choices."
    return Again(found.effect, found.text, found.figure, words)


def _density(store: Store, given: Parameters, seed: int) -> Again:
    found = density.spatial_statistics(
        store, sample=given["sample"], max_um=given["max_um"], n_simulations=given["n_simulations"], seed=seed
    )
    return Again(found.primary.effect, found.text, found.figure, "L(r) − r of the defects, with envelopes of random patterns.")


def _correspondence(store: Store, given: Parameters, _: int) -> Again:
    found = correspondence.from_store.correspondence(store, sample=given["sample"])
    effect = None if found.worst is None else found.worst.error
    return Again(
        effect, found.text, found.figure, "Residuals, shares without a link and strain; slices of one displacement field."
    )


AGAIN: dict[str, Callable[[Store, Parameters, int], Again]] = {
    "analyze characterise": _characterise,
    "analyze growth": _growth,
    "analyze density": _density,
    "analyze correspondence": _correspondence,
}
