"""Balls in volumes, measured by scikit-image, and written as each program exports its tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.measure import regionprops_table

SHAPE = (40, 60, 50)
SPACING = (2.0, 1.5, 1.0)


def scene(rng: np.random.Generator, n: int = 14, steps: int = 1) -> list[NDArray[np.int32]]:
    """Label volumes of disjoint balls that move along x by a voxel per step; labels are a random permutation."""
    centres: list[NDArray[np.float64]] = []
    radii: list[float] = []
    high = np.asarray(SHAPE) * SPACING
    while len(centres) < n:
        radius = rng.uniform(4, 6)
        centre = rng.uniform(radius + 3, high - radius - 3 - steps)
        if all(np.linalg.norm(centre - c) > radius + r + 4 for c, r in zip(centres, radii, strict=True)):
            centres.append(centre)
            radii.append(radius)
    grid = np.stack(np.meshgrid(*(np.arange(k) * s for k, s in zip(SHAPE, SPACING, strict=True)), indexing="ij"), axis=-1)
    names = rng.permutation(n) + 1
    volumes = []
    for t in range(steps):
        volume = np.zeros(SHAPE, np.int32)
        for name, centre, radius in zip(names, centres, radii, strict=True):
            volume[((grid - centre - [0, 0, t]) ** 2).sum(axis=-1) <= radius**2] = name
        volumes.append(volume)
    return volumes


def measured(volume: NDArray[np.int32]) -> pd.DataFrame:
    """Label, centroid in voxels and number of voxels by scikit-image."""
    found = regionprops_table(volume, properties=("label", "centroid", "num_pixels"))
    frame = pd.DataFrame(found).rename(columns={"centroid-0": "vz", "centroid-1": "vy", "centroid-2": "vx", "num_pixels": "n"})
    voxel = float(np.prod(SPACING))
    frame["volume"] = frame.n * voxel
    frame["surface"] = 1.1 * np.pi ** (1 / 3) * (6 * frame.volume) ** (2 / 3)
    for axis, size in zip("zyx", SPACING, strict=True):
        frame[axis] = frame[f"v{axis}"] * size
    return frame


def avizo(found: pd.DataFrame, path: Path) -> str:
    """Label Analysis: a line with the name of the table stands above the headings; in mm, the bounding box starts at 1."""
    table = pd.DataFrame({
        "Volume3d (mm3)": found.volume / 1e9, "Area3d (mm2)": found.surface / 1e6, "BaryCenterX (mm)": found.x / 1e3 + 1,
        "BaryCenterY (mm)": found.y / 1e3 + 1, "BaryCenterZ (mm)": found.z / 1e3 + 1, "OrientationTheta (degree)": 90.0,
        "OrientationPhi (degree)": 30.0, "index": found.label,
    })  # fmt: skip
    path.write_text('"pores.Label-Analysis"\n' + table.to_csv(index=False), encoding="utf-8")
    return 'format = "avizo"\norigin = [1, 1, 1]'


def dragonfly(found: pd.DataFrame, path: Path) -> str:
    """Object analysis: UTF-16, units in the headings."""
    table = pd.DataFrame({
        "Label Index": found.label, "Volume (µm³)": found.volume, "Surface Area (voxel-wise) (µm²)": found.surface,
        "Center Of Mass X (µm)": found.x, "Center Of Mass Y (µm)": found.y, "Center Of Mass Z (µm)": found.z, "Phi (°)": 30.0,
        "Theta (°)": 90.0, "Voxel Count": found.n,
    })  # fmt: skip
    table.to_csv(path, index=False, encoding="utf-16")
    return 'format = "dragonfly"'


def fiji(found: pd.DataFrame, path: Path) -> str:
    """3D Objects Counter: rows numbered without a heading, slices counted from 1, positions in voxels, tabs."""
    table = pd.DataFrame({
        " ": found.label, "Volume (micron^3)": found.volume, "Surface (micron^2)": found.surface, "Nb of obj. voxels": found.n,
        "Nb of surf. voxels": 1, "IntDen": 5, "Mean": 100.5, "StdDev": 2.5, "Median": 100, "Min": 90, "Max": 110, "X": found.vx,
        "Y": found.vy, "Z": found.vz + 1, "XM": found.vx, "YM": found.vy, "ZM": found.vz + 1, "BX": 0, "BY": 0, "BZ": 1,
        "B-width": 1, "B-height": 1, "B-depth": 1,
    })  # fmt: skip
    table.to_csv(path, index=False, sep="\t")
    return 'format = "fiji"'


def morpholibj(found: pd.DataFrame, path: Path) -> str:
    """Analyze Regions 3D: calibrated, but without a unit in the headings; semicolons and decimal commas of a German desktop."""
    table = pd.DataFrame({
        "Label": found.label, "Volume": found.volume, "SurfaceArea": found.surface, "Sphericity": 0.75, "EulerNumber": 1,
        "Centroid.X": found.x, "Centroid.Y": found.y, "Centroid.Z": found.z, "Elli.R1": 5.0, "Elli.R2": 4.0, "Elli.R3": 3.5,
        "Elli.Azim": 90.0, "Elli.Elev": 60.0, "Elli.Roll": 0.0,
    })  # fmt: skip
    table.to_csv(path, index=False, sep=";", decimal=",")
    return 'format = "morpholibj"\ndecimal = ","\n[units]\nposition = "um"\nsize = "um"'


def porespy(found: pd.DataFrame, path: Path) -> str:
    """Data frame of regionprops_3D with the centroids of scikit-image: all in voxels; pandas writes its index."""
    table = pd.DataFrame({
        "label": found.label, "volume": found.n.astype(float), "surface_area": 50.0, "sphericity": 0.75,
        "centroid-0": found.vz, "centroid-1": found.vy, "centroid-2": found.vx, "axis_major_length": 6.0,
    })  # fmt: skip
    table.to_csv(path)
    return 'format = "porespy"'


def plain(found: pd.DataFrame, path: Path) -> str:
    """Names of the user's own, in voxels and by diameter."""
    table = pd.DataFrame({
        "id": found.label, "cz": found.vz, "cy": found.vy, "cx": found.vx,
        "d_mm": np.cbrt(6 * found.volume / np.pi) / 1000,
    })  # fmt: skip
    table.to_csv(path, index=False)
    columns = 'label = "id"\nz = "cz"\ny = "cy"\nx = "cx"\nequivalent_diameter = "d_mm"'
    return f'[columns]\n{columns}\n[units]\nposition = "voxel"\nsize = "mm"'


