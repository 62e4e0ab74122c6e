"""The characterisation of a sample as part of a page: sentences, figures, tables."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc

from xctgraph.analysis import html
from xctgraph.analysis.characterise import Characterisation, figures
from xctgraph.analysis.characterise.write import CAPTIONS, shown

FIGURES = {
    "abundance": "Number density and volume fraction of each kind over the scans, with 95 % intervals where "
    "there are ten or more.",
    "distributions": "Sizes, shapes and gaps in the last scan (full lines) and the first (dashed), in bins that all "
    "samples share.",
    "stereograms": "Directions of the major axes in an equal-area projection about the load, in multiples of an even spread.",
    "change": "Volume of the same features, followed by their tracks, over that in the scan before; 95 % intervals.",
    "profiles": "Number density and volume fraction in layers along the sample, last scan (full lines) and first (dashed).",
    "displacement": "Displacement of the sample along z, y and x: medians of its tracks with quartiles, and since "
    "the first scan.",
}
OPEN = ("abundance", "sizes")


def section(found: Characterisation, prefix: str = "characterised") -> str:
    """Figures and the tables that people read, of the first and the last scan; the rest stays with `analyze characterise`."""
    drawn = "".join(
        html.image(_svg(figure), FIGURES[name], f"{prefix}-{name}") for name, figure in figures.drawn(found) if name in FIGURES
    )
    tables = {name: html.table(_ends(found, table), f"{CAPTIONS[name]}.", shown=ROWS) for name, table in shown(found).items()}
    rest = "".join(table for name, table in tables.items() if name not in OPEN)
    about = (
        f"Intervals and tests: {found.n_draws:,} draws, seed {found.seed}, blocks of "
        f"{' × '.join(html.number(edge) for edge in found.block_um)} µm (z × y × x). Directions and "
        f"profiles along {found.load_axis}. "
        "What each number is: docs/characterise.md; all scans and columns: `xctgraph analyze characterise`."
    )
    return (
        drawn
        + "".join(tables[name] for name in OPEN)
        + html.details("The largest, directions, change, turnover, evenness, displacement", rest, css="data")
        + html.paragraph(about, "caveat")
    )


ROWS = 60


def _ends(found: Characterisation, table: pa.Table) -> pa.Table:
    """Rows of the first and the last scan; of pairs of scans, those that begin or end there."""
    ends = pa.array(sorted({found.scans[0], found.scans[-1]}), pa.int64())
    kept = pc.is_in(table["t"], ends)
    if "t_later" in table.column_names:
        kept = pc.or_(kept, pc.is_in(table["t_later"], ends))
    return table.filter(kept)


def _svg(figure: object) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})  # type: ignore[attr-defined]
    return buffer.getvalue()
