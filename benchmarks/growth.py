"""How honest `analyze growth` is: rejections without attraction, power, and coverage of its interval, on simulated fronts.

`python -m benchmarks.growth [--samples 2000] [--workers 2]` prints the tables of docs/growth.md; `python -m
benchmarks.growth_grey` goes through grey volumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.stats import kstest

from xctgraph.analysis.growth import nulls
from xctgraph.analysis.growth.primary import Prepared, ShiftTest, prepare, primary
from xctgraph.analysis.growth.simulate import Design, simulate
from xctgraph.store.errors import InputError

RATIOS = (1.25, 1.5, 2.0, 2.4)
"""Per standard deviation over the planes of the fractures; over the sites, as the effect is reported, 2.4 is 2."""
THRESHOLD, SHARE = 5.0, 0.5
"""As `analyze growth` judges advance by itself."""
EVERYWHERE = 0.995
"""Share of sites that advance, at which 85 % of the fronts have moved everywhere (`Sites.judged`)."""
TESTS = ("shift", "redrawn", "toroidal", "naive")


@dataclass(frozen=True)
class Outcome:
    """p of each test, effect and interval, the true ratio per standard deviation over the sites, fractures, sites used."""

    p: dict[str, float]
    interval: tuple[float, float]
    effect: float
    truth: float
    fractures: int
    sites: int


def one(key: Sequence[int], design: Design, *, shifts: int, draws: int, interval: bool) -> Outcome | None:
    """Simulate and test one sample, of one to three fractures where the design has 0; None where too few sites have contrast."""
    rng = np.random.default_rng(key)
    fractures = int(rng.integers(1, 4))
    made = simulate(replace(design, fractures=design.fractures or fractures), rng)
    seed = int(rng.integers(2**31))
    try:
        sites = made.sites.judged(THRESHOLD, SHARE)
        ready = prepare(sites)
    except InputError:
        return None
    p = {"shift": ShiftTest(ready, seed, shifts).p(ready.null), "naive": naive(ready, rng)}
    if draws:
        material = nulls.Material(made.defects, made.window)
        around = nulls.Draws(ready, material, design.radius)
        p["redrawn"] = nulls.redrawn(around, seed, draws).p
        p["toroidal"] = nulls.toroidal(around, seed, draws).p
    found = primary(sites, seed=seed, n_shifts=shifts) if interval else None
    ends, effect = (found.interval, found.effect) if found is not None else ((np.nan, np.nan), np.nan)
    spread = np.sqrt(np.cov(ready.sites.density, aweights=ready.sites.length, ddof=0))
    truth = design.hazard_ratio ** float(spread / made.deviation)
    return Outcome(p, ends, effect, truth, int(made.sites.fracture.max()) + 1, len(ready.sites))


def naive(ready: Prepared, rng: np.random.Generator, n: int = 499) -> float:
    """p of the obvious test: mean density percentile of the sites that advanced, these shuffled within each front."""
    front, advanced, centred = ready.sites.front, ready.sites.advanced, ready.percentile - 0.5
    observed = abs(float(centred[advanced].sum()))
    in_order = np.argsort(front, kind="stable")
    drawn = np.empty(n)
    for k in range(n):
        shuffled = np.lexsort((rng.random(len(front)), front))
        moved = np.empty_like(advanced)
        moved[in_order] = advanced[shuffled]
        drawn[k] = abs(float(centred[moved].sum()))
    return float((1 + (drawn >= observed).sum()) / (n + 1))


def run(
    design: Design, samples: int, *, seed: int = 0, workers: int = 2, shifts: int = 999, draws: int = 0, interval: bool = False
) -> list[Outcome]:
    """Outcomes of the samples that could be tested."""
    task = partial(one, design=design, shifts=shifts, draws=draws, interval=interval)
    keys = [(seed, round(1000 * design.hazard_ratio), i) for i in range(samples)]
    if workers == 1:
        found = list(map(task, keys))
    else:
        with ProcessPoolExecutor(workers) as pool:
            found = list(pool.map(task, keys, chunksize=max(1, samples // (8 * workers))))
    return [outcome for outcome in found if outcome is not None]


def rejected(outcomes: list[Outcome], test: str, level: float = 0.05) -> float:
    """Share of samples with p below `level`."""
    return float(np.mean([outcome.p[test] < level for outcome in outcomes]))


def calibration(outcomes: list[Outcome]) -> str:
    """Table of what each test rejects without attraction."""
    lines = ["| test | p < 0.01 | p < 0.05 | p < 0.1 | p uniform (Kolmogorov-Smirnov) |", "|---|---|---|---|---|"]
    for test in TESTS:
        if test in outcomes[0].p:
            p = np.array([outcome.p[test] for outcome in outcomes])
            shares = " | ".join(f"{100 * rejected(outcomes, test, level):.1f} %" for level in (0.01, 0.05, 0.1))
            lines.append(f"| {test} | {shares} | p = {kstest(p, 'uniform').pvalue:.2g} |")
    return "\n".join(lines)


def power(by_ratio: dict[float, list[Outcome]]) -> str:
    """Table of power and coverage by hazard ratio."""
    lines = [
        "| hazard ratio | over the sites | power, 1 / 2 / 3 fractures | effect / truth | holds truth | too low / high | open |",
        "|---|---|---|---|---|---|---|",
    ]
    for ratio, outcomes in by_ratio.items():
        each = [[o for o in outcomes if o.fractures == k] for k in (1, 2, 3)]
        shares = " / ".join(f"{100 * rejected(some, 'shift'):.0f} %" if some else "-" for some in each)
        held = np.mean([o.interval[0] <= o.truth <= o.interval[1] for o in outcomes])
        wide = np.mean([o.interval[0] == 0 or np.isinf(o.interval[1]) for o in outcomes])
        effect = np.median([o.effect / o.truth for o in outcomes])
        over = np.median([o.truth for o in outcomes])
        low, high = (100 * np.mean([f(o) for o in outcomes]) for f in (_too_low, _too_high))
        missed = f"{100 * held:.1f} % | {low:.1f} / {high:.1f} %"
        lines.append(f"| {ratio:g} | {over:.2f} | {shares} | {effect:.2f} | {missed} | {100 * wide:.0f} % |")
    return "\n".join(lines)


def by_size(samples: int, seed: int, workers: int) -> str:
    """Table of power by fractures and pairs of scans; one fracture in four pairs has about the sites of the demo's."""
    lines = ["| hazard ratio | fractures | pairs of scans | sites with contrast | power |", "|---|---|---|---|---|"]
    for ratio in RATIOS[2:]:
        for fractures, steps in ((1, 4), (1, 8), (2, 4)):
            design = Design(hazard_ratio=ratio, fractures=fractures, steps=steps)
            outcomes = run(design, samples, seed=seed, workers=workers)
            sites, share = np.median([o.sites for o in outcomes]), 100 * rejected(outcomes, "shift")
            lines.append(f"| {ratio:g} | {fractures} | {steps} | {sites:.0f} | {share:.0f} % |")
    return "\n".join(lines)


