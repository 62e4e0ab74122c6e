"""How likely links are right: fits the model of `correspondence.confidence` and shows how well it holds on other scenes.

`python -m benchmarks.calibration [--scenes 400] [--held-out 80]` prints coefficients, and a table of given and right.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.clouds import Motion, cloud
from benchmarks.linking import DENSITY
from tests.ingest.correspondence import scene
from tests.ingest.correspondence.test_link import sides
from xctgraph.ingest.correspondence import confidence
from xctgraph.ingest.correspondence.link import Judged, judge
from xctgraph.ingest.correspondence.side import ScanSide

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BINS = (0.0, 0.3, 0.5, 0.7, 0.85, 0.95, 0.98, 0.99, 0.999, 1.0)


@dataclass(frozen=True)
class Sample:
    """Terms of the model, and whether the link is right, of the links of one scene: matched ones and added ones."""

    matched: Floats
    matched_right: Bools
    added: Floats
    added_right: Bools


def with_voxels(seed: int) -> Sample:
    """Label volumes of a few hundred ellipsoids, from easy to hopeless."""
    rng = np.random.default_rng([seed, 1])
    made = scene.make(
        rng,
        n=int(rng.integers(150, 500)),
        size=int(rng.integers(80, 130)),
        drift=rng.uniform(0, 40),
        strain=rng.uniform(-0.05, 0.05),
        smooth=rng.uniform(0, 14),
        turnover=rng.uniform(0, 0.2),
        splits=rng.uniform(0, 0.06),
        apart=rng.uniform(6, 10),
        pores=float(rng.choice([0, 0.3])),
    )
    return _sample(*sides(made), {(i - 1, j - 1) for i, j, _ in made.links})


def without_voxels(seed: int) -> Sample:
    """Clouds of some hundred to thousand features, from easy to hopeless."""
    rng = np.random.default_rng([seed, 0])
    n = int(np.exp(rng.uniform(np.log(300), np.log(6000))))
    extent = float(np.cbrt(n / DENSITY))
    z, y, x = (float(u) for u in rng.uniform(-0.06, 0.06, 3) * extent)
    motion = Motion(
        smooth=rng.uniform(0, 0.12) * extent * rng.random(),
        jump=rng.uniform(0, 10) * float(rng.random() < 0.5),
        rotation=rng.uniform(-4, 4),
        strain=rng.uniform(-0.04, 0.04),
        drift=(z, y, x),
    )
    noise = float(np.exp(rng.uniform(np.log(0.05), np.log(2)))), rng.uniform(0.02, 0.3)
    made = cloud(n, extent, motion, seed, turnover=rng.uniform(0, 0.25), noise=noise)
    return _sample(made.side(second=False), made.side(second=True), {(int(i), int(j)) for i, j in made.links})


def fit(terms: Floats, right: Bools, weight: Floats) -> Floats:
    """Coefficients of the logistic model at the largest likelihood, with a slight pull to zero."""

    def loss(b: Floats) -> tuple[float, Floats]:
        z = terms @ b
        slope = terms.T @ (weight * (1 / (1 + np.exp(-z)) - right)) + 2e-4 * b
        return float((weight * (np.logaddexp(0, z) - right * z)).sum() + 1e-4 * (b @ b)), slope

    options = {"maxiter": 9000, "maxfun": 30_000, "ftol": 1e-15, "gtol": 1e-10}
    found: Floats = minimize(loss, np.zeros(terms.shape[1]), jac=True, method="L-BFGS-B", options=options).x
    return found


def reliability(given: Floats, right: Bools) -> str:
    """What was given and what was right, by bins of what was given."""
    lines = ["| given | links | mean of given | right |", "|---|---|---|---|"]
    for low, high in itertools.pairwise(BINS):
        here = (given >= low) & ((given < high) | (high == 1))
        if here.any():
            lines.append(f"| {low:g} to {high:g} | {here.sum():,} | {given[here].mean():.4f} | {right[here].mean():.4f} |")
    return "\n".join(lines)


def judged(samples: Iterable[Sample], *, voxels: bool) -> tuple[Floats, Bools]:
    """Confidence by the model in use, and whether the link is right, of all links of the samples."""
    given, right = [], []
    for one in samples:
        given += [confidence.probability(one.matched, confidence.MATCHED[voxels])]
        given += [confidence.probability(one.added, confidence.ADDED[voxels])]
        right += [one.matched_right, one.added_right]
    return np.concatenate(given), np.concatenate(right)


def _sample(a: ScanSide, b: ScanSide, truth: set[tuple[int, int]]) -> Sample:
    found: Judged = judge(a, b)
    right = np.array([pair in truth for pair in zip(found.a.tolist(), found.b.tolist(), strict=True)], np.bool_)
    n = len(found.matched)
    return Sample(found.matched, right[:n], found.added, right[n:])


def main() -> None:
    """Parse the command line, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=400)
    parser.add_argument("--held-out", type=int, default=80)
    given = parser.parse_args()
    makers: dict[bool, Callable[[int], Sample]] = {True: with_voxels, False: without_voxels}
    for voxels, make in makers.items():
        samples = [make(seed) for seed in range(given.scenes)]
        for name in ("matched", "added"):
            parts = [(getattr(one, name), getattr(one, f"{name}_right")) for one in samples]
            weight = np.concatenate([np.full(len(right), 1 / np.sqrt(max(1, len(right)))) for _, right in parts])
            terms, right = (np.concatenate(side) for side in zip(*parts, strict=True))
            print(f"{name}, voxels {voxels}: {np.round(fit(terms, right, weight / weight.mean()), 3).tolist()}")
        held_out = [make(seed) for seed in range(10**6, 10**6 + given.held_out)]
        print(reliability(*judged(held_out, voxels=voxels)))


if __name__ == "__main__":
    main()
