"""Grey volume to components and their properties: ours against cc3d, scikit-image and scipy, in memory, on one scene."""

from __future__ import annotations

import cc3d
import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from skimage.measure import label as skimage_label
from skimage.measure import regionprops_table

from benchmarks.harness import Row, timed
from xctgraph.ingest import labelling, measurement, segmentation
from xctgraph.ingest.labelling import Slab

THRESHOLD = 155
SPACING = (1.0, 1.0, 1.0)
PROPERTIES = ("area", "centroid", "bbox", "inertia_tensor_eigvals", "intensity_mean", "intensity_max")


def scene(size: int, seed: int, share: float = 0.006) -> NDArray[np.uint8]:
    """Balls of 1.5 to 3 voxels radius, bright in a noisy matrix, of volume fraction `share`; (z, y, x) uint8."""
    rng = np.random.default_rng(seed)
    n = int(share * size**3 / 40)
    volume = rng.normal(120, 8, (size, size, size)).astype(np.float32)
    grid = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), axis=-1)
    for radius in (1.5, 2.0, 2.5, 3.0):
        ball = grid[(grid**2).sum(axis=-1) <= radius**2]
        centres = rng.integers(3, size - 3, (n // 4, 3))
        z, y, x = (centres[:, None, :] + ball[None, :, :]).reshape(-1, 3).T
        volume[z, y, x] = 190
    return volume.clip(0, 255).astype(np.uint8)


def labelling_only(volume: NDArray[np.uint8], repeats: int) -> list[Row]:
    """Count of 26-connected components."""
    mask = volume > THRESHOLD
    classes = mask.view(np.uint8)
    structure = np.ones((3, 3, 3))
    return [
        timed("xctgraph `labelling.label` (moments, boxes included)", lambda: _label(classes).n, repeats),
        timed("cc3d `connected_components`", lambda: int(cc3d.connected_components(mask, connectivity=26).max()), repeats),
        timed("scipy `ndimage.label`", lambda: int(scipy.ndimage.label(mask, structure)[1]), repeats),
        timed("scikit-image `label`", lambda: int(skimage_label(mask, connectivity=3).max()), repeats),
    ]


def all_properties(volume: NDArray[np.uint8], repeats: int) -> list[Row]:
    """From grey values to a table of properties; ours has surface area and Euler number on top."""
    return [
        timed("xctgraph `label` + `measure`", lambda: _measured(volume), repeats),
        timed("cc3d + scikit-image `regionprops_table`", lambda: _peer(volume), 1),
    ]


def _measured(volume: NDArray[np.uint8]) -> int:
    levels = segmentation.threshold(bright=THRESHOLD).levels(volume.dtype)
    labelled = labelling.label([Slab(z0=0, grey=volume, levels=levels)], volume.shape)
    return int(measurement.measure(labelled, SPACING).num_rows)


def _label(classes: NDArray[np.uint8]) -> labelling.Labelled:
    return labelling.label([Slab(z0=0, classes=classes)], classes.shape)


def _peer(volume: NDArray[np.uint8]) -> int:
    labels = cc3d.connected_components(volume > THRESHOLD, connectivity=26)
    return len(regionprops_table(labels, volume, properties=PROPERTIES)["area"])
