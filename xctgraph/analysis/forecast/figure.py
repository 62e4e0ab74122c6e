"""The figure of a forecast study: how good each model is, and whether what it says is to be taken at its word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from xctgraph.analysis.style import OTHER_COLOURS, axis, layout

if TYPE_CHECKING:
    from xctgraph.analysis.forecast.result import Answer

CURVES = 3
RED = "#c23b4b"


def draw(answers: Sequence[Answer]) -> go.Figure:
    """A row per target: average precision of each model with its interval, and calibration of place, trees and the best model."""
    figure = make_subplots(
        rows=len(answers),
        cols=2,
        horizontal_spacing=0.12,
        vertical_spacing=0.28 / len(answers),
        column_widths=[0.58, 0.42],
        subplot_titles=[title for a in answers for title in (f"{a.target}: average precision in the test", "calibration")],
    )
    for row, answer in enumerate(answers, start=1):
        names = list(answer.scores)[::-1]
        found = [answer.scores[name].average_precision for name in names]
        error = {
            "type": "data",
            "array": [one.interval[1] - one.value for one in found],
            "arrayminus": [one.value - one.interval[0] for one in found],
        }
        colour = [RED if name == answer.best else OTHER_COLOURS[2] for name in names]
        points = go.Scatter(
            x=[one.value for one in found], y=names, mode="markers", error_x=error, marker={"color": colour}, showlegend=False
        )
        figure.add_trace(points, row=row, col=1)
        figure.add_vline(x=answer.tested_share, line={"dash": "dot", "color": "grey"}, row=row, col=1)
        shown = list(dict.fromkeys([answer.best, "trees", "place"]))[:CURVES]
        top = 0.0
        for name, line in zip(shown, (RED, *OTHER_COLOURS), strict=False):
            bins = answer.calibration[name]
            top = max([top, *(max(one.forecast, one.happened) for one in bins)])
            curve = go.Scatter(
                x=[one.forecast for one in bins],
                y=[one.happened for one in bins],
                mode="lines+markers",
                name=f"{answer.target}: {name}",
                line={"color": line},
            )
            figure.add_trace(curve, row=row, col=2)
        level = go.Scatter(x=[0, top], y=[0, top], mode="lines", line={"dash": "dot", "color": "grey"}, showlegend=False)
        figure.add_trace(level, row=row, col=2)
        figure.update_xaxes(axis("average precision"), row=row, col=1)
        figure.update_yaxes(axis(""), row=row, col=1)
        figure.update_xaxes(axis("chance forecast"), row=row, col=2)
        figure.update_yaxes(axis("share that happened"), row=row, col=2)
    figure.update_layout(layout(height=90 + 330 * len(answers), margin={"l": 120, "r": 16, "t": 60, "b": 52}))
    figure.update_layout(legend={"y": -0.12 / len(answers), "yanchor": "top"})
    return figure
