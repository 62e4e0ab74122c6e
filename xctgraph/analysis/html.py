"""A page as text: escaping, tables, figures, and the shell that carries plotly once and asks the network for nothing."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from importlib.resources import files

import plotly.graph_objects as go
import pyarrow as pa
from plotly.offline import get_plotlyjs

SHOWN = 15
PLOT = '<script type="application/json" data-for='
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'"


def page(title: str, body: str, *, script: bool = True) -> str:
    """A whole page around `body` (markup); `title` is text. Plotly is inlined where the body has a figure of it."""
    assets = files("xctgraph.analysis") / "assets"
    style, own = ((assets / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    scripts = (f"<script>{_plotly()}</script>\n" if PLOT in body else "") + (f"<script>{own}</script>\n" if script else "")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
{scripts}</body>
</html>
"""


def paragraph(text: str, css: str = "") -> str:
    """A paragraph of text."""
    return f'<p class="{css}">{escape(text)}</p>' if css else f"<p>{escape(text)}</p>"


def definitions(items: Mapping[str, str]) -> str:
    """A list of names and values, all text."""
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in items.items())
    return f"<dl>{rows}</dl>"


def details(summary: str, inner: str, css: str = "") -> str:
    """A folded part; `summary` is text, `inner` markup. With the class `data` it is printed, unfolded."""
    of_class = f' class="{css}"' if css else ""
    return f"<details{of_class}><summary>{escape(summary)}</summary>{inner}</details>"


def code(text: str, label: str) -> str:
    """A block of code; `label` names it to a screen reader."""
    return f'<pre tabindex="0" role="region" aria-label="{escape(label)}"><code>{escape(text.strip())}</code></pre>'


def table(data: pa.Table, caption: str, units: Mapping[str, str] | None = None, *, shown: int = SHOWN) -> str:
    """The first `shown` rows of a table, numbers right, null as a dash; says how many rows are not shown."""
    units = units or {}
    numeric = {f.name: pa.types.is_integer(f.type) or pa.types.is_floating(f.type) for f in data.schema}
    head = "".join(_th(name, units.get(name, ""), numeric[name]) for name in data.column_names)
    rows = "".join(
        "<tr>" + "".join(_td(name, row[name], numeric[name]) for name in data.column_names) + "</tr>"
        for row in data.slice(0, shown).to_pylist()
    )
    if not data.num_rows:
        rows = f'<tr><td colspan="{len(data.column_names)}">no rows</td></tr>'
    note = f" First {shown} of {data.num_rows:,} rows." if data.num_rows > shown else ""
    return (
        f'<div class="table" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table><caption>{escape(caption + note)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def figure(plot: go.Figure, alt: str, caption: str, identifier: str) -> str:
    """A plotly figure; `alt` says in words what it shows."""
    data = plot.to_json().replace("<", "\\u003c")
    height = int(plot.layout.height or 340)
    return (
        f'<figure><div id="{escape(identifier)}" class="plot" role="group" aria-label="{escape(alt)}" style="height:{height}px">'
        f"<noscript>{escape(alt)} (The figure needs JavaScript.)</noscript></div>"
        f"<figcaption>{escape(caption)}</figcaption>"
        f'{PLOT}"{escape(identifier)}">{data}</script></figure>'
    )


def image(svg: bytes, alt: str, identifier: str) -> str:
    """A still figure with its words under it, as data: a browser runs nothing that stands in an image."""
    data = base64.b64encode(svg).decode()
    return (
        f'<figure id="{escape(identifier)}"><img alt="{escape(alt)}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{escape(alt)}</figcaption></figure>"
    )


def megabytes_of_plotly() -> float:
    """What plotly's JavaScript adds to a page, MB."""
    return len(_plotly().encode()) / 1e6


def number(value: float) -> str:
    """A number with at most four significant digits; whole numbers in full, thousands apart."""
    if isinstance(value, int):
        return f"{value:,}"
    if math.isnan(value):
        return "–"
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.3e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def sections(parts: Iterable[tuple[str, str]]) -> str:
    """Sections of (heading as text, markup)."""
    return "".join(
        f'<section aria-labelledby="s{n}"><h2 id="s{n}">{escape(heading)}</h2>{inner}</section>'
        for n, (heading, inner) in enumerate(parts, 1)
    )


def _th(name: str, unit: str, numeric: bool) -> str:
    shown = name.replace("_", " ") + (f" / {_pretty(unit)}" if unit and unit not in ("1", "voxel") else "")
    return f'<th scope="col"{" class=n" if numeric else ""}>{escape(shown)}</th>'


def _td(name: str, value: object, numeric: bool) -> str:
    if value is None:
        shown = "–"
    elif isinstance(value, bool):
        shown = "yes" if value else "no"
    elif isinstance(value, int | float):
        shown = str(value) if name.endswith("_id") or name == "t" else number(value)
    else:
        shown = str(value)
    return f"<td{' class=n' if numeric else ''}>{escape(shown)}</td>"


def _pretty(unit: str) -> str:
    return unit.replace("um", "µm").replace("^2", "²").replace("^3", "³")


@cache
def _plotly() -> str:
    # A closing tag inside the library would end the script element.
    return str(get_plotlyjs()).replace("</script", "<\\/script")
