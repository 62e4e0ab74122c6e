"""The primary test: density percentile of where a front advanced against where it could have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xctgraph.analysis.growth import place, shift
from xctgraph.analysis.growth.along import Along, along
from xctgraph.analysis.growth.score import Score, percentiles, savage, score
from xctgraph.analysis.growth.sites import Floats, Ints, Sites
from xctgraph.store.errors import InputError

LIMIT = float(np.log(100.0))
"""Log hazard ratio beyond which effect and interval are called open."""
LEVEL = 0.05
SMALLEST = 20
TOLERANCE = 2e-3
FIRST_STEP = 0.1


@dataclass(frozen=True)
class Primary:
    """Result of the primary test.

    Attributes
    ----------
    effect : float
        Ratio of the hazards to advance at densities one standard deviation apart; 0 or inf where it is beyond 1/100 or 100.
    interval : (float, float)
        Ratios that the same test does not reject at 5 %; 0 or inf where it is open.
    p : float
        Two-sided, of no attraction.
    percentile_advanced, percentile_not : float
        Mean percentile (0 to 100) of the density among the sites of the same front, where it advanced and where it did not.
    n_sites, n_fronts, n_fractures, n_pairs : int
        Used: sites, pieces of front with contrast, fractures, pairs of scans.
    n_shifts : int
    """

    effect: float
    interval: tuple[float, float]
    p: float
    percentile_advanced: float
    percentile_not: float
    n_sites: int
    n_fronts: int
    n_fractures: int
    n_pairs: int
    n_shifts: int


@dataclass(frozen=True)
class Prepared:
    """What every null needs of a set of sites: those with contrast, their order, percentile and score without attraction.

    `percentile` (n,) of the density within the front, 0 to 1; `ranked` (n,) its Savage score.
    """

    sites: Sites
    along: Along
    design: Floats
    percentile: Floats
    ranked: Floats
    null: Score


def prepare(sites: Sites) -> Prepared:
    """Lay out the fronts with contrast and fit the trend over the place.

    Raises
    ------
    InputError
        If there are too few sites on fronts of which a part advanced and a part did not.
    """
    used = sites.contrasting()
    if len(used) < SMALLEST:
        raise InputError(
            f"{len(used)} of {len(sites)} front sites lie on fronts that advanced at some sites and not at others; "
            f"the test needs at least {SMALLEST}: take a lower threshold of advance, a smaller front_spacing, or more scans"
        )
    if np.ptp(used.density) == 0:
        raise InputError(f"the density ahead is {used.density[0]:g} at all {len(used)} front sites: take a larger radius")
    order = along(used)
    columns = place.design(used, order.coordinate)
    percentile = percentiles(used.density, used.front)
    ranked = savage(percentile)
    return Prepared(used, order, columns, percentile, ranked, score(used, ranked, columns))


def primary(sites: Sites, *, seed: int = 0, n_shifts: int = 1999) -> Primary:
    """Test whether fronts advance where the density ahead is high.

    The statistic is the sum over sites of the Savage score of the density percentile within the front times the residual of
    advance (above or below expectation), both without their trend over the place on the front: the score of the hazard model. Its
    null distribution is that of the advance shifted along its own front, all scans of a fracture together (random shift test:
    T. Mrkvicka, J. Dvorak, J. A. Gonzalez, J. Mateu, Spatial Statistics 42 (2021) 100430).
    The effect is where the statistic is zero, the interval what the test does not reject.

    Parameters
    ----------
    sites : Sites
    seed : int
        Of the shifts.
    n_shifts : int

    Raises
    ------
    InputError
        If there are too few sites on fronts with contrast, or the density is the same at all.
    """
    ready = prepare(sites)
    test = ShiftTest(ready, seed, n_shifts)
    used = ready.sites
    effect = test.effect()
    low, high = test.interval(effect)
    share = 100 * ready.percentile
    return Primary(
        effect=float(np.exp(effect)),
        interval=(float(np.exp(low)), float(np.exp(high))),
        p=test.p(ready.null),
        percentile_advanced=float(np.average(share[used.advanced], weights=used.length[used.advanced])),
        percentile_not=float(np.average(share[~used.advanced], weights=used.length[~used.advanced])),
        n_sites=len(used),
        n_fronts=len(np.unique(used.front)),
        n_fractures=len(np.unique(used.fracture)),
        n_pairs=len(np.unique(used.t)),
        n_shifts=n_shifts,
    )


class ShiftTest:
    """The test of any log hazard ratio, by the same shifts."""

    def __init__(self, ready: Prepared, seed: int, n_shifts: int) -> None:
        rng = np.random.default_rng(seed)
        self._ready = ready
        self._pieces = ready.along.pieces
        null = ready.null
        curves = shift.sums(self._pieces, null.density, null.residual)
        self.shifts: Ints = shift.draw(curves, rng, n_shifts)
        terms = (self._pieces, null.density, null.residual)
        self._wider = shift.seam(*terms) / shift.spread_kept(*terms, ready.design, null.weight, rng)
        self._likeness = shift.likeness(*terms)

    def z(self, terms: Score) -> tuple[float, Floats]:
        """The score and its null distribution (n_shifts,), over the spread of the latter."""
        curves = shift.sums(self._pieces, terms.density, terms.residual)
        # Only what a shifted sum does not share with the sum without shift has too small a spread.
        alike = [share * curve[0] for share, curve in zip(self._likeness, curves, strict=True)]
        null = [common + self._wider * (curve - common) for common, curve in zip(alike, curves, strict=True)]
        shifted = np.sum([curve[self.shifts[:, k]] for k, curve in enumerate(null)], axis=0)
        observed = sum(float(curve[0]) for curve in curves)
        spread = float(np.sqrt((shifted**2).mean())) or 1.0
        return observed / spread, shifted / spread

    def p(self, terms: Score) -> float:
        """Two-sided p-value."""
        observed, null = self.z(terms)
        return float((1 + (np.abs(null) >= abs(observed) - 1e-12).sum()) / (len(null) + 1))

    def effect(self) -> float:
        """Log hazard ratio at which the score is zero: the root next to no attraction; infinite where beyond 100 or 1/100."""
        toward = self.z(self._ready.null)[0] > 0
        return _open(_leave(lambda log_ratio: (self.z(self._at(log_ratio))[0] > 0) == toward, 0.0, 1.0 if toward else -1.0))

    def interval(self, effect: float) -> tuple[float, float]:
        """Ends of the log hazard ratios about the effect that are not rejected at 5 %; infinite where beyond 100 or 1/100."""
        start = float(np.clip(effect, -LIMIT, LIMIT))
        low, high = (_leave(lambda log_ratio: self.p(self._at(log_ratio)) > LEVEL, start, sense) for sense in (-1.0, 1.0))
        return _open(low), _open(high)

    def _at(self, log_ratio: float) -> Score:
        ready = self._ready
        return score(ready.sites, ready.ranked, ready.design, log_ratio=log_ratio, start=ready.null.coefficients)


def _open(log_ratio: float) -> float:
    return log_ratio if abs(log_ratio) < LIMIT else float(np.copysign(np.inf, log_ratio))


def _leave(holds: Callable[[float], bool], start: float, sense: float) -> float:
    """Where a condition that holds at `start` first fails on the way to sense * LIMIT; that end where it never does."""
    inner, outer, step = start, start, FIRST_STEP
    while True:
        outer = float(np.clip(outer + sense * step, -LIMIT, LIMIT))
        if not holds(outer):
            break
        if abs(outer) == LIMIT:
            return outer
        inner, step = outer, 1.5 * step
    while abs(outer - inner) > TOLERANCE:
        middle = (inner + outer) / 2
        inner, outer = (middle, outer) if holds(middle) else (inner, middle)
    return (inner + outer) / 2
