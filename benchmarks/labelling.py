"""Grey volume to components and their properties: ours against cc3d, scikit-image, scipy and ITK, in memory, on one scene."""

from __future__ import annotations

import cc3d
import numpy as np
import scipy.ndimage
import SimpleITK
from fast_regionprops import regionprops_table_fast
from numpy.typing import NDArray
from skimage.measure import label as skimage_label
from skimage.measure import regionprops_table

from benchmarks.harness import Row, timed
from xctgraph.ingest import labelling, measurement, segmentation
from xctgraph.ingest.labelling import Slab
from xctgraph.ingest.measurement.surface import surface_area
from xctgraph.ingest.measurement.sweep import sweep

THRESHOLD = 155
SPACING = (1.0, 1.0, 1.0)
PROPERTIES = ("area", "centroid", "bbox", "inertia_tensor_eigvals", "intensity_mean", "intensity_max")
FAST_PROPERTIES = ("area", "centroid", "bbox", "inertia_tensor", "intensity_mean", "intensity_max")


def scene(size: int, seed: int, voxels: int = 25, share: float = 0.006) -> NDArray[np.uint8]:
    """Ellipsoids of a median of `voxels` voxels, bright in a noisy matrix, of volume fraction `share`; (z, y, x) uint8."""
    rng = np.random.default_rng(seed)
    volume = rng.integers(0, 17, (size, size, size), dtype=np.uint8)
    volume += np.uint8(112)
    n = int(share * size**3 / (1.3 * voxels))
    radius = np.cbrt(3 * voxels / (4 * np.pi) * rng.lognormal(0, 0.5, n))
    for r, centre in zip(radius, rng.integers(0, size, (n, 3)), strict=True):
        semi = r * np.array([1.0, 1.25, 0.8])[rng.permutation(3)]
        low = np.maximum(0, np.ceil(centre - semi)).astype(int)
        high = np.minimum(size, np.floor(centre + semi).astype(int) + 1)
        z, y, x = np.ogrid[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        inside = sum(((g - c) / s) ** 2 for g, c, s in zip((z, y, x), centre, semi, strict=True)) <= 1
        volume[low[0] : high[0], low[1] : high[1], low[2] : high[2]][inside] = 190
    return volume


def labelling_only(volume: NDArray[np.uint8], repeats: int) -> list[Row]:
    """Count of 26-connected components of a mask, one thread."""
    mask = volume > THRESHOLD
    classes = mask.view(np.uint8)
    structure = np.ones((3, 3, 3))
    return [
        timed("xctgraph `labelling.label` (moments, boxes included)", lambda: _label(classes).n, repeats),
        timed(
            "cc3d `connected_components`",
            lambda: int(cc3d.connected_components(mask, connectivity=26, binary_image=True).max()),
            repeats,
        ),
        timed("scipy `ndimage.label`", lambda: int(scipy.ndimage.label(mask, structure)[1]), min(repeats, 2)),
        timed("scikit-image `label`", lambda: int(skimage_label(mask, connectivity=3).max()), min(repeats, 2)),
    ]


def all_properties(volume: NDArray[np.uint8], repeats: int) -> list[Row]:
    """From grey values to a table of properties; ours has surface area, Feret diameters and Euler number on top."""
    return [
        timed("xctgraph `label` + `measure`, one thread", lambda: _measured(volume, 1), repeats),
        timed("xctgraph `label` + `measure`, two threads", lambda: _measured(volume, 2), repeats),
        timed("cc3d + fast-regionprops (no axes, no eigenvalues)", lambda: _fast(volume), repeats),
        timed("cc3d + scikit-image `regionprops_table`", lambda: _peer(volume), 1),
        timed("numpy: read the volume once (`sum`)", lambda: _read(volume), repeats),
    ]


def surfaces(volume: NDArray[np.uint8], repeats: int) -> list[Row]:
    """Surface area of labelled features; ITK's is what its statistics take longer with than without."""
    labelled = _label((volume > THRESHOLD).view(np.uint8))
    image = SimpleITK.GetImageFromArray(cc3d.connected_components(volume > THRESHOLD, connectivity=26))

    def ours() -> int:
        counts = sweep(labelled.labels, 26)
        return len(surface_area(labelled.moments.n_voxels, counts.pairs, SPACING))

    plain = timed("SimpleITK `LabelShapeStatistics` without", lambda: _itk(image, perimeter=False), repeats)
    full = timed("SimpleITK `LabelShapeStatistics` with perimeter", lambda: _itk(image, perimeter=True), repeats)
    increment = Row("SimpleITK, increment", full.seconds - plain.seconds, full.found)
    return [timed("xctgraph `surface_area` (Euler number included)", ours, repeats), increment, full, plain]


def _itk(image: SimpleITK.Image, *, perimeter: bool) -> int:
    statistics = SimpleITK.LabelShapeStatisticsImageFilter()
    statistics.SetComputePerimeter(perimeter)
    statistics.SetNumberOfThreads(1)
    statistics.Execute(image)
    return int(statistics.GetNumberOfLabels())


def _measured(volume: NDArray[np.uint8], workers: int) -> int:
    levels = segmentation.threshold(bright=THRESHOLD).levels(volume.dtype)
    height = max(1, len(volume) // 16)
    slabs = (Slab(z0=z, grey=volume[z : z + height], levels=levels) for z in range(0, len(volume), height))
    labelled = labelling.label(slabs, volume.shape, workers=workers)
    return int(measurement.measure(labelled, SPACING, workers).num_rows)


def _label(classes: NDArray[np.uint8]) -> labelling.Labelled:
    return labelling.label([Slab(z0=0, classes=classes)], classes.shape)


def _fast(volume: NDArray[np.uint8]) -> int:
    labels = cc3d.connected_components(volume > THRESHOLD, connectivity=26, binary_image=True)
    return len(regionprops_table_fast(labels, volume, properties=FAST_PROPERTIES)["area"])


def _peer(volume: NDArray[np.uint8]) -> int:
    labels = cc3d.connected_components(volume > THRESHOLD, connectivity=26)
    return len(regionprops_table(labels, volume, properties=PROPERTIES)["area"])


def _read(volume: NDArray[np.uint8]) -> int:
    return int(volume.sum(dtype=np.uint64)) * 0
