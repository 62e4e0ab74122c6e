"""How good forecasts are: average precision, log loss, calibration; with intervals by clusters of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xctgraph.analysis.forecast.rows import Bools, Floats, Ints

LEVEL = 0.05
CHUNK = 2**22
BINS = 10
EDGE = 1e-6

Interval = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; p two-sided against 0, NaN where it is not a difference."""

    value: float
    interval: Interval
    p: float = float("nan")


@dataclass(frozen=True)
class Bin:
    """Of calibration: mean forecast, share that happened, number of rows."""

    forecast: float
    happened: float
    n: int


@dataclass(frozen=True)
class Trial:
    """Forecasts of one repeat: the rows of its test, and the chance that each model gives them."""

    rows: Ints
    chance: Mapping[str, Floats]


def average_precision(y: Bools, chance: Floats, weight: Floats | None = None) -> Floats:
    """Average precision of each row of weights, (k,): the sum over thresholds of precision times the step in recall.

    As scikit-learn's `average_precision_score`: no interpolation, equal chances one threshold; NaN where nothing happened.

    Parameters
    ----------
    y, chance : (n,)
    weight : (k, n), optional
        One row of ones where left out.
    """
    order = np.argsort(-chance, kind="stable")
    sorted_chance = chance[order]
    ends = np.append(np.flatnonzero(np.diff(sorted_chance)), len(order) - 1)
    w = np.ones((1, len(y))) if weight is None else weight[:, order]
    true = np.cumsum(w * y[order], axis=1)[:, ends]
    whole = np.cumsum(w, axis=1)[:, ends]
    precision = np.divide(true, whole, out=np.zeros_like(true), where=whole > 0)
    steps = np.diff(true, axis=1, prepend=0)
    total = true[:, -1]
    found: Floats = np.divide((precision * steps).sum(axis=1), total, out=np.full(len(w), np.nan), where=total > 0)
    return found


def log_loss(y: Bools, chance: Floats, weight: Floats | None = None) -> Floats:
    """Mean of -log of the chance that was given to what happened, of each row of weights, (k,)."""
    clipped = np.clip(chance, EDGE, 1 - EDGE)
    loss = -np.log(np.where(y, clipped, 1 - clipped))
    if weight is None:
        return np.array([loss.mean()])
    total = weight.sum(axis=1)
    found: Floats = np.divide(weight @ loss, total, out=np.full(len(weight), np.nan), where=total > 0)
    return found


MEASURES = {"average_precision": average_precision, "log_loss": log_loss}


def draws(y: Bools, tested: Sequence[Trial], cluster: Ints, n_draws: int, seed: int) -> dict[str, dict[str, Floats]]:
    """Each measure of each model, mean over the repeats: as found, then in bootstrap samples of whole clusters, (1 + n_draws,).

    A cluster has the same weight in all repeats and for all models, so that differences of models are paired (A. C. Davison,
    D. V. Hinkley, Bootstrap Methods and their Application, 1997, section 3.8).
    """
    held = np.unique(cluster[np.concatenate([one.rows for one in tested])])
    number = np.full(int(cluster.max()) + 1, -1)
    number[held] = np.arange(len(held))
    rng = np.random.default_rng([seed, 17])
    weights = np.concatenate([np.ones((1, len(held))), rng.multinomial(len(held), np.full(len(held), 1 / len(held)), n_draws)])
    models = list(tested[0].chance)
    total = {name: {model: np.zeros(1 + n_draws) for model in models} for name in MEASURES}
    for one in tested:
        own = number[cluster[one.rows]]
        size = max(1, CHUNK // max(len(own), 1))
        for start in range(0, 1 + n_draws, size):
            weight = weights[start : start + size][:, own]
            for name, measure in MEASURES.items():
                for model in models:
                    total[name][model][start : start + size] += measure(y[one.rows], one.chance[model], weight)
    return {name: {model: values / len(tested) for model, values in of_model.items()} for name, of_model in total.items()}


def estimate(values: Floats) -> Estimate:
    """The first of `values` with the interval of the others."""
    low, high = np.nanquantile(values[1:], (LEVEL / 2, 1 - LEVEL / 2))
    return Estimate(float(values[0]), (float(low), float(high)))


def difference(values: Floats, reference: Floats) -> Estimate:
    """The first of `values` less the first of `reference`, with interval and p of the paired draws."""
    apart = values - reference
    drawn = apart[1:][np.isfinite(apart[1:])]
    tail = (1 + min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))) / (1 + len(drawn))
    found = estimate(apart)
    return Estimate(found.value, found.interval, min(1.0, 2 * tail))


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """p-values corrected for having made all of these tests (S. Holm, Scand. J. Statist. 6 (1979) 65-70)."""
    found: dict[str, float] = {}
    least = 0.0
    for k, name in enumerate(sorted(p, key=lambda name: p[name])):
        least = max(least, min(1.0, (len(p) - k) * p[name]))
        found[name] = least
    return found


def calibration(y: Bools, tested: Sequence[Trial], model: str) -> list[Bin]:
    """Forecast against what happened, in bins of equally many rows, those of all repeats together."""
    chance = np.concatenate([one.chance[model] for one in tested])
    happened = np.concatenate([y[one.rows] for one in tested])
    order = np.argsort(chance, kind="stable")
    parts: list[NDArray[np.int64]] = [part for part in np.array_split(order, BINS) if len(part)]
    return [Bin(float(chance[part].mean()), float(happened[part].mean()), len(part)) for part in parts]