def _too_low(outcome: Outcome) -> bool:
    return outcome.interval[1] < outcome.truth


def _too_high(outcome: Outcome) -> bool:
    return outcome.interval[0] > outcome.truth


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--power-samples", type=int, default=700)
    parser.add_argument("--other-samples", type=int, default=500, help="for the other nulls, and for power by size")
    parser.add_argument("--draws", type=int, default=99, help="of the other nulls")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    design = Design(fractures=0)
    everywhere = replace(design, share=EVERYWHERE)
    for one_design, samples, draws, seed in (
        (design, given.samples, 0, given.seed),
        (design, given.other_samples, given.draws, given.seed + 3),
        (everywhere, given.samples, 0, given.seed + 4),
    ):
        outcomes = run(one_design, samples, seed=seed, workers=given.workers, draws=draws)
        print(
            f"share {one_design.share:g}: {len(outcomes)} of {samples} samples had sites enough\n\n{calibration(outcomes)}\n",
            flush=True,
        )
    ratios = (1.0, *RATIOS)
    found = {
        ratio: run(
            replace(design, hazard_ratio=ratio), given.power_samples, seed=given.seed + 1, workers=given.workers, interval=True
        )
        for ratio in ratios
    }
    print(f"{power(found)}\n", flush=True)
    print(by_size(given.other_samples, given.seed + 2, given.workers))


if __name__ == "__main__":
    main()
