"""Columns of one table held against one another and against the sample: what must be wrong, and what may mean something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.tables.columns import Floats, place, refuse
from xctgraph.ingest.tables.formats import SIZES
from xctgraph.ingest.tables.read import Raw
from xctgraph.store.errors import InputError

# Per size the factor between its volume and that of the first size from which there is a warning, and an error. A mesh around
# one voxel holds a sixth of it; the diameter of a small feature may be written with two digits.
_SIZE_FACTORS = {"n_voxels": (1.01, 7.0), "volume": (1.01, 7.0), "equivalent_diameter": (1.16, 8.0), "radius": (1.16, 8.0)}
_GREY = ("min", "q05", "q25", "median", "q75", "q95", "max")
_AXES = ("axis_minor_length", "axis_intermediate_length", "axis_major_length")
_SEMI_AXES = ("semi_axis_minor", "semi_axis_intermediate", "semi_axis_major")
_ROUNDED = 1e-3
# The surface of a mesh around a single voxel gives 2.8; beyond some voxels a sphericity above 1 is another measure.
_MOST_SPHERICITY, _SOME_VOXELS, _SPHERE = 3.0, 100, 1.05


def check(
    raw: Raw, found: Mapping[str, str], values: Mapping[str, Floats], volume: Floats, voxel: float, shape: tuple[int, int, int]
) -> tuple[str, ...]:
    """Warnings about values that may be of another definition.

    Parameters
    ----------
    found, values
        Heading and values of our columns, lengths in um.
    volume
        Of each feature in um^3, from its first size.
    voxel
        Volume of a voxel in um^3.
    shape
        Of the sample in voxels.

    Raises
    ------
    InputError
        If a value cannot be right: it names column, row, value and remedy.
    """
    size = next(name for name in SIZES if name in found)
    room = float(np.prod(shape, dtype=np.float64)) * voxel
    too_large = volume > room
    if too_large.any():
        row = int(np.flatnonzero(too_large)[0])
        raise InputError(
            f"{_cell(raw, row, found[size])} is a volume of {volume[row]:.6g} um^3, but the sample has {room:.6g} um^3 "
            f"({int(too_large.sum())} of {len(volume)} features are larger): check [units] size, voxel_size_um and shape"
        )
    warnings = list(_sizes(raw, found, values, volume, voxel))
    if volume.sum() > room:
        warnings.append(
            f"{raw.path}: the features take {volume.sum():.6g} um^3 together, but the sample has {room:.6g} um^3: check "
            f"[units] size, voxel_size_um and shape (sizes are from the column {found[size]!r})"
        )
    _bounds(raw, found, values)
    _ordered(raw, found, values, [f"intensity_{name}" for name in _GREY])
    _ordered(raw, found, values, ["intensity_min", "intensity_mean", "intensity_max"])
    _ordered(raw, found, values, _AXES)
    _ordered(raw, found, values, _SEMI_AXES)
    sphericity = values.get("sphericity", np.zeros(0))
    above = (sphericity > _SPHERE) & (volume[: len(sphericity)] > _SOME_VOXELS * voxel)
    if above.any():
        warnings.append(
            f"{place(raw, int(np.flatnonzero(above)[0]), found['sphericity'], sphericity)} is above 1, that of a sphere "
            f"({int(above.sum())} of {len(volume)} features): is it another shape factor? It is kept as it is"
        )
    return tuple(warnings)


def _sizes(raw: Raw, found: Mapping[str, str], values: Mapping[str, Floats], volume: Floats, voxel: float) -> Iterator[str]:
    """Every other size of a feature must say the same volume as the first."""
    first, *others = (name for name in SIZES if name in values)
    for name in others:
        other = _volume(name, values[name], voxel)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.exp(np.abs(np.log(other / volume)))
        warned, wrong = _SIZE_FACTORS[name]
        # More than a mesh can differ: the volume is twice that of its voxels.
        impossible = (factor > wrong) | (other <= 0) | ((name == "n_voxels") & (volume > 2 * other))
        doubtful = factor > warned
        for faulty, is_error in ((impossible, True), (doubtful, False)):
            if not faulty.any():
                continue
            row = int(np.flatnonzero(faulty)[0])
            told = (
                f"{_cell(raw, row, found[name])} is a volume of {other[row]:.6g} um^3, but {_cell_alone(raw, row, found[first])} "
                f"is {volume[row]:.6g} um^3 ({int(faulty.sum())} of {len(volume)} features)"
            )
            if is_error:
                raise InputError(f"{told}: check their units, voxel_size_um, and which columns [columns] names")
            yield f"{told}: the latter is used"
            break


def _volume(name: str, size: Floats, voxel: float) -> Floats:
    if name == "volume":
        return size
    if name == "n_voxels":
        return size * voxel
    return np.asarray(np.pi / 6 * (2 * size if name == "radius" else size) ** 3, dtype=np.float64)


def _bounds(raw: Raw, found: Mapping[str, str], values: Mapping[str, Floats]) -> None:
    limits = {
        "sphericity": (0.0, _MOST_SPHERICITY, "is no sphericity: it lies between 0 and 1, for features of few voxels up to 3"),
        "confidence": (0.0, 1.0, "is no confidence: it lies between 0 and 1; divide percentages by 100"),
        "surface_area": (0.0, np.inf, "is no area: it must not be below 0"),
        "intensity_std": (0.0, np.inf, "is no standard deviation: it must not be below 0"),
    }
    for name, (low, high, what) in limits.items():
        if name in values:
            wrong = (values[name] < low) | (values[name] > high) | np.isinf(values[name])
            refuse(raw, found[name], wrong, values[name], f"{what}. Or name another column under [columns]")


def _ordered(raw: Raw, found: Mapping[str, str], values: Mapping[str, Floats], names: Sequence[str]) -> None:
    """Each of the columns that are there must not be larger than the next, apart from rounding."""
    there = [name for name in names if name in values]
    for low, high in pairwise(there):
        slack = _ROUNDED * np.maximum(1.0 if low.startswith("intensity") else 0.0, np.abs(values[high]))
        wrong: NDArray[np.bool_] = values[low] > values[high] + slack
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"{_cell(raw, row, found[low])} ({low}) is larger than {_cell_alone(raw, row, found[high])} ({high}): check "
                "which columns [columns] names"
            )


def _cell(raw: Raw, row: int, heading: str) -> str:
    """File, row, cell as it stands there, and column."""
    return f"{raw.path}, row {raw.first_row + row}: {_cell_alone(raw, row, heading)}"


def _cell_alone(raw: Raw, row: int, heading: str) -> str:
    return f"{str(raw.frame[heading].iloc[row])[:50]} in the column {heading!r}"
