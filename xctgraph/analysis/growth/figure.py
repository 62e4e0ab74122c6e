"""The figure of a growth study: where fronts advance more than their place lets expect, and how firm that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from xctgraph.analysis.growth import shift
from xctgraph.analysis.growth.primary import Prepared, Primary
from xctgraph.analysis.growth.sensitivity import Choice
from xctgraph.analysis.growth.sites import Floats
from xctgraph.analysis.style import axis, layout

BINS = 5
TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]


@dataclass(frozen=True)
class Excess:
    """Share of sites that advanced less what their place lets expect, by density percentile within the front.

    Attributes
    ----------
    percentile : (k,) float
        Middle of each bin, 0 to 100.
    excess : (k,) float
        -1 to 1.
    low, high : (k,) float
        Where 95 % of the shifts along the front fall.
    """

    percentile: Floats
    excess: Floats
    low: Floats
    high: Floats


def excess(ready: Prepared, seed: int, n_shifts: int) -> Excess:
    """Excess of advance by density percentile, with the band of the primary test's null."""
    rng = np.random.default_rng([seed, 3])
    place = np.minimum((ready.percentile * BINS).astype(np.int64), BINS - 1)
    weight = ready.sites.length / ready.sites.length.mean()
    bins = np.flatnonzero(np.bincount(place, minlength=BINS))
    found = []
    shifts = None
    for number in bins:
        member = (place == number).astype(np.float64)
        curves = shift.sums(ready.along.pieces, member, ready.null.residual)
        shifts = shift.draw(curves, rng, n_shifts) if shifts is None else shifts
        null = np.sum([curve[shifts[:, k]] for k, curve in enumerate(curves)], axis=0)
        values = np.array([sum(curve[0] for curve in curves), *np.quantile(null, (0.025, 0.975))])
        found.append(values / float(member @ weight))
    rows = np.array(found)
    return Excess((bins + 0.5) * 100 / BINS, rows[:, 0], rows[:, 1], rows[:, 2])


def draw(found: Excess, choices: Sequence[Choice], primary: Primary) -> go.Figure:
    """Two panels: excess of advance by density percentile with the band of the null, and the effect under other choices."""
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.3, column_widths=[0.55, 0.45])
    band = np.concatenate([found.percentile, found.percentile[::-1]])
    edge = 100 * np.concatenate([found.high, found.low[::-1]])
    figure.add_trace(
        go.Scatter(x=band, y=edge, fill="toself", mode="lines", line={"width": 0}, name="95 % of shifts", opacity=0.5),
        row=1,
        col=1,
    )
    figure.add_trace(
        go.Scatter(x=found.percentile, y=100 * found.excess, mode="lines+markers", name="observed", line={"color": "#c23b4b"}),
        row=1,
        col=1,
    )
    names = [
        f"{c.radius_um:.3g} µm, ≥ {c.threshold_um:.3g} µm, share {100 * c.share:.0f} %, {c.lag} scan{'s' if c.lag > 1 else ''}"
        for c in choices
    ]
    colours = ["#c23b4b" if c.verdict else "#7f7f7f" for c in choices]
    figure.add_trace(
        go.Scatter(
            x=[float(np.clip(c.effect, 0.01, 100.0)) for c in choices], y=names, mode="markers",
            marker={"color": colours, "size": 10}, showlegend=False, hovertemplate="%{x:.3g}", name="other choices",
        ),
        row=1, col=2,
    )  # fmt: skip
    low, middle, high = (float(np.clip(v, 0.01, 100.0)) for v in (primary.interval[0], primary.effect, primary.interval[1]))
    figure.add_trace(
        go.Scatter(
            x=[low, middle, high], y=["primary test"] * 3, mode="lines+markers", showlegend=False,
            line={"color": "#2f7ebc"}, marker={"size": [1, 12, 1]}, name="primary test",
        ),
        row=1, col=2,
    )  # fmt: skip
    figure.update_layout(layout(height=max(340, 120 + 24 * len(names))))
    figure.update_xaxes(axis("density percentile within the front", range=[0, 100]), row=1, col=1)
    figure.update_yaxes(axis("beyond expectation / % of sites"), row=1, col=1)
    figure.update_xaxes(axis("hazard ratio per standard deviation", type="log", tickvals=TICKS), row=1, col=2)
    figure.update_yaxes(axis(""), row=1, col=2)
    figure.add_vline(x=1.0, line={"dash": "dot", "color": "#7f7f7f"}, row=1, col=2)
    return figure
