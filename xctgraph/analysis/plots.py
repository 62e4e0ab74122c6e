"""Figures: pure functions from tables to plotly figures. Axes name their units; nothing here reads a store."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pyarrow as pa
import pyarrow.compute as pc
from plotly.subplots import make_subplots

from xctgraph.analysis.style import EVENT_COLOURS, axis, kind_colours, layout, log_axis
from xctgraph.store.errors import InputError

BINS = 40


def counts(table: pa.Table) -> go.Figure:
    """Number and volume fraction of each kind over the scans; columns `t`, `kind`, `n_features`, `volume_fraction`."""
    need(table, "t", "kind", "n_features", "volume_fraction")
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.14)
    kinds = _kinds(table)
    for kind in kinds:
        rows = table.filter(pc.equal(table["kind"], kind)).sort_by("t")
        line = {"color": kind_colours(kinds)[kind]}
        for col, values in ((1, rows["n_features"].to_numpy()), (2, 100 * rows["volume_fraction"].to_numpy())):
            trace = go.Scatter(x=rows["t"].to_numpy(), y=values, name=kind, legendgroup=kind, showlegend=col == 1, line=line)
            figure.add_trace(trace.update(mode="lines+markers"), row=1, col=col)
    figure.update_layout(layout())
    figure.update_xaxes(_scan_axis(table))
    figure.update_yaxes(axis("features", rangemode="tozero"), col=1)
    figure.update_yaxes(axis("volume fraction / %", rangemode="tozero"), col=2)
    return figure


def sizes(features: pa.Table) -> go.Figure:
    """Distribution of the equivalent diameter by kind, in logarithmic bins; columns `kind`, `equivalent_diameter` (µm)."""
    need(features, "kind", "equivalent_diameter")
    figure = go.Figure()
    diameter = features["equivalent_diameter"].to_numpy()
    kinds = _kinds(features)
    if len(diameter):
        low, high = diameter.min(), diameter.max()
        edges = np.geomspace(low * 0.999, max(high, low * 1.1) * 1.001, BINS + 1)
        for kind in kinds:
            count, _ = np.histogram(diameter[_mask(features, kind)], edges)
            figure.add_trace(
                go.Scatter(
                    x=np.repeat(edges, 2)[1:-1],
                    y=np.repeat(count, 2),
                    name=kind,
                    mode="lines",
                    fill="tozeroy",
                    line={"color": kind_colours(kinds)[kind], "width": 1.5},
                    hovertemplate="%{y} at %{x:.3g} µm",
                )
            )
    figure.update_layout(layout())
    figure.update_xaxes(log_axis("equivalent diameter / µm", diameter))
    figure.update_yaxes(axis("features per bin", rangemode="tozero"))
    return figure


def growth(table: pa.Table) -> go.Figure:
    """Volume of tracks over the scans, on a logarithmic axis; columns `name` of the track, `t`, `volume` (µm³)."""
    need(table, "name", "t", "volume")
    figure = go.Figure()
    for name in dict.fromkeys(table["name"].to_pylist()):
        rows = table.filter(pc.equal(table["name"], name)).sort_by("t")
        figure.add_trace(go.Scatter(x=rows["t"].to_numpy(), y=rows["volume"].to_numpy(), name=str(name), mode="lines+markers"))
    figure.update_layout(layout(hovermode="closest"))
    figure.update_xaxes(_scan_axis(table))
    figure.update_yaxes(log_axis("volume / µm³", table["volume"].to_numpy()))
    return figure


def events(table: pa.Table) -> go.Figure:
    """Events by scan, as grouped bars; columns `t` and any of `births`, `deaths`, `splits`, `merges`, `swallowed`."""
    need(table, "t")
    figure = go.Figure()
    for event, colour in EVENT_COLOURS.items():
        if event in table.column_names:
            x, y = table["t"].to_numpy(), table[event].cast(pa.float64()).to_numpy()
            figure.add_trace(go.Bar(x=x, y=y, name=event, marker={"color": colour}))
    figure.update_layout(layout(barmode="group"))
    figure.update_xaxes(_scan_axis(table))
    figure.update_yaxes(axis("features", rangemode="tozero"))
    return figure


def pairs(table: pa.Table, *, before: tuple[str, str], after: tuple[str, str], title: str) -> go.Figure:
    """Two values per scan side by side; columns `t` and the two named first in `before` and `after`, shown as named second."""
    need(table, "t", before[0], after[0])
    figure = go.Figure()
    for (column, name), colour in ((before, "#7f7f7f"), (after, "#c23b4b")):
        x, y = table["t"].to_numpy(), table[column].cast(pa.float64()).to_numpy()
        figure.add_trace(go.Scatter(x=x, y=y, name=name, mode="markers", marker={"color": colour, "size": 11}))
    figure.update_layout(layout())
    figure.update_xaxes(_scan_axis(table))
    figure.update_yaxes(axis(title, rangemode="tozero"))
    return figure


def reliability(table: pa.Table) -> go.Figure:
    """Shares of number and volume by class of size, and the expected error of a volume.

    Columns `from_px`, `to_px`, `share_percent`, `volume_percent`, `diameter_px`, `error_percent`.
    """
    need(table, "from_px", "to_px", "share_percent", "volume_percent", "diameter_px", "error_percent")
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.14)
    names = [
        f"{row['from_px']:g}+" if row["to_px"] is None else f"{row['from_px']:g}–{row['to_px']:g}" for row in table.to_pylist()
    ]
    for name, column, colour in (("features", "share_percent", "#2f7ebc"), ("their volume", "volume_percent", "#7f7f7f")):
        figure.add_trace(go.Bar(x=names, y=table[column].to_numpy(), name=name, marker={"color": colour}), row=1, col=1)
    diameter, error = table["diameter_px"].to_numpy(), table["error_percent"].to_numpy()
    line = go.Scatter(x=diameter, y=error, mode="lines+markers", name="error", showlegend=False, line={"color": "#c23b4b"})
    figure.add_trace(line, row=1, col=2)
    figure.add_hline(y=10, line={"dash": "dot", "width": 1}, row=1, col=2)
    figure.update_layout(layout(barmode="group"))
    figure.update_xaxes(axis("equivalent diameter / px", type="category"), col=1)
    figure.update_xaxes(log_axis("equivalent diameter / px", diameter), col=2)
    figure.update_yaxes(axis("share / %", rangemode="tozero"), col=1)
    figure.update_yaxes(axis("error of a volume / %", rangemode="tozero"), col=2)
    return figure


def _kinds(table: pa.Table) -> list[str]:
    return sorted(set(table["kind"].to_pylist()))


def _mask(table: pa.Table, kind: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    mask: np.ndarray[tuple[int], np.dtype[np.bool_]] = pc.equal(table["kind"], kind).to_numpy()
    return mask


def _scan_axis(table: pa.Table) -> dict[str, object]:
    """Whole numbers only, at most about ten of them."""
    t = table["t"]
    span = (pc.max(t).as_py() - pc.min(t).as_py()) if table.num_rows else 1
    return axis("scan t", tickformat="d", dtick=max(1, round(span / 10)))


def need(table: pa.Table, *columns: str) -> None:
    """Raise `InputError` if a column that a figure needs is missing."""
    missing = [c for c in columns if c not in table.column_names]
    if missing:
        raise InputError(f"the figure needs a column {missing[0]!r}; the table has {', '.join(table.column_names)}")