def parquet(found: pd.DataFrame, path: Path) -> str:
    """Our own names in a Parquet file."""
    table = found[["label", "z", "y", "x", "n"]].rename(columns={"n": "n_voxels"})
    table.to_parquet(path)
    return '[units]\nposition = "um"'


EXPORTS: dict[str, tuple[Callable[[pd.DataFrame, Path], str], str]] = {
    "avizo": (avizo, "csv"),
    "dragonfly": (dragonfly, "csv"),
    "fiji": (fiji, "tsv"),
    "morpholibj": (morpholibj, "csv"),
    "porespy": (porespy, "csv"),
    "csv": (plain, "csv"),
    "parquet": (parquet, "parquet"),
}


def dataset(folder: Path, layout: str, scans: str, extra: str = "") -> Path:
    """A DATASET.toml for tables of the scene."""
    path = folder / "tables.toml"
    sample = f'[sample]\nid = "S1"\nvoxel_size_um = {list(SPACING)}\nshape = {list(SHAPE)}\n'
    table = layout if layout.startswith("[") else f"[table]\n{layout}"
    if 'kind = "' not in table:
        table = (
            table.replace("[table]\n", '[table]\nkind = "pore"\n') if "[table]" in table else f'[table]\nkind = "pore"\n{table}'
        )
    path.write_text(f"{sample}{table}\n{extra}\n{scans}", encoding="utf-8")
    return path


def scans(paths: list[Path]) -> str:
    """One [[scan]] per file."""
    return "".join(f'[[scan]]\nt = {t}\npath = "{path.name}"\ntime_s = {60.0 * t}\n' for t, path in enumerate(paths))
