"""What `toward_density` found, in numbers, in words and in a figure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from xctgraph.analysis.growth.companions import Cosine, Odds
from xctgraph.analysis.growth.figure import Excess, draw
from xctgraph.analysis.growth.nulls import Null
from xctgraph.analysis.growth.primary import LEVEL, Primary
from xctgraph.analysis.growth.sensitivity import Choice
from xctgraph.analysis.growth.sites import EVERYWHERE

Counted = Literal["voxels", "spheres"]

COUNTED: dict[Counted, str] = {
    "voxels": "voxels of defects over those of material",
    "spheres": "each defect a sphere of its volume",
}
QUESTION = "Do fractures extend toward regions of higher defect density?"


@dataclass(frozen=True)
class Growth:
    """Result of `toward_density`.

    Attributes
    ----------
    sample : str
    radius_um, threshold_um, share : float
        Radius of the half-ball ahead; least advance of a site that has advanced, and share of a front that moved everywhere
        that it left behind.
    counted : str
        How the density ahead was measured: in "voxels" of the defects, or in "spheres" of their volumes.
    seed : int
    primary : Primary
        The pre-declared test: effect, interval, p, numbers of sites, fractures and pairs of scans.
    nulls : tuple of Null
        The null of the primary test first, then the others with the same statistic.
    odds : tuple of Odds
        Logistic model of advance on every influence at once.
    cosine : Cosine or None
        Of the direction of advance and the density gradient; None without defects.
    radii, choices : tuple of Choice
        The test at other radii, thresholds and lags.
    excess : Excess
        Share of sites that advanced beyond expectation by density percentile: the figure.
    """

    sample: str
    radius_um: float
    threshold_um: float
    share: float
    counted: Counted
    seed: int
    primary: Primary
    nulls: tuple[Null, ...]
    odds: tuple[Odds, ...]
    cosine: Cosine | None
    radii: tuple[Choice, ...]
    choices: tuple[Choice, ...]
    excess: Excess

    @property
    def effect(self) -> float:
        """Hazard ratio of advance per standard deviation of the density ahead."""
        return self.primary.effect

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the effect."""
        return self.primary.interval

    @property
    def p(self) -> float:
        """Two-sided p-value of the primary test."""
        return self.primary.p

    @property
    def null(self) -> str:
        """The null model of the primary test, in one sentence."""
        return self.nulls[0].sentence

    @property
    def figure(self) -> go.Figure:
        """Figure: excess of advance by density percentile, and the effect under other choices."""
        return draw(self.excess, (*self.radii, *self.choices), self.primary)

    @property
    def flips(self) -> list[Choice]:
        """Choices of radius, threshold and lag under which the verdict at 5 % is another."""
        verdict = Choice(self.radius_um, self.threshold_um, self.share, 1, self.effect, self.p).verdict
        return [choice for choice in (*self.radii, *self.choices) if choice.verdict != verdict]

    @property
    def text(self) -> str:
        """The answer in sentences, with what it rests on and what it cannot say."""
        return " ".join([*self._answer(), *self._support(), self._specimens()])

    def to_dict(self) -> dict[str, Any]:
        """Everything but the figure, as plain values."""
        found = asdict(self)
        del found["excess"]
        return {"question": QUESTION, **found, "flips": [asdict(c) for c in self.flips], "text": self.text}

    def lines(self) -> list[str]:
        """Tables of the other tests, as aligned lines."""
        found = ["", f"odds ratio per standard deviation, all at once:{'' if self.odds else ' too few blocks along the front'}"]
        found += [
            f"  {o.influence:22}{o.ratio:8.3g}  ({o.interval[0]:.3g} to {o.interval[1]:.3g})  p = {o.p:.3g}" for o in self.odds
        ]
        if self.cosine is not None:
            found.append(
                f"cosine of advance and density gradient: {self.cosine.advanced:.2f} where a front advanced, "
                f"{self.cosine.not_advanced:.2f} where not, p = {self.cosine.p:.3g}"
            )
        found += ["", "other radii, thresholds and lags: hazard ratio, p, p corrected for all radii"]
        for c in (*self.radii, *self.choices):
            corrected = "" if np.isnan(c.p_corrected) else f"{c.p_corrected:8.3g}"
            found.append(f"  {_choice(c):64}{c.effect:8.3g}{c.p:8.3g}{corrected}")
        return [*found, "", *(f"null, {null.name}: {null.sentence}" for null in self.nulls)]

    def _answer(self) -> list[str]:
        one, (low, high) = self.primary, self.interval
        if one.p >= LEVEL:
            said = "No preference of the fronts for denser or sparser regions can be told."
        else:
            said = f"The fronts advance {'toward' if one.effect > 1 else 'away from'} regions of higher defect density."
        ends = f"{_number(low)} to {_number(high)}"
        return [
            said,
            f"Where a front advanced (by at least {_number(self.threshold_um)} µm{self._everywhere()}), "
            f"the density within {_number(self.radius_um)} µm ahead ({COUNTED[self.counted]}) lay at percentile "
            f"{one.percentile_advanced:.0f} of its front on average, where it did not at {one.percentile_not:.0f}; one standard "
            f"deviation more density multiplies the hazard to advance by {_ratio(one.effect)} (95 % interval {ends}, "
            f"p = {_number(one.p)}, {one.n_shifts} shifts along the front, seed {self.seed}).",
        ]

    def _everywhere(self) -> str:
        if not self.share:
            return ""
        moved = f"{100 * EVERYWHERE:.0f} %"
        return f"; of a front of which more than {moved} moved that far, farther than a share of {100 * self.share:.0f} % of it"

    def _support(self) -> list[str]:
        others = ", ".join(f"{null.name} p = {_number(null.p)}" for null in self.nulls[1:])
        said = [f"Other null models: {others}."] if others else []
        n = len(self.radii) + len(self.choices)
        if n:
            flips = self.flips
            which = "; ".join(f"{_choice(choice)}: p = {_number(choice.p)}" for choice in flips)
            said.append(
                f"At 5 % the verdict is another under {len(flips)} of {n} choices of radius, threshold, share and lag ({which})."
                if flips
                else f"At 5 % the verdict is the same under {n} choices of radius, threshold, share and lag."
            )
        return said

    def _specimens(self) -> str:
        one = self.primary
        cracks = "1 fracture" if one.n_fractures == 1 else f"{one.n_fractures} fractures"
        pairs = "1 pair" if one.n_pairs == 1 else f"{one.n_pairs} pairs"
        return (
            f"This rests on {one.n_sites} front sites of {cracks} in {pairs} of scans. One crack is one specimen: it speaks of "
            f"{'this fracture' if one.n_fractures == 1 else 'these fractures'}, and of the material only as far as "
            f"{'it is' if one.n_fractures == 1 else 'they are'} typical."
        )


def _choice(choice: Choice) -> str:
    scans = "" if choice.lag == 1 else f", over {choice.lag} scans"
    threshold, share = _number(choice.threshold_um), f"{100 * choice.share:.0f} %"
    return f"radius {_number(choice.radius_um)} µm, advance of {threshold} µm, share {share}{scans}"


def _ratio(value: float) -> str:
    return "more than 100" if np.isinf(value) else "less than 1/100" if value == 0 else _number(value)


def _number(value: float) -> str:
    return "∞" if np.isinf(value) else f"{value:.3g}"
