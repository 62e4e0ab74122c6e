"""Links between two scans: ours against trackers of other fields, on raw positions and on positions moved by our field.

`python -m benchmarks.linking [--features 19000] [--seeds 10]` prints the tables of docs/performance.md.
"""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.clouds import Cloud, Motion, cloud, score
from xctgraph.ingest.correspondence.field import Field
from xctgraph.ingest.correspondence.link import link

Floats = NDArray[np.float64]

SMALL, LARGE, TURNED = "small", "beyond the spacing, jump", "rotation, strain, drift"
CASES = {
    SMALL: Motion(smooth=3),
    LARGE: Motion(smooth=45, jump=6),
    TURNED: Motion(smooth=3, rotation=3, strain=0.04, drift=(20, -25, 24)),
}
DENSITY = 19_000 / 512**3
WARPED_RADIUS = 10.0
LARGEST_FOR_PEERS = 30_000
OURS = "xctgraph `link`"
RAW, MOVED = "raw positions", "positions moved by our field"


@dataclass(frozen=True)
class Linked:
    """One method on one pair of scans; `ratio` is the median displacement over the distance between nearest neighbours."""

    case: str
    method: str
    seconds: float
    f1: float
    of_events: float
    ratio: float


def run(
    features: int,
    seed: int,
    cases: dict[str, Motion] | None = None,
    *,
    peers: bool = True,
    trackers: Collection[str] | None = None,
) -> list[Linked]:
    """Link the cases with every method; `trackers` names the peers, all if not given."""
    rows = []
    for name, motion in (cases or CASES).items():
        made = cloud(features, np.cbrt(features / DENSITY), motion, seed)
        a, b = made.side(second=False), made.side(second=True)
        start = time.perf_counter()
        links = link(a, b)
        seconds = time.perf_counter() - start
        ours = np.stack([links.next[end].to_numpy() - 1 for end in ("source", "target")], axis=1)
        rows.append(Linked(name, OURS, seconds, *score(ours, made), made.displacement / made.spacing))
        if peers and features <= LARGEST_FOR_PEERS:
            known = links.field.num_rows > 0
            rows += _peers(
                trackers, name, made, Field.from_table(links.field).at(made.first) if known else np.zeros_like(made.first)
            )
    return rows


def _peers(trackers: Collection[str] | None, case: str, made: Cloud, displacement: Floats) -> Iterator[Linked]:
    # Imported here: it takes seconds, which importers of this module need not wait for.
    from benchmarks.trackers import TRACKERS

    raw_radius = max(WARPED_RADIUS, float(np.ceil(1.5 * made.displacement)))
    ratio = made.displacement / made.spacing
    for words, moved, radius in ((RAW, 0.0, raw_radius), (MOVED, 1.0, WARPED_RADIUS)):
        for name, peer in TRACKERS.items():
            if trackers is not None and name not in trackers:
                continue
            start = time.perf_counter()
            found = peer(made.first + moved * displacement, made.second, radius)
            seconds = time.perf_counter() - start
            yield Linked(case, f"{name}, {words}, {radius:g} voxels", seconds, *score(found, made), ratio)


def markdown(rows: list[Linked]) -> str:
    """Table with times over that of the first row of each case."""
    lines = ["| displacement | method | s | ratio | F1 | of splits and merges |", "|---|---|---|---|---|---|"]
    first = {row.case: row.seconds for row in reversed(rows)}
    lines += [
        f"| {r.case} | {r.method} | {r.seconds:.2f} | {r.seconds / first[r.case]:.1f} | {r.f1:.4f} | {r.of_events:.3f} |"
        for r in rows
    ]
    return "\n".join(lines)


def over_seeds(features: int, seeds: list[int]) -> str:
    """F1 and recall of splits and merges of ours over many seeds."""
    lines = ["| displacement | seeds | F1 mean | worst | of splits and merges, mean | worst |", "|---|---|---|---|---|---|"]
    for name, motion in CASES.items():
        found = np.array([(row.f1, row.of_events) for s in seeds for row in run(features, s, {name: motion}, peers=False)])
        mean, worst = found.mean(axis=0), found.min(axis=0)
        lines.append(f"| {name} | {len(seeds)} | {mean[0]:.4f} | {worst[0]:.4f} | {mean[1]:.3f} | {worst[1]:.3f} |")
    return "\n".join(lines)


def section(features: int, n_seeds: int) -> str:
    """Section of docs/performance.md, on fresh seeds."""
    seeds = [secrets.randbits(31) for _ in range(n_seeds)]
    run(500, 0, peers=False)  # compiles the kernels
    parts = [
        f"## Links between two scans of {features:,} features",
        "Clouds of features with 5 % births and deaths and 2 % splits and merges (`benchmarks/clouds.py`): a smooth displacement "
        "below the spacing; a smooth one of up to three times the spacing with a jump of 6 voxels across a crack; a rotation by "
        f"3°, a strain of 4 % and a drift of 40 voxels. Seeds {seeds}; the methods are compared on the first.",
        over_seeds(features, seeds),
        markdown(run(features, seeds[0])),
    ]
    if features >= LARGEST_FOR_PEERS // 2:
        size = 161_574
        both = [row for name in (SMALL, LARGE) for row in run(size, seeds[0], {name: CASES[name]}, peers=False)]
        parts += [f"{size:,} features:", markdown(both)]
    return "\n\n".join(parts)


def main() -> None:
    """Parse the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=int, default=19_000)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    print(section(given.features, given.seeds))


if __name__ == "__main__":
    main()
