"""Annotated slices of a labelling job: grey values, classes, and how much each pixel counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from xctgraph.ingest import volumes
from xctgraph.ingest.sampling import job
from xctgraph.ingest.volumes.region import Region
from xctgraph.store.errors import InputError

PSEUDO = "pseudo"


@dataclass(frozen=True, eq=False)
class Example:
    """One slice with its classes.

    Attributes
    ----------
    name : str
    t, z : int
    grey : ndarray, shape (slices, y, x)
        The slice amid its neighbours, as the volume has them.
    window : tuple of float
        Grey values that become 0 and 1.
    target : ndarray of uint8, shape (y, x)
        Class of each pixel: its place among the names of the classes.
    weight : ndarray of uint8, shape (y, x)
        How far the class is to be believed, 0 to 255: share of the annotators who agree, or confidence of a pseudo-label.
    annotated : bool
        False for a pseudo-label.
    """

    name: str
    t: int
    z: int
    grey: NDArray[Any]
    window: tuple[float, float]
    target: NDArray[np.uint8]
    weight: NDArray[np.uint8]
    annotated: bool

    def scaled(self, rows: slice = slice(None), columns: slice = slice(None)) -> NDArray[np.float32]:
        """Grey values of a part, with the window at 0 to 1, (slices, y, x)."""
        return scaled(self.grey[:, rows, columns], self.window)


@dataclass(frozen=True, eq=False)
class Annotated:
    """The slices of a job that have a mask.

    Attributes
    ----------
    examples : tuple of Example
    classes : tuple of str
        Names; the first is the background.
    voxel_size_um : tuple of float or None
        Of the volumes, (z, y, x).
    digest : str
        SHA-256 of the manifest of the job and of all masks.
    """

    examples: tuple[Example, ...]
    classes: tuple[str, ...]
    voxel_size_um: tuple[float, float, float] | None
    digest: str


def scaled(grey: NDArray[Any], window: tuple[float, float]) -> NDArray[np.float32]:
    """Grey values with the window at 0 to 1; what lies far beyond it is cut off."""
    low, high = window
    values: NDArray[np.float32] = (grey.astype(np.float32) - np.float32(low)) / np.float32(high - low)
    return values.clip(-1, 2)


def load(folder: Path, n_slices: int = 1, *, pseudo: Path | None = None) -> Annotated:
    """Read the slices of a job that have masks.

    Parameters
    ----------
    folder
        Of the job, as `xctgraph sample` writes it.
    n_slices
        Slices of an example: the annotated one in the middle, its neighbours read from the volume.
    pseudo
        Folder with `masks` and `confidence`, as `xctgraph pseudolabel` writes them: taken for slices without an annotation.

    Raises
    ------
    InputError
        If there is no job or no mask, a mask does not fit, or nothing but background is annotated.
    VolumeError
        If the neighbours cannot be read.
    """
    manifest = job.load(folder)
    classes: dict[str, int] = manifest["classes"]
    drawn = job.annotated(folder)
    names = {entry["name"] for entry in manifest["slices"]}
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode())
    codes = np.full(256, 255, np.uint8)
    codes[list(classes.values())] = range(len(classes))
    masks = {name: _vote([codes[mask] for _, mask in sorted(by.items())]) for name, by in drawn.items() if name in names}
    annotated = set(masks)
    if pseudo is not None:
        masks |= {name: found for name, found in _pseudo(pseudo, codes).items() if name in names - annotated}
    if not masks:
        raise InputError(
            f"{folder} holds no masks: annotate the files in {folder / job.IMAGES}, then xctgraph sample import {folder} MASKS"
        )
    examples = []
    for entry in manifest["slices"]:
        if entry["name"] not in masks:
            continue
        target, weight = masks[entry["name"]]
        if list(target.shape) != entry["shape"] or (target == 255).any():
            raise InputError(
                f"the mask of slice {entry['name']} does not fit the job: {target.shape} pixels for {entry['shape']}, classes "
                f"{', '.join(classes)}: import it again"
            )
        digest.update(target.tobytes() + weight.tobytes())
        grey = _grey(folder, manifest, entry, n_slices)
        window = tuple(entry.get("window") or np.percentile(grey, (0.5, 99.5)).tolist())
        examples.append(Example(entry["name"], entry["t"], entry["z"], grey, window, target, weight, entry["name"] in annotated))
    if not any(example.target.any() for example in examples):
        raise InputError(
            f"all {len(examples)} masks of {folder} are background only: annotate slices that show {', '.join(list(classes)[1:])}"
        )
    size = manifest.get("voxel_size_um")
    return Annotated(tuple(examples), tuple(classes), None if size is None else tuple(size), digest.hexdigest())


def _vote(masks: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The class that most annotators gave, the first where they are equal; and the share of them."""
    if len({mask.shape for mask in masks}) > 1:
        raise InputError(f"annotators of one slice drew masks of {[mask.shape for mask in masks]} pixels: import them again")
    votes = np.stack([(np.stack(masks) == value).sum(axis=0) for value in range(int(max(m.max() for m in masks)) + 1)])
    return votes.argmax(axis=0).astype(np.uint8), (votes.max(axis=0) * 255 // len(masks)).astype(np.uint8)


def _pseudo(folder: Path, codes: NDArray[np.uint8]) -> dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    files = sorted((folder / "masks").glob("*.png"))
    if not files:
        raise InputError(f"{folder} holds no pseudo-labels (masks/*.png): make them with xctgraph pseudolabel JOB")
    found = {}
    for file in files:
        try:
            with Image.open(file) as mask, Image.open(folder / "confidence" / file.name) as confidence:
                found[file.stem] = codes[np.asarray(mask)], np.asarray(confidence, np.uint8)
        except OSError as error:
            raise InputError(f"pseudo-label {file} or its confidence cannot be read ({error}): make them again") from error
    return found


def _grey(folder: Path, manifest: Mapping[str, Any], entry: Mapping[str, Any], n_slices: int) -> NDArray[Any]:
    if n_slices == 1:
        plane: NDArray[Any] = tifffile.imread(folder / job.IMAGES / f"{entry['name']}.tif")
        return plane[None]
    if "box" not in entry:
        raise InputError(f"{folder} was made before jobs said where slices lie: make it again for slices = {n_slices}")
    z_box, y_box, x_box = entry["box"]
    with volumes.open_apart(entry["path"], axes=manifest["axes"]) as volume:
        region = Region(volume, (tuple(z_box), tuple(y_box), tuple(x_box)))
        return around(region, entry["z"] - z_box[0], entry["z"] - z_box[0] + 1, n_slices // 2)


def around(volume: volumes.Volume, z0: int, z1: int, halo: int) -> NDArray[Any]:
    """Slices `z0` - halo to `z1` + halo - 1; beyond the volume its first and last slice again."""
    n_z = volume.shape[0]
    first, last = max(0, z0 - halo), min(n_z, z1 + halo)
    block = volume.read(first, last)
    wanted = np.clip(np.arange(z0 - halo, z1 + halo), 0, n_z - 1) - first
    return block[wanted]
