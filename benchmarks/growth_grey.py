"""`analyze growth` through grey volumes: made, segmented, tracked and tested, with pores that the fracture swallows.

`python -m benchmarks.growth_grey [--samples 60] [--attraction 0]` prints the table of docs/growth.md (7 s of processor a
sample).
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import kstest

from benchmarks.growth import SHARE, naive
from xctgraph.analysis.growth.from_store import read
from xctgraph.analysis.growth.primary import ShiftTest, prepare
from xctgraph.ingest import config, pipeline, synth
from xctgraph.store import open_store
from xctgraph.store.errors import InputError

RADIUS = 25.0
"""Micrometres, as that in which the generator's density counts."""


@dataclass(frozen=True)
class Grey:
    """One sample: p of the primary and of the naive test, front sites with contrast, defects swallowed."""

    shift: float
    naive: float
    sites: int
    swallowed: int


def spec(seed: int, attraction: float) -> synth.SynthSpec:
    """Small volumes, half of their defects pores, crossed by the fracture."""
    return synth.SynthSpec(
        shape=(80, 208, 208), steps=5, features=600, pore_share=0.5, attraction=attraction, seed=seed, fracture_end=0.8
    )


def one(made: synth.SynthSpec, folder: Path, *, shifts: int = 999) -> Grey | None:
    """Make, ingest and test a sample; None where too few sites have contrast."""
    written = synth.generate(folder / "made", made)
    with open_store(folder / "store", create=True) as store:
        pipeline.ingest(store, config.load(written.dataset), project=False)
        seen = read(store, made.sample, RADIUS)
        swallowed = store.sql("SELECT count(*) AS n FROM next WHERE event = 'swallowed'")["n"][0].as_py()
    try:
        ready = prepare(seen.sites.judged(seen.threshold, SHARE))
    except InputError:
        return None
    p = ShiftTest(ready, made.seed, shifts).p(ready.null)
    return Grey(p, naive(ready, np.random.default_rng(made.seed)), len(ready.sites), int(swallowed))


def run(samples: int, *, attraction: float = 0.0, seed: int = 0) -> list[Grey]:
    """Samples one after the other; those that can be tested."""
    found = []
    for i in range(samples):
        with tempfile.TemporaryDirectory() as folder:
            tested = one(spec(1000 * (seed + 1) + i, attraction), Path(folder))
        if tested is not None:
            found.append(tested)
            print(f"{i}: {tested}", flush=True)
    return found


def table(found: list[Grey]) -> str:
    """Shares rejected by both tests, whether p is uniform, and what there was to test on."""
    sites, swallowed = (np.array([getattr(one, name) for one in found]) for name in ("sites", "swallowed"))
    lines = [
        f"{len(found)} samples, {np.median(sites):.0f} front sites (median), {swallowed.sum()} defects swallowed, "
        f"at least one in {(swallowed > 0).sum()} samples",
        "",
        "| test | p < 0.05 | p < 0.1 | p uniform (Kolmogorov-Smirnov) |",
        "|---|---|---|---|",
    ]
    for test in ("shift", "naive"):
        p = np.array([getattr(one, test) for one in found])
        lines.append(f"| {test} | {(p < 0.05).sum()} | {(p < 0.1).sum()} | p = {kstest(p, 'uniform').pvalue:.2g} |")
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--attraction", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(table(run(given.samples, attraction=given.attraction, seed=given.seed)))


if __name__ == "__main__":
    main()
