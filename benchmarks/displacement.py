"""Links against how far the sample moved, and against the size of the features.

`python -m benchmarks.displacement [--features 19000] [--seed S] [--all]` prints the tables of docs/linking.md, draws its figure.
With few features, a displacement of several spacings is a large strain; with many, some trackers take minutes each (`--all`).
"""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Collection, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks import linking
from benchmarks.clouds import Motion, cloud
from benchmarks.linking import CASES, DENSITY, MOVED, OURS, RAW, Linked
from xctgraph.ingest.correspondence.link import link

QUICK = ("mutual nearest neighbours", "SciPy sparse assignment")
AMPLITUDES = (3.0, 8.0, 16.0, 27.0, 40.0, 55.0, 80.0)
EDGES = (0.0, 20.0, 40.0, 80.0, 160.0, np.inf)
FIGURE = Path(__file__).parents[1] / "docs" / "images" / "linking.png"


def against_displacement(
    features: int, seed: int, amplitudes: Sequence[float] = AMPLITUDES, trackers: Collection[str] | None = None
) -> list[Linked]:
    """Every method, or those named in `trackers`, on smooth displacements of rising amplitude, voxels."""
    cases = {f"{amplitude:g}": Motion(smooth=amplitude) for amplitude in amplitudes}
    return linking.run(features, seed, cases, trackers=trackers)


def curves(rows: list[Linked]) -> dict[str, list[tuple[float, float]]]:
    """(displacement over spacing, F1) of each method, radii left out of its name."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        name = row.method if row.method == OURS else row.method.rpartition(", ")[0]
        found.setdefault(name, []).append((row.ratio, row.f1))
    return found


def table(rows: list[Linked]) -> str:
    """F1 of each method by displacement over spacing."""
    by_method = curves(rows)
    ratios = [ratio for ratio, _ in by_method[OURS]]
    lines = ["| method | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |", "|---|" + "---|" * len(ratios)]
    lines += [f"| {name} | " + " | ".join(f"{f1:.3f}" for _, f1 in found) + " |" for name, found in by_method.items()]
    return "\n".join(lines)


def draw(rows: list[Linked]) -> Figure:
    """F1 against displacement over spacing: peers on raw positions as lines, on moved ones dashed."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    colours: dict[str, str] = {}
    for name, found in curves(rows).items():
        peer = name.removesuffix(f", {RAW}").removesuffix(f", {MOVED}")
        colour = "black" if name == OURS else colours.setdefault(peer, f"C{len(colours)}")
        moved = name.endswith(MOVED)
        label = None if moved else ("xctgraph" if name == OURS else peer)
        axes.plot(*zip(*found, strict=True), marker="o", ms=3, color=colour, ls="--" if moved else "-", label=label)
    axes.axvline(1, color="0.8", zorder=0)
    axes.set(xlabel="median displacement / distance of nearest neighbours", ylabel="F1 of links", ylim=(0, 1.02))
    axes.legend(frameon=False, title="dashed: positions moved by our field", fontsize=8, title_fontsize=8)
    return figure


def recall_by_size(features: int, seeds: Sequence[int], motion: Motion) -> list[tuple[int, float]]:
    """True links from features in each class of volume (`EDGES`, voxels), and the share of them that is found."""
    true, right = np.zeros(len(EDGES) - 1, np.int64), np.zeros(len(EDGES) - 1, np.int64)
    for seed in seeds:
        made = cloud(features, np.cbrt(features / DENSITY), motion, seed)
        links = link(made.side(second=False), made.side(second=True)).next
        n = len(made.second)
        found = (links["source"].to_numpy() - 1) * n + links["target"].to_numpy() - 1
        size = np.digitize(made.first_volume[made.links[:, 0]], EDGES) - 1
        hit = np.isin(made.links[:, 0] * n + made.links[:, 1], found)
        true += np.bincount(size, minlength=len(true))
        right += np.bincount(size[hit], minlength=len(true))
    return [(int(k), float(r / k) if k else float("nan")) for k, r in zip(true, right, strict=True)]


def sizes_table(features: int, seeds: Sequence[int]) -> str:
    """Recall by size of each case of `linking`."""
    names = [f"{low:g} to {high:g}" if np.isfinite(high) else f"from {low:g}" for low, high in pairwise(EDGES)]
    lines = ["| displacement | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for name, motion in CASES.items():
        cells = [f"{share:.4f} ({n:,})" for n, share in recall_by_size(features, seeds, motion)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=int, default=19_000)
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    parser.add_argument("--all", action="store_true", help="all trackers, and not only the quick ones")
    given = parser.parse_args()
    linking.run(500, 0, peers=False)  # compiles the kernels
    rows = against_displacement(given.features, given.seed, trackers=None if given.all else QUICK)
    print(f"{given.features} features, seed {given.seed}\n\n{table(rows)}\n", flush=True)
    draw(rows).savefig(FIGURE, dpi=130)
    seeds = [secrets.randbits(31) for _ in range(3)]
    print(f"{given.features} features, seeds {seeds}\n\n{sizes_table(given.features, seeds)}")


if __name__ == "__main__":
    main()
