"""Figures of a characterisation by matplotlib: one style, colours that the colour-blind tell apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xctgraph.analysis.characterise.orientation import CELLS, across, unproject
from xctgraph.analysis.characterise.result import Characterisation
from xctgraph.analysis.style import kind_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE: Any = {
    "font.family": "sans-serif", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "grid.alpha": 0.3, "legend.frameon": False, "svg.hashsalt": "xctgraph", "svg.fonttype": "none", "lines.markersize": 4,
}  # fmt: skip
SIZES = (
    ("volume", "volume / µm³"), ("axis_major_length", "major axis / µm"), ("axis_minor_length", "minor axis / µm"),
    ("sphericity", "sphericity"), ("aspect_ratio", "minor over major axis"), ("nearest_gap", "gap to the nearest / µm"),
)  # fmt: skip
CONCENTRATION = 40.0


def drawn(found: Characterisation) -> Iterator[tuple[str, Figure]]:
    """Names and figures; those of which nothing is known are left out. Closed by whoever draws them: none is kept by pyplot."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        for draw in (abundance, distributions, stereograms, change, profiles, displacement):
            figure = draw(found)
            if figure is not None:
                yield draw.__name__, figure


def abundance(found: Characterisation) -> Figure | None:
    """Number density and volume fraction over the scans."""
    table = found.tables["abundance"]
    kinds = _kinds(table.filter(pc.greater(table["n"], 0)))
    figure, (left, right) = _panels(1, 2)
    for i, kind in enumerate(kinds):
        rows = _of(table, kind=kind)
        for axes, value, low, high, scale in (
            (left, "density_per_mm3", "density_low", "density_high", 1.0),
            (right, "volume_fraction", "fraction_low", "fraction_high", 100.0),
        ):
            _with_interval(
                axes, rows, "t", (value, low, high), scale, kind_colours(kinds)[kind], kind, 0.06 * (i - len(kinds) / 2)
            )
    left.set(xlabel="scan t", ylabel="features per mm³", yscale="symlog")
    right.set(xlabel="scan t", ylabel="volume fraction / %", ylim=(0, None))
    _legend(left)
    return figure if kinds else None


def distributions(found: Characterisation) -> Figure | None:
    """Sizes and shapes of the first scan (dashed) and the last (full)."""
    table = found.tables["histograms"]
    kinds = _kinds(table)
    figure, panels = _panels(2, 3)
    for axes, (measure, title) in zip(panels, SIZES, strict=True):
        for kind in kinds:
            for t in dict.fromkeys((found.scans[-1], found.scans[0])):
                rows = _of(table, kind=kind, measure=measure, t=t).sort_by("low")
                rows = rows.filter(pc.greater(rows["high"], 0.0))
                low, high, n = (rows[name].to_numpy() for name in ("low", "high", "n"))
                if n.sum() < 10:
                    continue
                line: dict[str, Any] = {"color": kind_colours(kinds)[kind], "linestyle": "-" if t == found.scans[-1] else "--"}
                middle = (
                    np.sqrt(low * high)
                    if measure in ("volume", "nearest_gap") or measure.endswith("length")
                    else (low + high) / 2
                )
                axes.step(middle, n / n.sum(), where="mid", label=f"{kind}, scan {t}", **line)
        axes.set(xlabel=title, ylabel="share per bin", ylim=(0, None))
        if measure not in ("sphericity", "aspect_ratio"):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter("")
    _legend(panels[0])
    return figure if any(axes.lines for axes in panels) else None


def stereograms(found: Characterisation) -> Figure | None:
    """Densities of major axes of the first and the last scan, in multiples of an even spread."""
    table = found.tables["poles"]
    scans = list(dict.fromkeys((found.scans[0], found.scans[-1])))
    kinds = [k for k in _kinds(table) if all((pc.sum(_of(table, kind=k, t=t)["n"]).as_py() or 0) >= 10 for t in scans)]
    if not kinds:
        return None
    figure, panels = _panels(len(kinds), len(scans), width=3.2, height=3.0)
    middle = (np.arange(CELLS) + 0.5) / CELLS * 2 - 1
    u, v = np.meshgrid(middle, middle, indexing="ij")
    inside = u**2 + v**2 <= 1
    for axes, (kind, t) in zip(panels, ((k, t) for k in kinds for t in scans), strict=True):
        density = np.full(u.shape, np.nan)
        rows = _of(table, kind=kind, t=t)
        density[inside] = density_of(rows, u[inside], v[inside])
        image = axes.pcolormesh(u, v, density, cmap="viridis", vmin=0, shading="nearest", rasterized=True)
        axes.add_patch(_circle())
        right, up = across(found.load_axis)
        axes.set(
            title=f"{kind}, scan {t} (n = {pc.sum(rows['n']).as_py():,})", aspect="equal", xlim=(-1.15, 1.15), ylim=(-1.15, 1.15)
        )
        axes.plot(0, 0, "+", color="white")
        axes.text(1.03, 0, right, va="center")
        axes.text(0, 1.03, up, ha="center")
        axes.axis("off")
        figure.colorbar(image, ax=axes, label="times an even spread", shrink=0.8)
    figure.suptitle(f"+ marks the load ({found.load_axis})", fontsize=9)
    return figure


