"""Lengths and voxel sizes as users write them, to micrometres."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache

import numpy as np
import pint

from xctgraph.store.errors import InputError

_VALID = 'a length such as "1.63um", "1.63 µm", "0.00163 mm", or a plain number of micrometres'
# Few units on purpose: `in`, `px` and `pc` are lengths to pint, and none that a voxel was ever measured in.
_MICROMETRES = {
    **dict.fromkeys(("angstrom", "angstroms", "\u00c5", "\u212b"), 1e-4),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1e-3),
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"), 1.0),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 1e4),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1e6),
}
_PIXELS = ("px", "pix", "pixel", "pixels", "vx", "voxel", "voxels")
_LENGTH = re.compile(r"\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf|nan)\s*(?P<unit>[^\W\d].*?|)\s*")


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
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise InputError(f"{text[:200]!r} is not a length: give {_VALID}")
    unit = found["unit"]
    if unit in _PIXELS:
        raise InputError(f"{text[:200]!r} is in pixels, which have no length of their own: give {_VALID}")
    if unit and unit not in _MICROMETRES:
        raise InputError(
            f"{text[:200]!r} is not a length, {unit[:50]!r} is none of nm, um, µm, mm, cm, m, angstrom: give {_VALID}"
        )
    return float(found["number"]) * _MICROMETRES.get(unit, 1.0)
