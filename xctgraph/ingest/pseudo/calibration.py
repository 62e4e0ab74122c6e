"""How often pixels of a class and margin are right."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from xctgraph.ingest.pseudo.label import Labelled
from xctgraph.ingest.pseudo.parameters import CALIBRATION, KINDS, Knots

_EDGES = np.array([0.0, 1e-6, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, np.inf])
_LEAST = 50  # pixels of a bin
_NEEDED = 200  # pixels of a class


def calibrate(pairs: Iterable[tuple[Labelled, NDArray[np.uint8]]]) -> dict[str, Knots]:
    """Share of right pixels by class and margin, rising with the margin.

    Isotonic regression (Zadrozny and Elkan, KDD 2002) of the shares in bins of the margin; each with half a pixel right and
    half a pixel wrong more (Jeffreys), so that none is 0 or 1. A class of fewer than 200 pixels keeps what was measured on the
    generator.

    Parameters
    ----------
    pairs
        Labels that were made without the truth they are compared with, and this truth, classes 0 to 3; 255 is not known.
    """
    counts = np.zeros((len(KINDS) + 1, len(_EDGES) - 1, 3))
    for labelled, truth in pairs:
        known = truth != 255
        bins = np.searchsorted(_EDGES, labelled.margin[known], side="right") - 1
        code = labelled.classes[known]
        at = code.astype(np.int64) * (len(_EDGES) - 1) + bins
        for k, weight in enumerate((None, labelled.classes[known] == truth[known], labelled.margin[known])):
            counts[..., k] += np.bincount(at, weight, counts[..., 0].size).reshape(counts.shape[:2])
    return {kind: _knots(kind, counts[code]) for code, kind in enumerate(("background", *KINDS))}


def _knots(kind: str, counts: NDArray[np.float64]) -> Knots:
    if counts[:, 0].sum() < _NEEDED:
        return CALIBRATION[kind]
    merged: list[NDArray[np.float64]] = []
    for row in counts[counts[:, 0] > 0]:
        if merged and merged[-1][0] < _LEAST:
            merged[-1] = merged[-1] + row
        else:
            merged.append(row)
    n, right, margin = np.array(merged).T
    share = isotonic_regression((right + 0.5) / (n + 1), weights=n).x
    return tuple((round(float(m), 3), round(float(s), 4)) for m, s in zip(margin / n, share, strict=True))
