"""Files of other programs as they stand: rows of text or numbers under their headings."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xctgraph.ingest.tables.units import split_heading
from xctgraph.store.errors import InputError

_PREAMBLE = 20
_EMPTY = ("", "nan", "na", "none", "<na>")
_SEPARATORS = (",", ";", "\t")
_REMEDY = "Say what its columns are called under [columns], or choose another `format` in [table]"


@dataclass(frozen=True)
class Raw:
    """A table as a file holds it.

    `frame` has the headings as columns; `first_row` is the number of its first row in the file, counted from 1; `units` are
    those that the file says of its columns.
    """

    path: str
    frame: pd.DataFrame
    first_row: int
    units: dict[str, str]


def read(path: str, wanted: Sequence[Sequence[str]], *, separator: str | None, remedy: str = _REMEDY) -> Raw:
    """Read a CSV, TSV or Parquet file.

    Lines above the heading, as some programs write them, are passed over: the heading is the first line that holds one name of
    each group in `wanted`; `remedy` ends the error where there is none.

    Raises
    ------
    InputError
        If the file cannot be read, has no such heading, or a heading stands in it twice.
    """
    file = Path(path)
    if file.suffix.lower() in (".parquet", ".pq"):
        try:
            frame = pd.read_parquet(file)
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read the table {path}: {error}") from error
        return _raw(path, frame.reset_index(drop=True), 1)
    text = _text(file)
    lines = text.splitlines()
    for number, line in enumerate(lines[:_PREAMBLE]):
        for mark in (separator,) if separator else _SEPARATORS:
            cells = next(csv.reader([line], delimiter=mark), [])
            names = {split_heading(cell)[0].casefold() for cell in cells}
            if all(any(name.casefold() in names for name in group) for group in wanted):
                rest = io.StringIO("\n".join(lines[number:]))
                try:
                    frame = pd.read_csv(rest, sep=mark, dtype=str, keep_default_na=False, skip_blank_lines=False, header=None)
                except (pd.errors.ParserError, ValueError) as error:
                    raise InputError(f"cannot read the table {path}: {error}") from error
                frame.columns = pd.Index([str(cell) for cell in frame.iloc[0]])
                return _raw(path, frame.iloc[1:].reset_index(drop=True), number + 2)
    shown = "; ".join(" or ".join(repr(name) for name in group) for group in wanted)
    heading = lines[0][:200] if lines else "nothing"
    raise InputError(f"{path} has no line with the headings of its format ({shown}); it begins with: {heading!r}. {remedy}")


def integers(raw: Raw, heading: str) -> NDArray[np.int64]:
    """Whole numbers of a column, each digit kept: ids go beyond what a float holds.

    Raises
    ------
    InputError
        If a cell is no whole number of 64 bits; it names the row of the file.
    """
    found = np.zeros(len(raw.frame), np.int64)
    for row, cell in enumerate(raw.frame[heading].tolist()):
        value = _integer(cell)
        if value is None or not -(2**63) <= value < 2**63:
            shown = "an empty cell" if str(cell).strip().lower() in _EMPTY else str(cell)[:50]
            valid = (
                "is no whole number" if value is None else f"is beyond the whole numbers of 64 bits ({-(2**63)} to {2**63 - 1})"
            )
            raise InputError(f"{raw.path}, row {raw.first_row + row}: {shown} in the column {heading!r} {valid}: give another id")
        found[row] = value
    return found


def _integer(cell: object) -> int | None:
    """The whole number of a cell; None where it is none, or a float that may have lost digits."""
    if isinstance(cell, int | np.integer):
        return int(cell)
    text = str(cell).strip()
    if re.fullmatch(r"[+-]?[0-9]{1,50}(\.0*)?", text) and not isinstance(cell, float):
        return int(text.partition(".")[0])
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() and abs(number) <= 2**53 else None


def numbers(raw: Raw, heading: str, *, decimal: str, words: Mapping[str, float] = MappingProxyType({})) -> NDArray[np.float64]:
    """Numbers of a column; NaN where a cell is empty. `words` are numbers too, such as yes and no.

    Raises
    ------
    InputError
        If a cell is no number; it names the row of the file.
    """
    column = raw.frame[heading]
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.to_numpy(np.float64, na_value=np.nan)
    text = column.fillna("").astype(str).str.strip()
    plain = text.str.replace(decimal, ".", regex=False) if decimal != "." else text
    values = pd.to_numeric(plain, errors="coerce").to_numpy(np.float64)
    if words:
        values = np.where(np.isnan(values), text.str.lower().map(dict(words)).to_numpy(np.float64), values)
    wrong = np.isnan(values) & (~text.str.lower().isin(_EMPTY)).to_numpy(np.bool_)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{raw.path}, row {raw.first_row + row}: {text.iloc[row]!r} in the column {heading!r} is not a number"
            + (f" (nor one of {', '.join(words)})" if words else "")
            + ("; a decimal comma is declared with decimal = ',' in [table]" if "," in text.iloc[row] else "")
        )
    return values


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the table {file}: {error.strerror or error}") from error
    encodings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "latin-1")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError(f"cannot read the table {file}: it is no text in UTF-8 or UTF-16")


def _raw(path: str, frame: pd.DataFrame, first_row: int) -> Raw:
    # Only empty lines at the end are dropped, so that rows keep their numbers.
    kept = len(frame)
    while kept and not "".join(frame.iloc[kept - 1].fillna("").astype(str)).strip():
        kept -= 1
    names: list[str] = []
    units: dict[str, str] = {}
    for number, heading in enumerate(frame.columns):
        name, unit = split_heading(str(heading))
        if not name and name in names:
            # A separator at the end of every line makes another column without a name.
            name = f"(column {number + 1})"
        if name in names:
            raise InputError(f"{path} has two columns {name!r}: remove one, or rename it")
        names.append(name)
        if unit is not None:
            units[name] = unit
    renamed = frame.iloc[:kept].copy()
    renamed.columns = pd.Index(names)
    return Raw(path, renamed, first_row, units)
