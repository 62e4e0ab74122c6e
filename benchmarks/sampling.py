"""Choosing slices: DIDS in passes over the embeddings, TypiClust and ProbCover against scikit-activeml, embeddings per second.

`python -m benchmarks.sampling [--slices 40000] [--peers] [--images 256]` prints the tables of docs/sampling.md. Processor
times, of one thread where OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import resource
import secrets
import time
import warnings
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.sampling import clusters, dids, models, probcover, runtime, typiclust
from xctgraph.ingest.sampling.components import Components

Floats = NDArray[np.float32]
Result = TypeVar("Result")
CLUSTERS = 20


def mixture(n: int, columns: int, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """Embeddings as a network ends in: 24 latent dimensions and noise, cut to 0 to 6; clusters of unequal size."""
    rng = np.random.default_rng(seed)
    axes = rng.normal(size=(24, columns)).astype(np.float32)
    labels = rng.choice(CLUSTERS, n, p=rng.dirichlet(np.full(CLUSTERS, 3.0)))
    centres = 2 * rng.normal(size=(CLUSTERS, 24)).astype(np.float32)
    x = np.empty((n, columns), np.float32)
    for start in range(0, n, 8192):
        here = labels[start : start + 8192]
        latent = centres[here] + rng.normal(size=(len(here), 24)).astype(np.float32)
        noise = 0.5 * rng.standard_normal((len(here), columns), np.float32)
        x[start : start + 8192] = np.clip(latent @ axes + noise, 0, 6)
    return x, labels


def timed(make: Callable[[], Result]) -> tuple[float, Result]:
    """Processor seconds, and what came of it."""
    start = time.process_time()
    found = make()
    return time.process_time() - start, found


def passes(x: Floats, labels: NDArray[np.int64], n: int) -> list[tuple[str, float, str]]:
    """DIDS with both metrics, in passes over the embeddings and in matrix products of all pairs of each cluster."""
    place = np.random.default_rng(0).random(len(x))
    for metric in ("cosine", "euclidean"):
        dids.choose(x[:200], labels[:200], place[:200], CLUSTERS, metric=metric)  # compiled
    one = min(timed(x.sum)[0] for _ in range(3))
    products = timed(lambda: [_products(x, np.flatnonzero(labels == k)) for k in range(CLUSTERS)])[0]
    cosine = timed(lambda: dids.choose(x, labels, place, n, metric="cosine"))[0]
    euclidean = timed(lambda: dids.choose(x, labels, place, n))[0]
    return [
        ("one pass over the embeddings (numpy sum)", one, ""),
        ("DIDS, cosine", cosine, f"{cosine / one:.0f} passes"),
        ("products of all pairs of each cluster, each pair once (numpy)", products, ""),
        ("DIDS, Euclidean", euclidean, f"{euclidean / products:.2f} of the products"),
    ]


def _products(x: Floats, rows: NDArray[np.int64]) -> None:
    points = x[rows]
    for i in range(0, len(points), 2048):
        for j in range(i, len(points), 2048):
            points[i : i + 2048] @ points[j : j + 2048].T


def methods(x: Floats, n: int, *, peers: bool) -> list[tuple[str, float, str]]:
    """TypiClust and ProbCover with all they need, clusters and radius too."""
    some = x[:300]
    for delta in (0.1, 100.0):
        probcover.choose(some, 3, delta)
    typiclust.choose(some, clusters.partition(some, 5), 5)

    def cover() -> tuple[float, probcover.Cover]:
        components = Components.of(x)
        labels = clusters.partition(x, CLUSTERS, components=components)
        delta = probcover.radius(x, labels)
        return delta, probcover.choose(x, n, delta, np.argsort(labels, kind="stable"), components)

    ours, _ = timed(lambda: typiclust.choose(x, clusters.partition(x, n), n))
    rows = [("TypiClust, xctgraph", ours, "")]
    covering, (delta, found) = timed(cover)
    rows.append(("ProbCover, xctgraph", covering, f"delta {delta:.3g} covers {found.covered:.0%}"))
    if peers:
        from skactiveml.pool import ProbCover, TypiClust

        unknown = np.full(len(x), np.nan)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs, _ = timed(lambda: TypiClust(random_state=0).query(x, unknown, batch_size=n))
            rows.append(("TypiClust, scikit-activeml", theirs, f"{theirs / ours:.1f} x"))
            peer = ProbCover(deltas=[delta], random_state=0)
            theirs, picks = timed(lambda: peer.query(x, unknown, batch_size=n))
            same = len(set(picks.tolist()) & set(found.rows.tolist()))
            rows.append(
                ("ProbCover of that radius, scikit-activeml", theirs, f"{theirs / covering:.1f} x; {same} of {n} the same")
            )
    return rows


def embedding(images: int, edge: int) -> list[tuple[str, float, str]]:
    """Slices (edge, edge) per second of processor by each runtime that is there."""
    planes = np.random.default_rng(0).integers(0, 255, (images, edge, edge)).astype(np.uint8)
    model = models.build()
    rows = []
    for chosen, precision in (("torch", "f32"), ("openvino", "f32"), ("openvino", "bf16")):
        ready = runtime.embedder(model, chosen, precision=precision)  # type: ignore[arg-type]
        ready(planes[:16], 0, 255)
        seconds = timed(lambda ready=ready: ready(planes, 0, 255))[0]
        rows.append((ready.description, seconds, f"{images / seconds:.0f} images/s"))
    return rows


def markdown(rows: list[tuple[str, float, str]]) -> str:
    """A table of what, processor seconds, and remark."""
    return "\n".join(
        ["| | s | |", "|---|---|---|", *(f"| {name} | {seconds:.3g} | {remark} |" for name, seconds, remark in rows)]
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=40_000)
    parser.add_argument("--columns", type=int, default=1280)
    parser.add_argument("--choose", type=int, default=95)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--edge", type=int, default=512)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.slices} x {given.columns}, {given.choose} chosen\n")
    x, labels = mixture(given.slices, given.columns, given.seed)
    for rows in (
        passes(x, labels, given.choose),
        methods(x, given.choose, peers=given.peers),
        embedding(given.images, given.edge),
    ):
        print(markdown(rows), "\n", flush=True)
    print(f"largest memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
