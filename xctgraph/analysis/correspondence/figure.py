"""The figure: residuals of each pair by stage, what has no link by size, strain over time, and slices of a displacement field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.figure_factory import create_quiver
from plotly.subplots import make_subplots

from xctgraph.analysis.correspondence.distortion import Distortion
from xctgraph.analysis.correspondence.pair import STAGES, Pair, SizeClass
from xctgraph.analysis.style import axis, layout, log_axis
from xctgraph.ingest.correspondence.field import Field

Floats = NDArray[np.float64]

_STAGE_COLOURS = ("#7f7f7f", "#56b4e9", "#e69f00", "#2f7ebc", "#c23b4b")
_AXIS_COLOURS = ("#2f7ebc", "#009e73", "#e69f00")
_CELLS, _ARROWS = 48, 12


@dataclass(frozen=True, eq=False)
class Slice:
    """Middle slice of a displacement field, its mean taken off.

    Attributes
    ----------
    across : int
        Axis that the slice is across: 0 z, 1 y, 2 x.
    place : float
        Where it lies on that axis, um.
    rows, columns : (r,), (c,) float64, um
    u : (r, c, 3) float64, displacement (z, y, x) less the mean of the field, um
    """

    across: int
    place: float
    rows: Floats
    columns: Floats
    u: Floats


def middle_slice(field: Field, across: int, count: int) -> Slice:
    """Sample the middle slice across an axis at up to `count` places along its longer side."""
    ends = np.array([[nodes[0], nodes[-1]] for nodes in field.axes])
    place = float(ends[across].mean())
    along = [k for k in range(3) if k != across]
    length = np.diff(ends, axis=1)[:, 0]
    step = max(length[along]) / (count - 1)
    rows, columns = (np.linspace(float(ends[k, 0]), float(ends[k, 1]), max(2, round(float(length[k] / step)) + 1)) for k in along)
    points = np.empty((len(rows), len(columns), 3))
    points[..., across] = place
    points[..., along[0]], points[..., along[1]] = np.meshgrid(rows, columns, indexing="ij")
    u = field.at(points.reshape(-1, 3)).reshape(points.shape)
    return Slice(across, place, rows, columns, u - field.u.reshape(-1, 3).mean(axis=0))


def draw(pairs: Sequence[Pair], distortions: Sequence[Distortion], shown: tuple[Pair, Field] | None) -> go.Figure:
    """Three panels over the series, and below them the middle slices of the displacement field of one pair."""
    titles = ["distance of links from the displacement", "features without a link", "strain since the first scan"]
    slices = [] if shown is None else [middle_slice(shown[1], across, _CELLS) for across in range(3)]
    if shown is not None:
        of = f"{shown[0].t} → {shown[0].t + shown[0].dt}"
        titles += [f"displacement {of} less its mean, {'zyx'[one.across]} = {one.place:.4g} µm" for one in slices]
    figure = make_subplots(rows=2 if slices else 1, cols=3, subplot_titles=titles, horizontal_spacing=0.09, vertical_spacing=0.14)
    _residuals(figure, pairs)
    _unlinked(figure, pairs)
    _strains(figure, distortions)
    if shown is not None:
        _field(figure, slices, shown[1])
    figure.update_layout(layout(height=820 if slices else 400, barmode="group"))
    figure.update_layout(margin={"t": 90}, legend={"y": 1.06})
    return figure


def _residuals(figure: go.Figure, pairs: Sequence[Pair]) -> None:
    every = []
    for stage, colour in zip(STAGES, _STAGE_COLOURS, strict=True):
        found = [(pair.t, one.median) for pair in pairs for one in pair.residuals if one.stage == stage]
        x, y = np.array(found).T if found else (np.zeros(0), np.zeros(0))
        every.append(y)
        figure.add_trace(go.Scatter(x=x, y=y, name=stage, mode="lines+markers", line={"color": colour}), row=1, col=1)
    figure.update_xaxes(_scans("earlier scan t", [pair.t for pair in pairs]), row=1, col=1)
    figure.update_yaxes(log_axis("median distance / µm", np.concatenate(every)), row=1, col=1)


def _unlinked(figure: go.Figure, pairs: Sequence[Pair]) -> None:
    totals = total(pairs)
    names = [class_name(one) for one in totals]
    for name, colour, share in (
        ("lost", "#7f7f7f", [one.lost / one.n_earlier if one.n_earlier else None for one in totals]),
        ("new", "#009e73", [one.new / one.n_later if one.n_later else None for one in totals]),
    ):
        y = [None if value is None else 100 * value for value in share]
        figure.add_trace(go.Bar(x=names, y=y, name=name, marker={"color": colour}), row=1, col=2)
    figure.update_xaxes(axis("size / voxels", type="category"), row=1, col=2)
    figure.update_yaxes(axis("share / %", rangemode="tozero"), row=1, col=2)


def _strains(figure: go.Figure, distortions: Sequence[Distortion]) -> None:
    t = [one.t for one in distortions]
    for k, colour in enumerate(_AXIS_COLOURS):
        y = [100 * one.strain[k] for one in distortions]
        trace = go.Scatter(x=t, y=y, name=f"strain {'zyx'[k]}", mode="lines+markers", line={"color": colour})
        figure.add_trace(trace, row=1, col=3)
    figure.update_xaxes(_scans("scan t", t), row=1, col=3)
    figure.update_yaxes(axis("strain / %"), row=1, col=3)


def _field(figure: go.Figure, slices: Sequence[Slice], field: Field) -> None:
    lengths = [np.linalg.norm(one.u, axis=2) for one in slices]
    most = max(float(length.max()) for length in lengths)
    for col, (one, length) in enumerate(zip(slices, lengths, strict=True), start=1):
        heat = go.Heatmap(
            x=one.columns, y=one.rows, z=length, zmin=0, zmax=most or 1, colorscale="Viridis", showscale=col == 3,
            colorbar={"title": {"text": "µm"}, "len": 0.42, "y": 0.2}, name="displacement",
        )  # fmt: skip
        figure.add_trace(heat, row=2, col=col)
        coarse = middle_slice(field, one.across, _ARROWS)
        v, h = (k for k in range(3) if k != one.across)
        y, x = np.meshgrid(coarse.rows, coarse.columns, indexing="ij")
        # The longest arrow is as long as the arrows are apart.
        scale = (coarse.columns[1] - coarse.columns[0]) / most if most else 0.0
        (arrows,) = create_quiver(x, y, coarse.u[..., h], coarse.u[..., v], scale=scale, arrow_scale=0.25).data
        figure.add_trace(arrows.update(line={"color": "white", "width": 1}, showlegend=False, hoverinfo="skip"), row=2, col=col)
        figure.update_xaxes(axis(f"{'zyx'[h]} / µm"), row=2, col=col)
        figure.update_yaxes(axis(f"{'zyx'[v]} / µm", scaleanchor=f"x{col + 3}"), row=2, col=col)


def _scans(title: str, t: Sequence[int]) -> dict[str, object]:
    return axis(title, tickformat="d", dtick=max(1, round((max(t, default=0) - min(t, default=0)) / 10)))


def total(pairs: Sequence[Pair]) -> list[SizeClass]:
    """Counts of all pairs together, by size class."""
    return [
        SizeClass(
            of[0].least, of[0].most, *(sum(getattr(one, name) for one in of) for name in ("n_earlier", "lost", "n_later", "new"))
        )
        for of in zip(*(pair.sizes for pair in pairs), strict=True)
    ]


def class_name(one: SizeClass) -> str:
    """Voxels of a size class, in words."""
    if one.most is None:
        return f"≥ {one.least}"
    return f"< {one.most}" if one.least == 1 else f"{one.least} to {one.most - 1}"
