"""A sample with truth, and a labelling job of its slices."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from benchmarks.pseudolabel import Scan, scans
from xctgraph.ingest import config
from xctgraph.ingest.sampling import job
from xctgraph.ingest.sampling.choose import Chosen
from xctgraph.ingest.sampling.embed import Embedding

SHAPE = (48, 112, 112)
REAL: dict[str, Any] = {
    "shape": SHAPE, "steps": 2, "features": 90, "noise": 0.15, "rings": 0.1, "beam_hardening": 0.2, "contrast_drift": -0.2,
    "air_voxels": 10, "fracture_end": 0.6,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Made:
    dataset: Path
    scans: list[Scan]

    def slices(self, *, step: int = 2) -> list[tuple[Scan, int]]:
        return [(scan, z) for scan in self.scans for z in range(0, SHAPE[0], step)]


@pytest.fixture
def made(tmp_path: Path, seed: int) -> Made:
    found = list(scans(tmp_path / "synth", **REAL, seed=seed))
    return Made(tmp_path / "synth" / "dataset.toml", found)


@pytest.fixture
def labelling(made: Made, tmp_path: Path, rng: np.random.Generator) -> tuple[Path, dict[str, np.ndarray]]:
    """A job of ten slices, and the truth of each by name."""
    dataset = config.load(made.dataset)
    z = np.arange(SHAPE[0])
    rows = [{"sample": "SYNTH", "t": t, "z": int(k), "low": 5e3, "high": 4e4, "strain": 0.0} for t in (0, 1) for k in z]
    embedding = Embedding(
        np.zeros((len(rows), 2), np.float32),
        pa.Table.from_pylist(rows),
        {"model": "none", "weights": "none", "runtime": "none", "step": 1},
    )
    # The slices of the fracture among them.
    dark = np.argsort([-(scan.truth[k] == 3).sum() for scan in made.scans for k in z])[:3]
    others = rng.permutation(np.setdiff1d(np.arange(len(rows)), dark))[:7]
    chosen = Chosen(np.concatenate([dark, others]), None, "strain", {"method": "random"})
    folder = tmp_path / "job"
    job.write(folder, dataset, embedding, chosen)
    entries = json.loads((folder / job.JOB).read_text())["slices"]
    return folder, {entry["name"]: made.scans[entry["t"]].truth[entry["z"]] for entry in entries}


def annotate(folder: Path, masks: dict[str, np.ndarray]) -> None:
    """As `xctgraph sample import` leaves them."""
    target = folder / job.ANNOTATIONS / "ada"
    target.mkdir(parents=True)
    for name, mask in masks.items():
        Image.fromarray(mask).save(target / f"{name}.png")
