"""A characterisation as a folder: Parquet, CSV and LaTeX tables, PNG and SVG figures, and what could not be computed."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xctgraph import __version__
from xctgraph.analysis.characterise import figures, latex
from xctgraph.analysis.characterise.result import Characterisation
from xctgraph.store import files
from xctgraph.store.csv_text import csv_text
from xctgraph.store.errors import InputError

SUMMARY = "characterisation.json"
DPI = 200
CAPTIONS = {
    "abundance": "Features of each kind: number, number density and volume fraction of the material, with 95 % intervals",
    "sizes": "Sizes and shapes, in voxels beside micrometres",
    "largest": "Largest feature of each kind",
    "orientation": "Directions of the major axes",
    "change": "The same features in two scans: ratio of the later to the earlier value",
    "turnover": "Features that went on, ended and began",
    "heterogeneity": "Evenness along the sample",
    "displacement": "Displacement of the sample",
}
_NARROW = {
    "abundance": "t kind n density_per_mm3 density_low density_high volume_fraction fraction_low fraction_high",
    "largest": "t kind uid volume_um3 volume_voxels axis_major_um axis_major_px",
    "orientation": "t kind n eigenvalue_1 eigenvalue_2 eigenvalue_3 mean_cos2 median_angle_deg p_adjusted",
    "change": "t t_later kind measure n_matched ratio ratio_low ratio_high p_adjusted",
    "turnover": "t t_later kind n matched split merged swallowed lost n_later from_split from_merge born",
    "heterogeneity": "t kind axis n dispersion_index p_poisson_adjusted p_number_adjusted p_fraction_adjusted",
    "displacement": "t t_later axis n_tracks median_um median_px since_first_um since_first_px",
}


def write(found: Characterisation, out: str | Path) -> list[Path]:
    """Write tables and figures into a folder; files of an earlier run there are replaced.

    Returns
    -------
    list of Path
        Every file: `NAME.parquet`, `NAME.csv` of each table, `NAME.tex` of those that fit a page, `NAME.png`, `NAME.svg` of each
        figure, and `characterisation.json` (parameters, sentences, notes, versions).

    Raises
    ------
    InputError
        If `out` is a file, or holds something and no earlier characterisation.
    """
    folder = Path(out)
    if folder.is_file():
        raise InputError(f"{folder} is a file: tables and figures go into a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / SUMMARY).is_file():
        raise InputError(f"{folder} is not empty and holds no earlier characterisation: name a new or empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in found.tables.items():
        written += [_parquet(table, folder / f"{name}.parquet"), _text(csv_text(table, json.dumps), folder / f"{name}.csv")]
    for name, table in shown(found).items():
        caption = f"{CAPTIONS[name]}; sample {found.sample}."
        written.append(_text(latex.tabular(table, caption, f"tab:{name}"), folder / f"{name}.tex"))
    for name, figure in figures.drawn(found):
        for ending in ("png", "svg"):
            with files.new_file(folder / f"{name}.{ending}") as temporary:
                figure.savefig(temporary, format=ending, dpi=DPI, metadata={"Title": name} if ending == "png" else {"Date": None})
            written.append(folder / f"{name}.{ending}")
    about = {
        "sample": found.sample, "revision": found.revision, "voxel_um": found.spacing, "load_axis": found.load_axis,
        "block_um": found.block_um, "seed": found.seed, "n_draws": found.n_draws, "version": __version__,
        "text": found.text.splitlines(), "notes": found.notes,
    }  # fmt: skip
    written.append(_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", folder / SUMMARY))
    return written


def shown(found: Characterisation) -> dict[str, pa.Table]:
    """The tables that people read, with the columns that fit a page."""
    tables = {name: found.tables[name].select(columns.split()) for name, columns in _NARROW.items()}
    return {"abundance": tables.pop("abundance"), "sizes": sizes(found), **tables}


def sizes(found: Characterisation) -> pa.Table:
    """Mean, median and largest of each measure of the first and the last scan, in voxels beside micrometres."""
    table = found.tables["distributions"]
    ends = pa.array(sorted({found.scans[0], found.scans[-1]}), pa.int64())
    columns = ["t", "kind", "measure", "n", "unit", "unit_px"]
    columns += [f"{name}{end}" for name in ("mean", "median", "max") for end in ("", "_px")]
    return table.filter(pc.is_in(table["t"], ends)).select(columns)


def _parquet(table: pa.Table, path: Path) -> Path:
    with files.new_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return path


def _text(text: str, path: Path) -> Path:
    with files.new_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path
