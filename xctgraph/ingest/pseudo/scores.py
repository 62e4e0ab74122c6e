"""How good labels are where the truth is known: counts that add up over slices, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.learning.metrics import objects

Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]
LEAST = 3


@dataclass(frozen=True)
class Score:
    """Scores of one class over some slices; NaN where neither truth nor labels have it.

    Attributes
    ----------
    iou, pixel_f1 : float
        Pixel by pixel: tp / (tp + fp + fn) and 2 tp / (2 tp + fp + fn).
    object_f1 : float
        Of 8-connected objects of at least three pixels, found where the IoU is above 0.5.
    objects : int
        In the truth.
    """

    iou: float
    pixel_f1: float
    object_f1: float
    objects: int

    @property
    def mean(self) -> float:
        """Mean of both F1, which parameters are chosen by."""
        return (self.pixel_f1 + self.object_f1) / 2


def count(truth: Mask, found: Mask) -> Counts:
    """Pixels right, surplus, missed; objects right, surplus, missed: (6,)."""
    _, hits, surplus = objects(truth, found, LEAST)
    right = int((truth & found).sum())
    pixels = [right, int(found.sum()) - right, int(truth.sum()) - right]
    return np.array([*pixels, int(hits.sum()), len(surplus), len(hits) - int(hits.sum())])


def score(counts: Counts) -> Score:
    """Scores of counts that were summed over slices, (6,)."""
    right, surplus, missed, hits, more, fewer = (float(n) for n in counts)
    with np.errstate(invalid="ignore"):
        iou = np.float64(right) / (right + surplus + missed)
        pixel_f1 = np.float64(2 * right) / (2 * right + surplus + missed)
        object_f1 = np.float64(2 * hits) / (2 * hits + more + fewer)
    return Score(float(iou), float(pixel_f1), float(object_f1), int(hits + fewer))


def means(counts: Counts) -> NDArray[np.float64]:
    """`Score.mean` of many counts, (..., 6); 0 where nothing is there."""
    right, surplus, missed, hits, more, fewer = np.moveaxis(counts.astype(np.float64), -1, 0)
    pixel = 2 * right / np.maximum(2 * right + surplus + missed, 1)
    both: NDArray[np.float64] = (pixel + 2 * hits / np.maximum(2 * hits + more + fewer, 1)) / 2
    return both
