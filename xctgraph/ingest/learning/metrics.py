"""How good masks are: pixel by pixel, along boundaries, and object by object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xctgraph.ingest.sampling.agreement import boundary_f1

Mask = NDArray[np.uint8]
Counts = NDArray[np.int64]
SIZES = (1, 10, 30, 100, 300)  # pixels from which objects are counted apart
_OVERLAP = 0.5
_DRAWS = 2000


def confusion(truth: Mask, found: Mask, n_classes: int) -> Counts:
    """Pixels by class of the truth (rows) and of the mask (columns), (n_classes, n_classes)."""
    both = truth.astype(np.int64).ravel() * n_classes + found.ravel()
    return np.bincount(both, minlength=n_classes**2).reshape(n_classes, n_classes)


def scores(counts: Counts) -> dict[str, NDArray[np.float64]]:
    """Precision, recall, F1 and IoU of each class, NaN where neither mask nor truth has it.

    With tp, fp and fn the pixels rightly, wrongly and not found: tp / (tp + fp), tp / (tp + fn), 2 tp / (2 tp + fp + fn) and
    tp / (tp + fp + fn).
    """
    right = np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)
    found, true = counts.sum(axis=-2), counts.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        return {
            "precision": right / found,
            "recall": right / true,
            "f1": 2 * right / (found + true),
            "iou": right / (found + true - right),
        }


def reference(counts: Counts) -> dict[str, float]:
    """The accounting of the reference study: precision, recall and F1 averaged over classes with their pixels as weights.

    Its accuracy then equals its recall whatever the masks, and since nearly all pixels are background, its precision is near 1:
    figures for comparison with that study, which say little of defects. mIoU is as usual, over all classes.
    """
    each = {name: np.nan_to_num(values) for name, values in scores(counts).items()}
    share = counts.sum(axis=1) / counts.sum()
    return {
        "accuracy": float(np.trace(counts) / counts.sum()),
        **{name: float((each[name] * share).sum()) for name in ("precision", "recall", "f1")},
        "miou": float(np.nanmean(scores(counts)["iou"])),
    }


def objects(truth: NDArray[np.bool_], found: NDArray[np.bool_], least: int = 3) -> tuple[Counts, Counts, Counts]:
    """Objects of one class in a slice (8-connected) or a volume (26-connected), of at least `least` pixels or voxels.

    An object is found if its IoU with one of the mask is above 0.5; no two can then be matched to one.

    Returns
    -------
    sizes, matched : ndarray
        Pixels of each object of the truth, and whether it was found.
    surplus : ndarray
        Pixels of each object of the mask that is none of the truth.
    """
    touching = np.ones((3,) * truth.ndim, np.bool_)
    a, n_a = ndimage.label(truth, touching)
    b, n_b = ndimage.label(found, touching)
    size_a, size_b = np.bincount(a.ravel(), minlength=n_a + 1), np.bincount(b.ravel(), minlength=n_b + 1)
    both = (a > 0) & (b > 0)
    pairs, shared = np.unique(a[both].astype(np.int64) * (n_b + 1) + b[both], return_counts=True)
    i, j = pairs // (n_b + 1), pairs % (n_b + 1)
    good = shared > _OVERLAP * (size_a[i] + size_b[j] - shared)
    hit_a, hit_b = np.zeros(n_a + 1, np.bool_), np.zeros(n_b + 1, np.bool_)
    hit_a[i[good]] = hit_b[j[good]] = True
    large = size_a >= least
    large[0] = False
    rest = (size_b >= least) & ~hit_b
    rest[0] = False
    return size_a[large], hit_a[large].astype(np.int64), size_b[rest]


def evaluate(
    truths: Sequence[Mask], masks: Sequence[Mask], classes: Sequence[str], *, tolerance: float = 2.0, seed: int = 0
) -> dict[str, Any]:
    """All scores of masks against the truth, fit for JSON.

    Returns
    -------
    dict
        `accuracy`, `miou` (over all classes present), `reference` (see there), `confusion` of each slice, and in `classes`
        for each: precision, recall, f1, iou, `boundary_f1` (mean over slices that have the class), `objects` (recall,
        precision, f1, and recall by size). Each of f1 and iou with `_interval`, 95 %, by drawing slices with replacement.
    """
    n = len(classes)
    each = np.stack([confusion(truth, mask, n) for truth, mask in zip(truths, masks, strict=True)])
    total = each.sum(axis=0)
    drawn = scores(resampled(each, seed))
    usual = scores(total)
    out: dict[str, Any] = {
        "slices": len(each),
        "accuracy": float(np.trace(total) / total.sum()),
        "miou": float(np.nanmean(usual["iou"])),
        "reference": reference(total),
        "confusion": each.tolist(),
        "classes": {},
    }
    for k, name in enumerate(classes):
        one: dict[str, Any] = {score: _number(values[k]) for score, values in usual.items()}
        for score in ("f1", "iou"):
            known = drawn[score][:, k][np.isfinite(drawn[score][:, k])]
            one[f"{score}_interval"] = [float(q) for q in np.quantile(known, (0.025, 0.975))] if len(known) else None
        if k:
            pairs = [(truth == k, mask == k) for truth, mask in zip(truths, masks, strict=True)]
            pairs = [(truth, mask) for truth, mask in pairs if truth.any() or mask.any()]
            one["boundary_f1"] = float(np.mean([boundary_f1(*pair, tolerance) for pair in pairs])) if pairs else None
            one["objects"] = _objects(pairs)
        out["classes"][name] = one
    return out


def resampled(each: Counts, seed: int = 0) -> Counts:
    """Sums of the confusions of slices (slices, n, n), drawn with replacement, (draws, n, n); the same draws for one seed."""
    rng = np.random.default_rng([seed, 95])
    weights = rng.multinomial(len(each), np.full(len(each), 1 / len(each)), _DRAWS)
    return np.tensordot(weights, each, axes=(1, 0))


def mean_f1(counts: Counts) -> NDArray[np.float64]:
    """F1 averaged over the classes but the background that mask or truth have; NaN where there are none."""
    f1 = scores(counts)["f1"][..., 1:]
    known = np.isfinite(f1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, f1, 0).sum(axis=-1) / known.sum(axis=-1))


def _objects(pairs: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]]) -> dict[str, Any]:
    found = [objects(truth, mask) for truth, mask in pairs]
    sizes, hits, surplus = (np.concatenate([part[k] for part in found] or [np.zeros(0, np.int64)]) for k in range(3))
    n, right, wrong = len(sizes), int(hits.sum()), len(surplus)
    by_size = []
    for low, high in zip(SIZES, [*SIZES[1:], None], strict=True):
        inside = (sizes >= low) & (sizes < (high or np.inf))
        if inside.any():
            by_size.append({"from": low, "to": high, "objects": int(inside.sum()), "recall": float(hits[inside].mean())})
    return {
        "n": n,
        "recall": right / n if n else None,
        "precision": right / (right + wrong) if right + wrong else None,
        "f1": 2 * right / (n + right + wrong) if n + right + wrong else None,
        "by_size": by_size,
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
