"""Units of columns: from the heading, the user or the format, to micrometres."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.tables.formats import Dimension
from xctgraph.store import units
from xctgraph.store.errors import InputError

EXPONENT: dict[Dimension, int] = {"position": 1, "length": 1, "area": 2, "volume": 3}
_VOXEL = ("voxel", "voxels", "vx", "pixel", "pixels", "px", "pix")
_UNIT = re.compile(r"([A-Za-z]+)\s*(?:\^|\*\*)?\s*([123])?")
_PLAIN = str.maketrans({"µ": "u", "μ": "u", "²": "2", "³": "3"})
_HEADING = re.compile(r"^(?P<name>.*?)\s*[(\[](?P<unit>[^()\[\]]+)[)\]]\s*$")


def split_heading(heading: str) -> tuple[str, str | None]:
    """Split `Volume (micron^3)` into the name and the unit; without a unit of length in brackets it is all name."""
    text = heading.strip().removeprefix("PROPERTY: ").strip()
    found = _HEADING.match(text)
    if found is None:
        return text, None
    unit = found["unit"].strip()
    try:
        _base(unit)
    except InputError:
        return (found["name"], None) if unit in ("°", "deg", "degree", "degrees") else (text, None)
    return found["name"], unit


def to_um(unit: str, dimension: Dimension, spacing: tuple[float, float, float]) -> NDArray[np.float64]:
    """Factor (z, y, x) from a unit to um, um^2 or um^3.

    Raises
    ------
    InputError
        If it is no unit of length, or has another exponent than the dimension.
    """
    base, exponent = _base(unit)
    wanted = EXPONENT[dimension]
    # A length stands for its square and cube too: [units] size = "um".
    if exponent not in (1, wanted):
        raise InputError(f"the unit {unit!r} is of power {exponent}, but the column is a {dimension} (power {wanted})")
    steps = np.asarray(spacing, dtype=np.float64)
    if base is None:
        return steps if dimension == "position" else np.full(3, float(np.cbrt(steps.prod())) ** wanted)
    return np.full(3, base**wanted)


def in_voxels(unit: str) -> bool:
    """Whether a unit counts voxels."""
    return _base(unit)[0] is None


def same(a: str, b: str, dimension: Dimension, spacing: tuple[float, float, float]) -> bool:
    """Whether two units are one."""
    return bool(np.allclose(to_um(a, dimension, spacing), to_um(b, dimension, spacing)))


def _base(unit: str) -> tuple[float | None, int]:
    """Micrometres of the base, None for voxels, and its exponent."""
    found = _UNIT.fullmatch(unit.strip().translate(_PLAIN))
    if found is not None:
        base, exponent = found[1], int(found[2] or 1)
        if base.lower() in _VOXEL:
            return None, exponent
        base = "um" if base.lower() in ("micron", "microns", "micrometer", "micrometre", "um") else base
        try:
            return units.length_um(f"1 {base}"), exponent
        except InputError:
            pass
    raise InputError(f"{unit!r} is no unit of length: valid are voxel, nm, um, mm, m, and their powers such as um^3")
