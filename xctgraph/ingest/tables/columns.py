"""Columns of a table of another program: found under their headings, read as numbers, brought to micrometres."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.tables import read
from xctgraph.ingest.tables.config import TableDataset
from xctgraph.ingest.tables.formats import COLUMNS, FORMATS, SIZES
from xctgraph.ingest.tables.read import Raw
from xctgraph.ingest.tables.units import EXPONENT, in_voxels, same, to_um
from xctgraph.store.errors import InputError, nearest

Floats = NDArray[np.float64]
_FLAGS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_EDGE_MEASURES = ("surface_area", "sphericity", "axis_major_length", "axis_intermediate_length", "axis_minor_length")
_SEMI_AXES = ("semi_axis_major", "semi_axis_intermediate", "semi_axis_minor")


def headings(dataset: TableDataset, name: str) -> tuple[str, ...]:
    """Names that a column may have in the file."""
    declared = dataset.columns.get(name)
    return FORMATS[dataset.table.format].headings.get(name, ()) if declared is None else (declared,)


def found_columns(dataset: TableDataset, raw: Raw) -> dict[str, str]:
    """Heading of each of our columns that the table has.

    Raises
    ------
    InputError
        If a declared heading or a position is missing.
    """
    by_name = {str(heading).casefold(): str(heading) for heading in raw.frame.columns}
    found = {}
    for name in COLUMNS:
        possible = headings(dataset, name)
        there = next((by_name[one.casefold()] for one in possible if one.casefold() in by_name), None)
        if there is not None:
            found[name] = there
        elif name in dataset.columns or name in "zyx":
            wanted = " or ".join(repr(one) for one in possible)
            shown = [heading for heading in raw.frame.columns if heading]
            raise InputError(
                f"{raw.path} has no column {wanted} (`{name}`): {nearest(possible[0] if possible else name, shown)}. "
                f'Say what it is called under [columns], as in {name} = "…"'
            )
    if not any(name in found for name in SIZES):
        raise InputError(
            f"{raw.path} has no size: one of {', '.join(SIZES)} is needed for gaps and links. "
            "Say what it is called under [columns]"
        )
    return found


def numeric(dataset: TableDataset, raw: Raw, found: Mapping[str, str]) -> tuple[dict[str, Floats], tuple[str, ...]]:
    """Values of the columns that hold numbers, lengths in um, and warnings; ids are apart, see `read.integers`.

    Lengths, areas and sphericities that a program measured in voxels which are no cubes are left out with a warning: a factor
    for all directions would be wrong for them.

    Raises
    ------
    InputError
        If a unit is missing or contradicts the heading, or a cell is no number; it names the row.
    """
    names = [name for name in found if COLUMNS[name][0] != "text" and name != "label"]
    voxel_sided = {name for name in names if name in (*_EDGE_MEASURES, *_SEMI_AXES) and _in_voxels(dataset, raw, found, name)}
    lost = voxel_sided if len(set(dataset.sample.voxel_size_um)) > 1 else set()
    values = {name: _column(dataset, raw, found, name) for name in names if name not in lost}
    if not lost:
        return values, ()
    listed = ", ".join(repr(found[name]) for name in names if name in lost)
    return values, (
        f"{raw.path}: {listed} were measured in voxels, whose edges differ ({dataset.sample.voxel_size_um} um): they are no "
        "lengths or areas in um and are left out (null)",
    )


def _in_voxels(dataset: TableDataset, raw: Raw, found: Mapping[str, str], name: str) -> bool:
    """Whether a shape was measured in voxels; a sphericity as its surface or, without one, as the sizes."""
    if name == "sphericity" and "surface_area" in found:
        name = "surface_area"
    unit = _unit(dataset, raw, found, name)[0]
    return unit is not None and in_voxels(unit)


def _unit(dataset: TableDataset, raw: Raw, found: Mapping[str, str], name: str) -> tuple[str | None, str | None, str | None]:
    """Unit of a column: the one that counts, the declared one, that in the file."""
    group = "position" if COLUMNS[name][0] == "position" else "size"
    declared = dataset.units.get(name, dataset.units.get(group))
    written = raw.units.get(found[name], raw.units.get(name))
    return declared or written or FORMATS[dataset.table.format].units.get(group), declared, written


def _column(dataset: TableDataset, raw: Raw, found: Mapping[str, str], name: str) -> Floats:
    dimension = COLUMNS[name][0]
    values = read.numbers(raw, found[name], decimal=dataset.table.decimal, words=_FLAGS if dimension == "flag" else {})
    if dimension == "integer":
        refuse(raw, found[name], ~((values == np.rint(values)) | np.isnan(values)), values, "is no whole number")
        refuse(raw, found[name], np.abs(values) >= (2**31 if name != "n_voxels" else 2**53), values, "is too large a number")
    if dimension not in EXPONENT:
        return values
    spacing = dataset.sample.voxel_size_um
    group = "position" if dimension == "position" else "size"
    unit, declared, written = _unit(dataset, raw, found, name)
    if unit is None:
        raise InputError(
            f"{raw.path}: the unit of the column {found[name]!r} is not known: declare it under [units], "
            f'as in {group} = "um" (voxel, nm, um, mm, m)'
        )
    if declared and written and not same(declared, written, dimension, spacing):
        raise InputError(
            f"{raw.path}: the heading of the column {found[name]!r} says {written!r}, but [units] declares {declared!r}: "
            "declare the unit that is right, or leave it out"
        )
    factor = to_um(unit, dimension, spacing)
    return np.asarray(values * (factor["zyx".index(name)] if dimension == "position" else factor[0]), dtype=np.float64)


def refuse(raw: Raw, heading: str, wrong: NDArray[np.bool_], values: Floats, what: str) -> None:
    """Raise an InputError that names the first wrong cell."""
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{place(raw, row, heading, values)} {what}")


def place(raw: Raw, row: int, heading: str, values: Floats) -> str:
    """File, row, cell and column, as errors and warnings name them."""
    shown = "an empty cell" if np.isnan(values[row]) else f"{values[row]:.12g}"
    return f"{raw.path}, row {raw.first_row + row}: {shown} in the column {heading!r}"
