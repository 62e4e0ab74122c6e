"""Ripley's K of a large scan with its simulation envelope: `python -m benchmarks.ripley [--points 161574] [--simulations 99]`."""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from xctgraph.analysis.density.ripley import distances
from xctgraph.analysis.density.statistics import Ripley, ripley
from xctgraph.analysis.density.window import Window

SIDES = 1.63 * np.array([2000.0, 2560.0, 2160.0])
"""Of a scan of 11 gigavoxels, micrometres."""


def run(
    points: int, simulations: int, *, largest: float = 100.0, masked: bool = False, workers: int = 2, seed: int = 0
) -> Ripley:
    """K, L, g and G of random points in the box of such a scan, or in the largest upright elliptic cylinder in it."""
    window = Window.box(np.zeros(3), SIDES)
    if masked:
        n = 160
        _, y, x = np.indices((n, n, n)) / (n - 1) - 0.5
        window = Window(x**2 + y**2 <= 0.25, SIDES / n, np.zeros(3))
    drawn = window.draw(points, np.random.default_rng(seed))
    return ripley(drawn, window, distances(largest, 50), seed=seed, n_simulations=simulations, workers=workers)


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=161_574)
    parser.add_argument("--simulations", type=int, default=99)
    parser.add_argument("--largest", type=float, default=100.0)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    run(1000, 19)  # compiled once
    for masked in (False, True):
        wall, cpu = time.perf_counter(), time.process_time()
        found = run(given.points, given.simulations, largest=given.largest, masked=masked, workers=given.workers)
        what = "cylinder" if masked else "box"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{what}: {given.points} points, {given.simulations} simulations, to {given.largest:g} um: "
            f"{time.perf_counter() - wall:.1f} s wall, {time.process_time() - cpu:.1f} s CPU, peak {peak:.2f} GiB, "
            f"p = {found.envelope['L'].p:.2f}"
        )


if __name__ == "__main__":
    main()
