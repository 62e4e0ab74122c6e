"""How far annotators of one slice agree: what no model trained on their masks can surpass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Agreement:
    """Two annotators of one slice, one class.

    Attributes
    ----------
    slice, first, second, of_class : str
    boundary_f1 : float
        As in `boundary_f1`.
    kappa : float
        As in `kappa`.
    """

    slice: str
    first: str
    second: str
    of_class: str
    boundary_f1: float
    kappa: float


def compare(
    masks: Mapping[str, Mapping[str, NDArray[np.uint8]]], classes: Mapping[str, int], tolerance: float = 2.0
) -> list[Agreement]:
    """Compare all pairs of annotators of each slice, class by class; the background is no class.

    Parameters
    ----------
    masks
        By slice, then annotator: values of classes, (y, x).
    classes
        Value of each class.
    tolerance
        Of the boundary, in pixels.
    """
    found = []
    for name, by in masks.items():
        for first, second in combinations(sorted(by), 2):
            for of_class, value in classes.items():
                a, b = by[first] == value, by[second] == value
                if value != 0 and (a.any() or b.any()):
                    found.append(Agreement(name, first, second, of_class, boundary_f1(a, b, tolerance), kappa(a, b)))
    return found


def boundary_f1(a: Mask, b: Mask, tolerance: float) -> float:
    """F1 of boundary pixels within `tolerance` pixels of the other's boundary.

    G. Csurka, D. Larlus and F. Perronnin, What is a good evaluation measure for semantic segmentation?, BMVC 2013: precision is
    the share of the boundary of `a` that has some of `b` within the tolerance, recall the other way round. 1 where neither has a
    boundary, 0 where only one has.
    """
    edge_a, edge_b = _boundary(a), _boundary(b)
    if not edge_a.any() or not edge_b.any():
        return float(edge_a.any() == edge_b.any())
    precision = float((ndimage.distance_transform_edt(~edge_b)[edge_a] <= tolerance).mean())
    recall = float((ndimage.distance_transform_edt(~edge_a)[edge_b] <= tolerance).mean())
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def kappa(a: Mask, b: Mask) -> float:
    """Cohen's kappa of two masks, pixel by pixel: (observed - expected) / (1 - expected) agreement.

    J. Cohen, A coefficient of agreement for nominal scales, Educ. Psychol. Meas. 20 (1960). 1 where both are all or nothing
    alike.
    """
    observed = float((a == b).mean())
    share_a, share_b = float(a.mean()), float(b.mean())
    expected = share_a * share_b + (1 - share_a) * (1 - share_b)
    return 1.0 if expected == 1 else (observed - expected) / (1 - expected)


def summary(found: Sequence[Agreement]) -> dict[str, dict[str, float]]:
    """Means over slices and pairs, by class."""
    by_class: dict[str, dict[str, float]] = {}
    for name in sorted({one.of_class for one in found}):
        rows = [one for one in found if one.of_class == name]
        by_class[name] = {
            "pairs": len(rows),
            "boundary_f1": float(np.mean([one.boundary_f1 for one in rows])),
            "kappa": float(np.mean([one.kappa for one in rows])),
        }
    return by_class


def _boundary(mask: Mask) -> Mask:
    """Pixels of the mask with a neighbour beside, above or below that is not; the rim of the image is none."""
    padded = np.pad(mask, 1, mode="edge")
    return np.asarray(mask & ~ndimage.binary_erosion(padded)[1:-1, 1:-1])
