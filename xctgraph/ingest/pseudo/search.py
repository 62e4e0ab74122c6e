"""Parameters sought on annotated slices, and what they are worth on slices that took no part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.pseudo import label as labels
from xctgraph.ingest.pseudo.calibration import calibrate
from xctgraph.ingest.pseudo.flatten import Flat
from xctgraph.ingest.pseudo.parameters import KINDS, Parameters, Side
from xctgraph.ingest.pseudo.responses import Responses, compute, smoothed
from xctgraph.ingest.pseudo.scores import Counts, Score, count, means, score
from xctgraph.store.errors import InputError

SMOOTH = (0.5, 0.7, 1.0)
SIDES = tuple(
    Side(low, share, high, spot, least)
    for low, share, (high, spot), least in product((2.5, 3.5), (0.0, 0.4, 0.5, 0.6), ((4.5, 5.0), (6.0, 7.0)), (3, 8))
)
RULES = tuple(product((30, 60, 120, 240, 480), (0.0, 5.0, 6.0, 8.0)))  # fracture_pixels, ridge
FOLDS = 5
UNKNOWN = 255
_GAIN = 0.02  # of the mean F1, below which the values at the start are kept: a few slices do not tell more
_FEW = 5  # objects of a class, below which its rule is kept


@dataclass(frozen=True, eq=False)
class Annotated:
    """A flattened slice and its classes (0 to 3, 255 not known)."""

    flat: Flat
    truth: NDArray[np.uint8]


@dataclass(frozen=True)
class Sought:
    """What was found.

    Attributes
    ----------
    parameters : Parameters
        The best on all annotated slices, calibrated.
    scores : dict
        By class, on slices that took no part in the choice (cross-validation); None with fewer than two slices.
    slices, folds : int
    """

    parameters: Parameters
    scores: dict[str, Score] | None
    slices: int
    folds: int


def search(examples: Sequence[Annotated], start: Parameters, *, seed: int = 0) -> Sought:
    """Choose smoothing, thresholds, sizes and the ridge filter by the mean of pixel and object F1 of the classes.

    Bright and dark take no notice of one another, and what is dark is told apart after it was found: three small grids in
    place of one large one. Cross-validation repeats the whole choice without each fold in turn; the labels of the fold give the
    scores and the calibration.

    Parameters
    ----------
    examples
        Annotated slices.
    start
        Keeps its values where annotations say nothing, as of classes that they do not have.
    seed
        Of the folds.

    Raises
    ------
    InputError
        If there are no slices, or they show nothing but background.
    """
    if not any(np.isin(example.truth, (1, 2, 3)).any() for example in examples):
        raise InputError(
            f"{len(examples)} annotated slices show nothing but background: annotate some that show {', '.join(KINDS)}, or "
            "go without annotations"
        )
    start = replace(start, method="hysteresis")
    tables = _Tables(examples, start)
    everything = np.arange(len(examples))
    folds = min(FOLDS, len(examples))
    order = np.random.default_rng([seed, 5]).permutation(len(examples))
    held: dict[int, Parameters] = {}
    for fold in range(folds if folds > 1 else 0):
        out = order[fold::folds]
        chosen = tables.choose(np.setdiff1d(everything, out))
        held |= {int(k): chosen for k in out}
    best = tables.choose(everything)
    found = [tables.labelled(k, held.get(k, best)) for k in everything.tolist()]
    calibration = calibrate((one, example.truth) for one, example in zip(found, examples, strict=True))
    total = sum(_by_kind(example.truth, one.classes) for one, example in zip(found, examples, strict=True))
    scores = {kind: score(np.asarray(total)[k]) for k, kind in enumerate(KINDS)} if held else None
    return Sought(replace(best, calibration=calibration), scores, len(examples), folds)


def _by_kind(truth: NDArray[np.uint8], found: NDArray[np.uint8]) -> Counts:
    known = truth != UNKNOWN
    return np.stack([count(truth == code, (found == code) & known) for code in range(1, len(KINDS) + 1)])


def _better(worth: NDArray[np.float64], start: int) -> int:
    best = int(worth.argmax())
    return best if worth[best] > worth[start] + _GAIN else start


class _Tables:
    """Counts of each candidate on each slice, from which every subset of slices chooses without labelling again."""

    def __init__(self, examples: Sequence[Annotated], start: Parameters) -> None:
        self._examples, self._start = examples, start
        self._responses: dict[float, list[Responses]] = {}
        base = [compute(example.flat, start.smooth, start.widest) for example in examples]
        for smooth in dict.fromkeys((*SMOOTH, start.smooth)):
            sides = [smoothed(example.flat, smooth, start.widest) for example in examples]
            self._responses[smooth] = [
                replace(one, bright=bright, dark=dark) for one, (bright, dark) in zip(base, sides, strict=True)
            ]
        self._sides = {side: tuple(dict.fromkeys((*SIDES, getattr(start, side)))) for side in ("bright", "dark")}
        self._counts = {
            (side, smooth): np.array([[self._count(side, k, smooth, one) for k in range(len(examples))] for one in chosen])
            for side, chosen in self._sides.items()
            for smooth in self._responses
        }
        self._rules: dict[tuple[float, Side], Counts] = {}

    def choose(self, slices: NDArray[np.int64]) -> Parameters:
        """The best on some slices."""
        best: list[tuple[float, float, dict[str, Side]]] = []
        for smooth in self._responses:
            total, sides = 0.0, {}
            for side, chosen in self._sides.items():
                worth = means(self._counts[side, smooth][:, slices].sum(axis=1))
                k = _better(worth, chosen.index(getattr(self._start, side)))
                total, sides[side] = total + float(worth[k]), chosen[k]
            best.append((total, smooth, sides))
        first = list(self._responses).index(self._start.smooth)
        _, smooth, sides = best[_better(np.array([total / 2 for total, _, _ in best]), first)]
        found = replace(self._start, smooth=smooth, bright=sides["bright"], dark=sides["dark"])
        ruled = self._ruled(found)[:, slices].sum(axis=1)
        if (ruled[0, :, 3] + ruled[0, :, 5]).min() < _FEW:
            return found
        pixels, ridge = self._grid()[_better(means(ruled).mean(axis=1), 0)]
        return replace(found, fracture_pixels=pixels, ridge=ridge)

    def labelled(self, k: int, parameters: Parameters) -> labels.Labelled:
        """Labels of slice `k`."""
        return labels.label(self._examples[k].flat, self._responses[parameters.smooth][k], parameters)

    def _count(self, side: str, k: int, smooth: float, one: Side) -> Counts:
        responses, truth = self._responses[smooth][k], self._examples[k].truth
        bright = side == "bright"
        spots = responses.bright_spots if bright else responses.dark_spots
        found = labels.objects(responses.bright if bright else responses.dark, spots, one).mask
        true = truth == labels.INCLUSION if bright else np.isin(truth, (labels.PORE, labels.FRACTURE))
        return count(true, found & (truth != UNKNOWN))

    def _grid(self) -> list[tuple[int, float]]:
        return list(dict.fromkeys(((self._start.fracture_pixels, self._start.ridge), *RULES)))

    def _ruled(self, found: Parameters) -> Counts:
        """Counts of pores and fractures by each rule, (rules, slices, 2, 6)."""
        key = (found.smooth, found.dark)
        if key not in self._rules:
            rules = [replace(found, fracture_pixels=pixels, ridge=ridge) for pixels, ridge in self._grid()]
            self._rules[key] = np.array(
                [
                    [_by_kind(example.truth, self.labelled(k, rule).classes)[1:] for k, example in enumerate(self._examples)]
                    for rule in rules
                ]
            )
        return self._rules[key]
