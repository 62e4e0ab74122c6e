"""Lengths and voxel sizes as users write them, to micrometres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import pint

from xctgraph.store.errors import InputError

_VALID = 'a length such as "1.63um", "1.63 µm", "0.00163 mm", or a plain number of micrometres'


@cache
def _registry() -> pint.UnitRegistry[float]:
    return pint.UnitRegistry()


def length_um(value: str | float) -> float:
    """Length in micrometres.

    Parameters
    ----------
    value
        Number (micrometres) or text with a unit of length, e.g. `"1.63um"`, `"1.63 µm"`, `"0.00163 mm"`.

    Raises
    ------
    InputError
        If `value` is not a finite length.
    """
    if isinstance(value, str):
        result = _parse(value)
    elif isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        result = float(value)
    else:
        raise InputError(f"{value!r} is not a length: give {_VALID}")
    if not math.isfinite(result):
        raise InputError(f"the length {value!r} is not finite: give {_VALID}")
    return result


def voxel_size_um(value: str | float | Sequence[str | float]) -> tuple[float, float, float]:
    """Voxel size `(dz, dy, dx)` in micrometres.

    Parameters
    ----------
    value
        One length for cubic voxels, or three in the order z, y, x; as text also `"2um, 1.6um, 1.6um"`.

    Raises
    ------
    InputError
        If there are not one or three lengths, or one is not above 0 and finite.
    """
    parts: Sequence[str | float]
    if isinstance(value, str):
        parts = [part for part in value.strip().strip("[]()").split(",") if part.strip()]
    elif isinstance(value, Sequence):
        parts = value
    else:
        parts = [value]
    if len(parts) not in {1, 3}:
        raise InputError(f"voxel size {value!r} has {len(parts)} values: give one length for all axes, or three for z, y, x")
    lengths = [length_um(part) for part in parts]
    for length in lengths:
        if length <= 0:
            raise InputError(f"voxel size {value!r} is not above 0: give {_VALID}")
    dz, dy, dx = lengths if len(lengths) == 3 else lengths * 3
    return dz, dy, dx


def convert(value: float, unit: str, to: str) -> float | None:
    """A value in another unit; None where the units do not fit. Files write temperatures in `C`, and strain also in percent.

    Parameters
    ----------
    value, unit
        As found; an empty unit is that of a pure number.
    to
        Unit as pint names it; empty for a pure number.
    """
    if unit in ("%", "percent"):
        value, unit = value / 100, ""
    try:
        registry = _registry()
        given: pint.Quantity[float] = registry.Quantity(value, {"C": "degC", "°C": "degC", "celsius": "degC"}.get(unit, unit))
        return float(given.to(to).magnitude)
    except Exception:  # noqa: BLE001  # pint raises many kinds of error on text that is not a unit
        return None


def _parse(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        quantity: pint.Quantity[float] = _registry().Quantity(text.strip())
        if quantity.dimensionless:
            raise InputError(f"{text!r} is not a length: give {_VALID}")
        return float(quantity.to("micrometer").magnitude)
    except InputError:
        raise
    # pint raises many kinds of error on text that is not a quantity, tokenize's and its own among them.
    except Exception as error:
        raise InputError(f"{text!r} is not a length: give {_VALID}") from error
