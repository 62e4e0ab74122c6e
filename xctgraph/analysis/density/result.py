"""What `analyze density` found, in numbers, in words and in a figure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from xctgraph.analysis.density.moran import Moran
from xctgraph.analysis.density.ripley import BALL
from xctgraph.analysis.density.statistics import Ripley
from xctgraph.analysis.style import axis, layout

QUESTION = "Are defects clustered, and do their kinds keep each other company?"
LEVEL = 0.05
SHOWN = 6


@dataclass(frozen=True)
class Pattern:
    """Functions of distance of one kind, or between two, in one scan; `volume` of the window in cubic micrometres."""

    t: int
    kind: str
    n: int
    volume: float
    found: Ripley

    @property
    def p(self) -> float:
        """Of Ripley's L as a whole; NaN without simulations."""
        return self.found.envelope["L"].p if "L" in self.found.envelope else float("nan")

    @property
    def widest(self) -> int:
        """Index of the distance at which L leaves the middle of its envelope most, in widths of it."""
        value = self.found.value["L"]
        if "L" not in self.found.envelope:
            return int(np.nanargmax(np.abs(value - self.found.distance)))
        band = self.found.envelope["L"]
        width = np.maximum(band.high - band.low, 1e-9 * self.found.distance)
        return int(np.argmax(np.abs(value - (band.high + band.low) / 2) / width))

    @property
    def effect(self) -> float:
        """K over that of complete spatial randomness at that distance: neighbours within it over those expected."""
        k = self.found.value["K"][self.widest]
        return float(k / (BALL * self.found.distance[self.widest] ** 3))

    @property
    def verdict(self) -> str:
        """In words, at 5 %."""
        between = "and" in self.kind.split()
        if not self.p <= LEVEL:
            return "no difference from random labels" if between else "no difference from complete spatial randomness"
        band = self.found.envelope["L"]
        above = self.found.value["L"][self.widest] > (band.high + band.low)[self.widest] / 2
        if between:
            return "nearer each other than by random labels" if above else "farther from each other than by random labels"
        return "clustered" if above else "spread more evenly than at random"


@dataclass(frozen=True)
class Density:
    """Result of `spatial_statistics`: patterns by scan and kind, and Moran's I of the regions by scan."""

    sample: str
    seed: int
    n_simulations: int
    max_um: float
    patterns: tuple[Pattern, ...]
    regions: dict[int, Moran]

    @property
    def primary(self) -> Pattern:
        """All defects of the last scan."""
        last = max(pattern.t for pattern in self.patterns)
        return next(pattern for pattern in self.patterns if pattern.t == last)

    @property
    def text(self) -> str:
        """A sentence for each pattern and each scan's regions."""
        found = []
        for one in self.patterns:
            distance = one.found.distance[one.widest]
            p = "" if np.isnan(one.p) else f", p = {one.p:.3g}"
            found.append(
                f"Scan {one.t}, {one.kind} ({one.n}): {one.verdict}; within {distance:.3g} µm {one.effect:.3g} times as many "
                f"neighbours as at random{p}."
            )
        for t, one_ in self.regions.items():
            found.append(
                f"Scan {t}, volume fraction of {one_.n} regions: Moran's I {one_.i:.3g} ({one_.expected:.3g} if unrelated), "
                f"p = {one_.p:.3g}."
            )
        return "\n".join(found)

    @property
    def figure(self) -> go.Figure:
        """L(r) - r of the first patterns, with their global envelopes."""
        shown = self.patterns[:SHOWN]
        titles = [f"scan {one.t}: {one.kind}" for one in shown]
        rows = (len(shown) + 1) // 2
        figure = make_subplots(rows=rows, cols=2, subplot_titles=titles, horizontal_spacing=0.14)
        for i, one in enumerate(shown):
            where = {"row": i // 2 + 1, "col": i % 2 + 1}
            r = one.found.distance
            if "L" in one.found.envelope:
                band = one.found.envelope["L"]
                x, y = np.concatenate([r, r[::-1]]), np.concatenate([band.high - r, (band.low - r)[::-1]])
                figure.add_trace(
                    go.Scatter(x=x, y=y, fill="toself", mode="lines", line={"width": 0}, name="95 % envelope", showlegend=i == 0),
                    **where,
                )
            line = {"color": "#c23b4b"}
            figure.add_trace(
                go.Scatter(x=r, y=one.found.value["L"] - r, mode="lines", line=line, name="observed", showlegend=i == 0), **where
            )
        figure.update_layout(layout(height=60 + 280 * rows))
        figure.update_xaxes(axis("r / µm"))
        figure.update_yaxes(axis("L(r) − r / µm"))
        return figure

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values; functions of distance as lists."""
        one = self.primary
        return {
            "question": QUESTION,
            "sample": self.sample,
            "seed": self.seed,
            "n_simulations": self.n_simulations,
            "primary": {"t": one.t, "kind": one.kind, "effect": one.effect, "interval": None, "p": one.p},
            "patterns": [
                {
                    "t": each.t, "kind": each.kind, "n": each.n, "effect": each.effect, "p": each.p, "verdict": each.verdict,
                    "distance_um": each.found.distance.tolist(),
                    **{mode: values.tolist() for mode, values in each.found.value.items()},
                }
                for each in self.patterns
            ],
            "moran": [{"t": t, **asdict(one_)} for t, one_ in self.regions.items()],
            "text": self.text,
        }  # fmt: skip
