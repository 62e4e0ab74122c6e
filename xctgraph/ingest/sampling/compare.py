"""Every method beside the others on one series, and DIDS over its alpha."""

from __future__ import annotations

from dataclasses import dataclass, replace

from xctgraph.ingest import config
from xctgraph.ingest.sampling import perceptual, slices
from xctgraph.ingest.sampling.choose import METHODS, Settings, choose, displacement
from xctgraph.ingest.sampling.embed import Embedding
from xctgraph.ingest.sampling.scores import Scores, score
from xctgraph.store.progress import Progress, silent

ALPHAS = (0.0, 0.25, 0.5, 0.7, 0.85, 1.0)


@dataclass(frozen=True)
class Compared:
    """One choice and its scores.

    Attributes
    ----------
    method : str
        With its alpha where it is DIDS.
    scores : Scores
    visual_metric : str
        LPIPS or ST-LPIPS.
    """

    method: str
    scores: Scores
    visual_metric: str


def compare(dataset: config.Dataset, embedding: Embedding, settings: Settings, progress: Progress = silent) -> list[Compared]:
    """Choose as many slices by every method, and by DIDS with several alpha, and score each choice.

    Other settings are those given; the number of clusters is found once.
    """
    _, place = displacement(embedding.slices, settings.scalar)
    fixed = replace(settings, method="dids")
    fixed = replace(fixed, clusters=choose(embedding, fixed).facts["clusters"])
    asked = [(f"dids, alpha {alpha:g}", replace(fixed, alpha=alpha)) for alpha in sorted({*ALPHAS, settings.alpha})]
    asked += [(method, replace(fixed, method=method)) for method in METHODS if method != "dids"]
    if fixed.clusters == 1:  # the radius of probcover needs more
        asked = [(name, replace(one, clusters=None) if one.method == "probcover" else one) for name, one in asked]
    found = []
    for done, (name, one) in enumerate(asked):
        progress("comparing ways to choose", done, len(asked))
        rows = choose(embedding, one).rows
        seen = perceptual.distances(slices.pictures(dataset, embedding, rows, perceptual.EDGE))
        found.append(Compared(name, score(embedding.x, place, rows, seen.values), seen.metric))
    return found
