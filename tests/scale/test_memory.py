"""A volume of 3.2 GB is ingested with less than 1.5 GB of memory, and every feature in it is found."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np

SHAPE = (1024, 1024, 1536)
PERIOD = 16
LIMIT = 1.5e9


def _write(path: Path, rng: np.random.Generator) -> tuple[int, int]:
    """Noise with one bright ball in most cells of a cubic lattice; the number of balls, and of their voxels."""
    grid = np.stack(np.meshgrid(*[np.arange(PERIOD)] * 3, indexing="ij"), axis=-1) - PERIOD // 2
    ball = (grid**2).sum(axis=-1) <= 3**2
    matrix = rng.normal(20_000, 1_000, (PERIOD, *SHAPE[1:])).astype(np.uint16)
    n_balls = 0
    with h5py.File(path, "w") as file:
        data = file.create_dataset("entry/data", SHAPE, np.uint16, chunks=(PERIOD, 256, SHAPE[2]))
        for z in range(0, SHAPE[0], PERIOD):
            present = rng.random((SHAPE[1] // PERIOD, SHAPE[2] // PERIOD)) < 0.4
            n_balls += int(present.sum())
            cells = np.kron(present, np.ones((PERIOD, PERIOD), bool))
            balls = np.tile(ball, (1, *present.shape)) & cells
            data[z : z + PERIOD] = np.where(balls, np.uint16(40_000), matrix)
    return n_balls, n_balls * int(ball.sum())


def _high_water_mark(pid: int) -> int:
    """Peak RSS of a running process in bytes; ru_maxrss would count what the test process held before the exec."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def test_memory_stays_below_the_volume(tmp_path: Path, rng: np.random.Generator) -> None:
    volume = tmp_path / "big.h5"
    n_balls, n_voxels = _write(volume, rng)
    assert volume.stat().st_size > 3.2e9
    command = [str(Path(sys.executable).parent / "xctgraph"), "ingest", str(volume), "--sample", "BIG", "--voxel-size", "1.63um"]
    command += ["--segmentation", "threshold:30000", "--store", str(tmp_path / "s"), "--json"]
    peak = 0
    with (tmp_path / "answer.json").open("w") as answer, subprocess.Popen(command, stdout=answer) as process:
        while process.poll() is None:
            peak = max(peak, _high_water_mark(process.pid))
            time.sleep(0.02)
    volume.unlink()
    assert process.returncode == 0
    answered = json.loads((tmp_path / "answer.json").read_text())
    assert answered["scans"][0]["n_features"] == n_balls > 150_000
    print(f"peak RSS {peak / 1e9:.2f} GB for {volume.name} of {np.prod(SHAPE) * 2 / 1e9:.2f} GB, {n_balls} features")
    assert 1e8 < peak < LIMIT
    sql = "SELECT count(*) AS n, sum(n_voxels) AS voxels FROM features"
    found = subprocess.run(
        [command[0], "sql", sql, "--store", str(tmp_path / "s"), "--json"], capture_output=True, text=True, check=True
    )
    assert json.loads(found.stdout) == [{"n": n_balls, "voxels": n_voxels}]
