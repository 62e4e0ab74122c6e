"""A small series of slices on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xctgraph.ingest import config


def write_series(folder: Path, rng: np.random.Generator, *, scans: int = 3, shape: tuple[int, int, int] = (20, 40, 56)) -> Path:
    """Noise of two textures that change over, scan by scan; a dataset file with strain."""
    folder.mkdir(exist_ok=True)
    lines = ['[sample]\nid = "S1"\nvoxel_size_um = 2.0\n']
    for t in range(scans):
        volume = rng.normal(1000 + 50 * t, 40, shape)
        volume[shape[0] * (t + 1) // (scans + 1) :, :, ::4] += 300
        np.save(folder / f"scan{t}.npy", volume.clip(0).astype(np.uint16))
        lines.append(f'[[scan]]\nt = {t}\npath = "scan{t}.npy"\nstrain = {0.01 * t}\n')
    path = folder / "dataset.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def series(tmp_path: Path, rng: np.random.Generator) -> config.Dataset:
    return config.load(write_series(tmp_path / "series", rng))
