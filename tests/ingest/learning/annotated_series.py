"""A small series of the generator, and a labelling job on it whose masks are the truth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from xctgraph.ingest.sampling import job
from xctgraph.ingest.sampling.embed import window
from xctgraph.ingest.synth import truth
from xctgraph.ingest.synth.generate import generate
from xctgraph.ingest.synth.spec import SynthSpec
from xctgraph.ingest.volumes import open_volume


@dataclass(frozen=True)
class Series:
    folder: Path
    job: Path
    truth: dict[int, NDArray[np.uint8]]  # classes of each scan

    @property
    def dataset(self) -> Path:
        return self.folder / "dataset.toml"


def true_classes(folder: Path, t: int, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Voxel by voxel from the tables of the truth."""
    tables = truth.read(folder / "truth")
    kinds = {row["component"]: row["kind"] for row in tables.components.to_pylist() if row["t"] == t}
    out = np.zeros(shape, np.uint8)
    for row in tables.labels.to_pylist():
        if row["t"] == t:
            out[row["z"], row["y"], row["x_start"] : row["x_stop"]] = job.CLASSES[kinds[row["label"]]]
    return out


def write_job(folder: Path, series: Path, truths: dict[int, NDArray[np.uint8]], places: list[tuple[int, int]]) -> None:
    """What `sample` and `sample import` leave."""
    (folder / job.IMAGES).mkdir(parents=True)
    (folder / job.ANNOTATIONS / "truth").mkdir(parents=True)
    entries = []
    for t, z in places:
        path = series / f"scan_{t:03d}.h5"
        volume = open_volume(path)
        name = f"S_t{t:03d}_z{z:05d}"
        plane = volume.read(z, z + 1)[0]
        tifffile.imwrite(folder / job.IMAGES / f"{name}.tif", plane)
        Image.fromarray(truths[t][z]).save(folder / job.ANNOTATIONS / "truth" / f"{name}.png")
        entry = {"name": name, "t": t, "z": z, "shape": list(plane.shape), "path": str(path), "window": window(volume, t)}
        entries.append(entry | {"box": [[0, n] for n in volume.shape]})
    about = {"sample": "S", "voxel_size_um": [1.63] * 3, "axes": "zyx", "classes": job.CLASSES, "slices": entries}
    (folder / job.JOB).write_text(json.dumps(about))


def make(folder: Path, seed: int) -> Series:
    """Two scans with noise, rings and cupping, and a job on every fourth slice."""
    shape = (48, 80, 72)
    spec = SynthSpec(shape=shape, steps=2, features=60, seed=seed, noise=0.2, rings=0.1, beam_hardening=0.2, fracture_start=0.4)
    generate(folder / "series", spec)
    truths = {t: true_classes(folder / "series", t, shape) for t in range(2)}
    places = [(t, z) for t in range(2) for z in range(1, 47, 4)]
    write_job(folder / "job", folder / "series", truths, places)
    return Series(folder / "series", folder / "job", truths)