def density_of(poles: pa.Table, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Density of axes at points of the disc, in multiples of an even spread: kernel of Watson's distribution.

    The kernel exp(k (c^2 - 1)), c the cosine between two axes, is divided by its mean over the sphere (N. I. Fisher, T. Lewis &
    B. J. J. Embleton, Statistical Analysis of Spherical Data, 1987, section 3.3.1).
    """
    at = unproject(u, v)
    axes = unproject(poles["u"].to_numpy(), poles["v"].to_numpy())
    # Middles of cells on the rim lie just beyond it.
    axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    n = poles["n"].to_numpy().astype(np.float64)
    kernel = np.exp(CONCENTRATION * ((at @ axes.T) ** 2 - 1))
    cosine = (np.arange(10_000) + 0.5) / 10_000
    return np.asarray(kernel @ n / n.sum() / np.exp(CONCENTRATION * (cosine**2 - 1)).mean())


def change(found: Characterisation) -> Figure | None:
    """Ratio of the volume of the same features to the scan before."""
    table = _of(found.tables["change"], measure="volume")
    steps = set(zip(found.scans, found.scans[1:], strict=False))
    table = table.filter(
        pa.array([(row["t"], row["t_later"]) in steps and row["ratio"] is not None for row in table.to_pylist()], pa.bool_())
    )
    if not table.num_rows:
        return None
    figure, (axes,) = _panels(1, 1)
    kinds = _kinds(table)
    for i, kind in enumerate(kinds):
        columns = ("ratio", "ratio_low", "ratio_high")
        _with_interval(
            axes, _of(table, kind=kind), "t_later", columns, 1.0, kind_colours(kinds)[kind], kind, 0.06 * (i - len(kinds) / 2)
        )
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set(xlabel="scan t", ylabel="volume over that of the scan before")
    _legend(axes)
    return figure


def profiles(found: Characterisation) -> Figure | None:
    """Layers along the sample, first scan (dashed) and last."""
    table = found.tables["profiles"]
    directions = sorted(set(table["axis"].to_pylist()))
    if not directions:
        return None
    figure, panels = _panels(len(directions), 2)
    kinds = [kind for kind in _kinds(table) if (pc.max(_of(table, kind=kind)["n"]).as_py() or 0) > 1]
    for i, axis in enumerate(directions):
        for axes, column, title, scale in (
            (panels[2 * i], "density_per_mm3", "features per mm³", 1.0),
            (panels[2 * i + 1], "volume_fraction", "volume fraction / %", 100.0),
        ):
            for kind in kinds:
                for t in dict.fromkeys((found.scans[-1], found.scans[0])):
                    rows = _of(table, kind=kind, axis=axis, t=t)
                    middle = (rows["from_um"].to_numpy() + rows["to_um"].to_numpy()) / 2
                    line: dict[str, Any] = {
                        "color": kind_colours(kinds)[kind],
                        "linestyle": "-" if t == found.scans[-1] else "--",
                    }
                    axes.plot(middle, scale * rows[column].to_numpy(zero_copy_only=False), label=f"{kind}, scan {t}", **line)
            axes.set(xlabel=f"{axis} / µm", ylabel=title, ylim=(0, None))
    _legend(panels[0])
    return figure if kinds else None


def displacement(found: Characterisation) -> Figure | None:
    """Displacement from scan to scan with its quartiles, and since the first scan."""
    table = found.tables["displacement"]
    if not pc.sum(table["n_tracks"]).as_py():
        return None
    figure, (left, right) = _panels(1, 2)
    for i, (axis, colour) in enumerate(zip("zyx", ("#0072b2", "#d55e00", "#009e73"), strict=True)):
        rows = _of(table, axis=axis)
        _with_interval(left, rows, "t_later", ("median_um", "q25_um", "q75_um"), 1.0, colour, axis, 0.06 * (i - 1))
        right.plot(
            rows["t_later"].to_numpy(), rows["since_first_um"].to_numpy(zero_copy_only=False), "o-", color=colour, label=axis
        )
    left.set(xlabel="scan t", ylabel="since the scan before / µm")
    right.set(xlabel="scan t", ylabel="since the first scan / µm")
    _whole(right)
    _legend(left)
    return figure


def _panels(n_rows: int, n_columns: int, width: float = 3.6, height: float = 2.7) -> tuple[Figure, list[Axes]]:
    # Not pyplot: that keeps every figure, and picks a window system.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * n_columns, height * n_rows), layout="constrained")
    return figure, list(figure.subplots(n_rows, n_columns, squeeze=False).reshape(-1))


def _with_interval(
    axes: Axes, rows: pa.Table, x: str, columns: tuple[str, str, str], scale: float, colour: str, label: str, shift: float
) -> None:
    """Points joined by a line, with bars from low to high where both are known."""
    value, low, high = (scale * rows[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in columns)
    at = rows[x].to_numpy() + shift
    axes.plot(at, value, "o-", color=colour, label=label)
    axes.vlines(at, low, high, color=colour)
    _whole(axes)


def _whole(axes: Axes) -> None:
    """Whole numbers along x."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7)


def _circle() -> Any:
    from matplotlib.patches import Circle

    return Circle((0, 0), 1, fill=False, color="black")


def _kinds(table: pa.Table) -> list[str]:
    return sorted(set(table["kind"].to_pylist()))


def _of(table: pa.Table, **wanted: object) -> pa.Table:
    for name, value in wanted.items():
        table = table.filter(pc.equal(table[name], value))
    return table
