"""A small sample, quick to make, whose grey values are the phases themselves when it is clean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from xctgraph.ingest import synth

SMALL: dict[str, object] = {"shape": (56, 96, 88), "features": 90, "steps": 3, "median_voxels": 40.0}

Make = Callable[..., synth.SynthResult]


@pytest.fixture
def make(tmp_path: Path, seed: int) -> Make:
    """Generate a small sample into a fresh folder; keywords change its parameters."""

    def generate(name: str = "sample", **changes: object) -> synth.SynthResult:
        return synth.generate(tmp_path / name, **{**SMALL, "seed": seed, **changes})

    return generate


@pytest.fixture
def volume() -> Callable[[synth.SynthResult, int], np.ndarray]:
    def read(result: synth.SynthResult, t: int) -> np.ndarray:
        with h5py.File(result.dataset.parent / f"scan_{t:03d}.h5") as file:
            return file["/entry1/data/data"][:]

    return read


@pytest.fixture
def phases(volume: Callable[[synth.SynthResult, int], np.ndarray]) -> Callable[[synth.SynthResult, int], np.ndarray]:
    """Phase of every voxel (0 matrix, 1 bright, 2 dark) of a sample made with blur = noise = 0."""

    def read(result: synth.SynthResult, t: int) -> np.ndarray:
        grey = volume(result, t).astype(int)
        values = np.unique(grey)
        assert len(values) == 3
        return np.select([grey == values[2], grey == values[0]], [1, 2], 0).astype(np.uint8)

    return read
