"""Ingest by one and by two Dask workers of one thread each: time to the last commit, projections apart, and equal rows.

`python -m benchmarks.cluster [--shape 200,1080,1280] [--scans 6]` prints the table of docs/cluster.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from benchmarks.labelling import THRESHOLD, scene
from xctgraph.ingest import config, pipeline
from xctgraph.ingest.resources import Resources
from xctgraph.store import open_store

TILE = 200
CHUNK = 8
MEMORY = 2 * 2**30
# Of the volume, by features: 161,574 of 180.9 voxels in a scan of 11 gigavoxels, as in the reference study.
SHARE = 0.0027


@dataclass(frozen=True)
class Run:
    """Seconds with so many workers; `rows` is a fingerprint of features and links."""

    n_workers: int
    seconds: float
    rows: int
    n_features: int


def write_series(folder: Path, shape: tuple[int, int, int], scans: int, seed: int, *, share: float = SHARE) -> config.Dataset:
    """Scans of uint16 with noise, gzip-compressed as NXtomoproc files mostly are; features of 180 voxels (median)."""
    rng = np.random.default_rng(seed)
    tile = scene(min(TILE, *shape), seed, 180, share).astype(np.uint16) * 100
    tile = np.concatenate([tile, tile[::-1, ::-1]])
    repeats = [-(-n // t) for n, t in zip(shape[1:], tile.shape[1:], strict=True)]
    for t in range(scans):
        with h5py.File(folder / f"scan_{t}.h5", "w") as file:
            chunks = (1, min(shape[1], 540), shape[2])
            data = file.create_dataset("data", shape, np.uint16, chunks=chunks, compression="gzip", compression_opts=1)
            for z in range(0, shape[0], CHUNK):
                slices = tile[np.arange(z, min(shape[0], z + CHUNK)) % len(tile)]
                slices = np.tile(slices, (1, *repeats))[:, : shape[1], : shape[2]]
                data[z : z + len(slices)] = slices + rng.integers(0, 64, slices.shape, dtype=np.uint16)
    paths = [{"t": t, "path": str(folder / f"scan_{t}.h5")} for t in range(scans)]
    segmentation = {"method": "threshold", "bright": 100 * THRESHOLD + 32}
    sample = {"id": "S", "voxel_size_um": [1.63] * 3}
    return config.parse({"sample": sample, "segmentation": segmentation, "scan": paths}, origin="benchmark")


@contextmanager
def cluster(folder: Path, n_workers: int) -> Iterator[str]:
    """Scheduler file of a cluster on this machine."""
    address = folder / f"scheduler-{n_workers}.json"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"]
    with (folder / "log").open("ab") as log:
        started = [subprocess.Popen([*dask, "--scheduler-file", str(address)], stderr=log)]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(address), "--nthreads", "1"]
        while not address.exists():
            time.sleep(0.1)
        for k in range(n_workers):
            own = ["--no-nanny", "--no-dashboard", "--local-directory", str(folder / f"worker-{n_workers}-{k}")]
            started.append(subprocess.Popen([*worker, *own], stderr=log))
        try:
            yield str(address)
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()


def run(folder: Path, dataset: config.Dataset, n_workers: int, repeat: int) -> Run:
    """One ingest; the workers have loaded everything before, at the first two of more scans."""
    with cluster(folder, n_workers) as address:
        resources = Resources(1, MEMORY, address)
        ways = [(f"warm-{n_workers}-{repeat}", dataset.scan[:2]), (f"store-{n_workers}-{repeat}", dataset.scan)]
        for name, scans in ways if len(dataset.scan) > 2 else ways[1:]:
            store = open_store(folder / name, create=True)
            start = time.perf_counter()
            given = dataset.model_copy(update={"scan": scans})
            results = pipeline.ingest(store, given, resources=resources, project=False)
            seconds = time.perf_counter() - start
    features, links = store.read("features").to_pandas(), store.read("next").to_pandas()
    rows = hash(tuple(frame.drop(columns="job_id").to_json(double_precision=15) for frame in (features, links)))
    return Run(n_workers, seconds, rows, sum(result.n_features for result in results))


def runs(shape: tuple[int, int, int], scans: int, repeats: int, seed: int, share: float = SHARE) -> list[Run]:
    """One and two workers in turn; the median of each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = write_series(folder, shape, scans, seed, share=share)
        found = [run(folder, dataset, n, repeat) for repeat in range(repeats) for n in (1, 2)]
    by_workers = [sorted((one for one in found if one.n_workers == n), key=lambda one: one.seconds) for n in (1, 2)]
    assert len({one.rows for one in found}) == 1
    return [of[len(of) // 2] for of in by_workers]


def markdown(rows: list[Run], n_voxels: int) -> str:
    """Table with the speed-up over the first row."""
    lines = ["| workers | s (median) | times as fast | Mvoxel/s | features |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.n_workers} | {row.seconds:.1f} | {rows[0].seconds / row.seconds:.2f} | "
        f"{n_voxels / row.seconds / 1e6:.0f} | {row.n_features:,} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="200,1080,1280")
    parser.add_argument("--scans", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=SHARE)
    given = parser.parse_args()
    z, y, x = map(int, given.shape.split(","))
    print(markdown(runs((z, y, x), given.scans, given.repeats, given.seed, given.share), z * y * x * given.scans))


if __name__ == "__main__":
    main()
