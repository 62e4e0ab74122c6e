"""What is wrong in a table or its declaration is named, with the row and the remedy; nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.ingest.tables import exports
from xctgraph.ingest import tables
from xctgraph.store.errors import InputError

UNITS = '[units]\nposition = "um"\nsize = "um"\n'
Change = Callable[[pd.DataFrame], pd.DataFrame]


def _plan(folder: Path, rng: np.random.Generator, change: Change, layout: str, extra: str = UNITS) -> list[tables.TablePlan]:
    found = exports.measured(exports.scene(rng)[0])[["label", "z", "y", "x", "volume"]]
    change(found).to_csv(folder / "scan.csv", index=False)
    return tables.plan_tables(
        None, tables.load(exports.dataset(folder, layout, '[[scan]]\nt = 0\npath = "scan.csv"\n', extra)), replace=False
    )


def _cell(row: int, name: str, value: object) -> Change:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.astype(object)
        frame.loc[row, name] = value
        return frame

    return change


def _same(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


@pytest.mark.parametrize(
    ("change", "extra", "words"),
    [
        (_same, UNITS + '[columns]\nvolume = "volum"', r"no column 'volum' .*did you mean 'volume'"),
        (_same, UNITS + '[columns]\nx = "ex"', r"no line with the headings .*'ex'.*begins with: 'label,z,y,x,volume'"),
        (_same, UNITS + '[columns]\nvolumes = "volume"', r"\[columns\] names no column 'volumes': did you mean 'volume'"),
        (_same, '[units]\nsize = "um"', r"unit of the column 'z' is not known: declare it under \[units\]"),
        (_same, '[units]\nposition = "um"', r"unit of the column 'volume' is not known.*size"),
        (_same, '[units]\nposition = "mm^3"\nsize = "um"', r"power 3, but the column is a position"),
        (_same, '[units]\nposition = "kg"\nsize = "um"', r"'kg' is no unit of length"),
        (_same, '[units]\npositions = "um"', r"\[units\] names no quantity 'positions': did you mean 'position'"),
        (_same, '[units]\nposition = "mm"\nsize = "um"', r"row 2: the centroid lies at voxel .* outside the volume"),
        (_cell(3, "x", "1O.5"), UNITS, r"row 5: '1O.5' in the column 'x' is not a number"),
        (_cell(3, "x", "10,5"), UNITS, r"row 5: .*decimal comma is declared with decimal"),
        (_cell(3, "z", "nan"), UNITS, r"row 5: an empty cell in the column 'z' is no position"),
        (_cell(2, "z", ""), UNITS, r"row 4: an empty cell in the column 'z' is no position"),
        (_cell(2, "z", "inf"), UNITS, r"row 4: inf in the column 'z' is no position"),
        (_cell(2, "volume", 0), UNITS, r"row 4: 0 in the column 'volume' is no size"),
        (_cell(2, "label", 1.5), UNITS, r"row 4: 1.5 in the column 'label' is no whole number"),
        (lambda f: f.assign(label=7), UNITS, r"the id 7 is given 14 times in scan t = 0"),
        (lambda f: f.assign(t=3), UNITS, r"given for scan t = 0, but its column `t` says 3: give a file with all scans"),
        (lambda f: f.drop(columns="volume"), UNITS, r"has no size: one of volume, n_voxels"),
        (lambda f: f.rename(columns={"volume": "volume (mm^3)"}), UNITS, r"says 'mm\^3', but \[units\] declares 'um'"),
        (lambda f: f.assign(y2=1), UNITS + '[columns]\nkind = "phase"', r"has no column 'phase'"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_named(change: Change, extra: str, words: str, tmp_path: Path, rng: np.random.Generator) -> None:
    with pytest.raises(InputError, match=words):
        _plan(tmp_path, rng, change, "", extra)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("shape = [40, 60, 50]", "", r"'sample.shape' is missing \(there is no default"),
        ("shape", "shap", r"unknown field 'sample.shap': did you mean 'shape'"),
        ('kind = "pore"\n', "", r"does not say of which kind its features are"),
        ('kind = "pore"', 'knd = "pore"', r"unknown field 'table.knd': did you mean 'kind'"),
        ('path = "scan.csv"', "", r"scan t = 0 has no `path`"),
        ('path = "scan.csv"', 'path = "none.csv"', r"cannot read the table .*none.csv: No such file"),
        (
            "[[scan]]\nt = 0",
            "[[scan]]\nt = 0\nload_n = 1\npath = 'x.csv'\n[[scan]]\nload_n = 2\nt = 0",
            "two values of load_n, 1.0 and 2.0",
        ),
        ('[table]\n', '[table]\nformat = "avizos"\n', r"'table.format'"),
        ('[table]\n', '[table]\nformat = "geff"\n', r"GEFF"),
        ('[table]\n', '[table]\npath = "scan.csv"\n', r"both \[table\] and a \[\[scan\]\] have a `path`"),
        ('[sample]\n', '[sample]\naxes = "xyz"\n', r"`axes` belongs to volumes"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_is_named(old: str, new: str, words: str, tmp_path: Path, rng: np.random.Generator) -> None:
    exports.measured(exports.scene(rng)[0])[["label", "z", "y", "x", "volume"]].to_csv(tmp_path / "scan.csv", index=False)
    path = exports.dataset(tmp_path, "", '[[scan]]\nt = 0\npath = "scan.csv"\n', UNITS)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=words):
        tables.plan_tables(None, tables.load(path), replace=False)


def test_a_kind_of_one_scan_needs_a_file_of_its_own(tmp_path: Path) -> None:
    path = exports.dataset(tmp_path, '[table]\npath = "all.csv"', '[[scan]]\nt = 0\nkind = "pore"\n', UNITS)
    with pytest.raises(InputError, match=r"a \[\[scan\]\] has a `kind`, but all scans stand in one file"):
        tables.load(path)
