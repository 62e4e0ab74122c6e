"""Series of volumes, and real Dask schedulers and workers in processes of their own."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import ndimage

from xctgraph.ingest import config
from xctgraph.store import Store

SHAPE = (60, 48, 52)
N_SCANS = 4
TABLES = ("scans", "features", "near", "touches", "next", "fields", "tracks", "label_runs", "material_runs")


@pytest.fixture
def paths(tmp_path: Path, rng: np.random.Generator) -> dict[str, list[Path]]:
    """Grey volumes with bright and dark blobs that move by a voxel along x at each step, and masks of a cylinder."""
    noise = ndimage.gaussian_filter(rng.normal(size=SHAPE), 2)
    grey = np.full(SHAPE, 1000.0)
    grey[noise > np.quantile(noise, 0.97)] = 1500
    grey[noise < np.quantile(noise, 0.03)] = 500
    _, y, x = np.indices(SHAPE)
    mask = (np.hypot(y - 24, x - 26) < 22).astype(np.uint8)
    made: dict[str, list[Path]] = {"path": [], "mask": []}
    for t in range(N_SCANS):
        for role, volume in (("path", np.roll(grey, t, axis=2) + rng.normal(0, 30, SHAPE)), ("mask", mask)):
            made[role].append(tmp_path / f"{role}_{t}.npy")
            np.save(made[role][-1], volume.astype(np.uint8 if role == "mask" else np.uint16))
    return made


def dataset(paths: Mapping[str, Sequence[Path | str]], **changes: Any) -> config.Dataset:
    return config.parse(
        {
            "sample": {"id": "S1", "voxel_size_um": [2, 1, 1]},
            "segmentation": {"method": "otsu"},
            "proximity": {"gap_um": 5},
            "scan": [{"t": t, **{role: str(found[t]) for role, found in paths.items()}} for t in range(N_SCANS)],
            **changes,
        },
        origin="test",
    )


def rows(store: Store) -> dict[str, pa.Table]:
    """All rows, without what differs from run to run."""
    return {name: (read := store.read(name)).drop_columns([c for c in ("job_id",) if c in read.column_names]) for name in TABLES}


class Processes:
    """A Dask scheduler and its workers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.scheduler = self._start("scheduler", "scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1")
        self.address = self._wait("scheduler", r"Scheduler at:\s+(tcp://\S+)")
        self.workers: list[subprocess.Popen[bytes]] = []

    def add_worker(self) -> subprocess.Popen[bytes]:
        name = f"worker{len(self.workers)}"
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(self._folder / name))
        self.workers.append(self._start(name, "worker", self.address, *options))
        self._wait(name, r"(Registered to)")
        return self.workers[-1]

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]], stderr=log)

    def _wait(self, name: str, pattern: str) -> str:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            told = (self._folder / f"{name}.log").read_text()
            if found := re.search(pattern, told):
                return found[1]
            time.sleep(0.1)
        raise TimeoutError(told)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Callable[[int], Processes]]:
    """Starts a scheduler with so many workers."""
    started: list[Processes] = []

    def start(n_workers: int) -> Processes:
        folder = tmp_path / f"dask{len(started)}"
        folder.mkdir()
        started.append(Processes(folder))
        for _ in range(n_workers):
            started[-1].add_worker()
        return started[-1]

    yield start
    for one in started:
        one.close()
