"""Colours and layout shared by every figure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

KIND_COLOURS = {"inclusion": "#2f7ebc", "pore": "#e69f00", "fracture": "#c23b4b"}
OTHER_COLOURS = ("#009e73", "#8a63c9", "#7f7f7f", "#56b4e9", "#a6761d")
EVENT_COLOURS = {
    "births": "#009e73",
    "deaths": "#7f7f7f",
    "splits": "#2f7ebc",
    "merges": "#e69f00",
    "swallowed": "#c23b4b",
}
DENSITY_SCALE = "Viridis"


def kind_colours(kinds: Iterable[str]) -> dict[str, str]:
    """A colour per kind: fixed for inclusion, pore and fracture, from a colour-blind safe list for the user's own."""
    own = sorted(set(kinds) - set(KIND_COLOURS))
    return KIND_COLOURS | {kind: OTHER_COLOURS[i % len(OTHER_COLOURS)] for i, kind in enumerate(own)}


def layout(**more: Any) -> dict[str, Any]:
    """Layout of a figure: transparent, so that it sits on a light or a dark page."""
    return {
        "template": "none",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13},
        "margin": {"l": 80, "r": 16, "t": 32, "b": 52},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "itemsizing": "constant"},
        "height": 340,
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "rgba(128,128,128,0.7)", "activecolor": "#2f7ebc"},
        **more,
    }


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis with a title that names the unit."""
    grid = "rgba(128,128,128,0.22)"
    return {"title": {"text": title}, "gridcolor": grid, "linecolor": "rgba(128,128,128,0.6)", "zeroline": False, **more}


def log_axis(title: str, values: NDArray[np.float64]) -> dict[str, Any]:
    """A logarithmic axis for positive `values`, labelled at 1, 2, 5 or, over more than three decades, at powers of ten."""
    positive = values[values > 0]
    low, high = (float(np.log10(v)) for v in (positive.min(), positive.max())) if len(positive) else (0.0, 1.0)
    digits = (1, 2, 5) if high - low <= 3 else (1,)
    ticks = [digit * 10.0**power for power in range(int(np.floor(low)), int(np.ceil(high)) + 1) for digit in digits]
    return axis(title, type="log", tickvals=ticks, ticktext=[f"{tick:,.15g}" if tick < 1e6 else f"{tick:.0e}" for tick in ticks])
