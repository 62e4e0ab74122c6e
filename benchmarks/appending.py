"""Scans appended one by one: what the k-th costs, and what bringing the projections up to date costs after it.

`python -m benchmarks.appending [--scans 30] [--features 4000] [--size 160 320 320]` prints the table of docs/performance.md.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest import config, pipeline
from xctgraph.store import Store, open_store

SHAPE = (160, 320, 320)
SHIFT = 0.7
TURNOVER = 0.02


@dataclass(frozen=True)
class Appended:
    """Seconds of one scan: into the parts (`ingest`), into each projection; and how large the store is then.

    `ingest_cpu` is the processor time of the same, which other programs on the machine disturb less.
    """

    t: int
    n_features: int
    ingest: float
    ingest_cpu: float
    statistics: float
    graph: float
    n_nodes: int
    n_edges: int


def masks(shape: tuple[int, int, int], features: int, scans: int, seed: int) -> list[NDArray[np.uint8]]:
    """Class masks of balls that drift along x; a share of them vanishes and as many appear at each step."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    ball = grid[(grid**2).sum(axis=-1) <= 2.3**2]
    centre = rng.uniform(3, np.array(shape) - 4, (features, 3))
    made = []
    for t in range(scans):
        new = rng.random(features) < TURNOVER
        centre[new] = rng.uniform(3, np.array(shape) - 4, (int(new.sum()), 3))
        moved = centre + np.array([0.0, 0.0, SHIFT * t])
        moved[:, 2] = 3 + (moved[:, 2] - 3) % (shape[2] - 7)
        z, y, x = (np.rint(moved).astype(int)[:, None] + ball).reshape(-1, 3).T
        mask = np.zeros(shape, np.uint8)
        mask[z, y, x] = 1
        made.append(mask)
    return made


def run(shape: tuple[int, int, int], features: int, scans: int, seed: int) -> list[Appended]:
    """Append scan after scan to a fresh store; a throwaway one compiles the kernels first."""
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "s", create=True) as store:
        for t, mask in enumerate(masks((24, 40, 40), 30, 2, seed)):
            np.save(Path(folder) / f"scan_{t}.npy", mask)
            _append(store, Path(folder) / f"scan_{t}.npy", t)
    found = []
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "s", create=True) as store:
        for t, mask in enumerate(masks(shape, features, scans, seed)):
            path = Path(folder) / f"scan_{t}.npy"
            np.save(path, mask)
            found.append(_append(store, path, t))
            path.unlink()
    return found


def growth(rows: list[Appended]) -> float:
    """Processor time of the last scans over that of the first with a link, each the median of three."""
    first = statistics.median(row.ingest_cpu for row in rows[1:4])
    return statistics.median(row.ingest_cpu for row in rows[-3:]) / first


def markdown(rows: list[Appended]) -> str:
    """Every fifth scan and the last."""
    lines = [
        "| scan | features | ingest, s | of the processor, s | DuckDB, s | Ladybug, s | nodes | edges |",
        "|---|---|---|---|---|---|---|---|",
    ]
    chosen = [row for k, row in enumerate(rows) if k < 2 or (k + 1) % 5 == 0 or k + 1 == len(rows)]
    lines += [
        f"| {row.t + 1} | {row.n_features:,} | {row.ingest:.2f} | {row.ingest_cpu:.2f} | {row.statistics:.2f} | {row.graph:.2f} "
        f"| {row.n_nodes:,} | {row.n_edges:,} |"
        for row in chosen
    ]
    return "\n".join(lines)


def section(rows: list[Appended]) -> str:
    """Section of docs/performance.md."""
    return "\n\n".join(
        [
            f"## {len(rows)} scans appended one by one",
            "`python -m benchmarks.appending`: `ingest` is without projections; these are brought up to date after each scan.",
            markdown(rows),
            f"Of the processor's time the last scans take {growth(rows):.2f} times that of the second (medians of three).",
        ]
    )


def _append(store: Store, path: Path, t: int) -> Appended:
    dataset = config.parse(
        {
            "sample": {"id": "S1", "voxel_size_um": 1.63},
            "segmentation": {"method": "mask"},
            "scan": [{"t": t, "path": str(path)}],
        },
        origin="benchmark",
    )
    times, cpu = [time.perf_counter()], time.process_time()
    (result,) = pipeline.ingest(store, dataset, project=False)
    cpu = time.process_time() - cpu
    times.append(time.perf_counter())
    store.project(graph=False)
    times.append(time.perf_counter())
    store.project(statistics=False)
    times.append(time.perf_counter())
    held = store.manifest()
    ingest, statistics_, graph = np.diff(times).tolist()
    nodes = sum(held.rows(table) for table in ("samples", "scans", "features", "tracks"))
    edges = sum(held.rows(table) for table in ("near", "touches", "next"))
    return Appended(t, result.n_features, ingest, cpu, statistics_, graph, nodes, edges)


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=30)
    parser.add_argument("--features", type=int, default=4000)
    parser.add_argument("--size", type=int, nargs=3, default=SHAPE)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rows = run(tuple(given.size), given.features, given.scans, given.seed)
    print(section(rows))


if __name__ == "__main__":
    main()
