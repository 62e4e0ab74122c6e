"""Phantoms of known segmentation: ellipsoids brighter and plates and pores darker than a noisy matrix, blurred."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

MATRIX, CONTRAST = 120.0, 60.0


def phantom(
    rng: np.random.Generator, *, bright: float, dark: float, noise: float, blur: float = 0.0, edge: int = 80, radius: float = 4.0
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Grey values and truth (1 bright, 2 dark) of a cube; `bright` and `dark` are volume fractions."""
    truth = np.zeros((edge, edge, edge), np.uint8)
    for code, share in ((1, bright), (2, dark)):
        while np.count_nonzero(truth == code) < share * truth.size:
            radii = radius * rng.uniform(0.5, 1.5, 3)
            centre = rng.uniform(0, edge, 3)
            low = np.maximum(0, np.floor(centre - radii)).astype(int)
            high = np.minimum(edge, np.ceil(centre + radii) + 1).astype(int)
            grid = np.ogrid[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
            inside = sum(((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radii, strict=True)) <= 1
            box = truth[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
            box[inside & (box == 0)] = code
    grey = np.array([MATRIX, MATRIX + CONTRAST, MATRIX - CONTRAST], np.float32)[truth]
    if blur:
        grey = ndimage.gaussian_filter(grey, blur)
    return grey + rng.normal(0, noise, grey.shape).astype(np.float32), truth


def iou(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Intersection over union."""
    return float(np.count_nonzero(found & truth) / np.count_nonzero(found | truth))


def best_iou(grey: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """Intersection over union of the best of all thresholds, features bright."""
    order = np.argsort(-grey, axis=None)
    hits = np.cumsum(truth.ravel()[order])
    return float((hits / (truth.sum() + np.arange(1, hits.size + 1) - hits)).max())
