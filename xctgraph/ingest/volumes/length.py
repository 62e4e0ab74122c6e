"""Units of length that volume files use, and their size in micrometres."""

from __future__ import annotations

_UM: dict[str, float] = {
    **dict.fromkeys(("a", "å", "angstrom", "angstroms", "ångström"), 1e-4),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1e-3),
    **dict.fromkeys(("um", "µm", "μm", "\\u00b5m", "micron", "microns", "micrometer", "micrometers"), 1.0),
    **dict.fromkeys(("micrometre", "micrometres", "microm"), 1.0),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 1e4),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1e6),
    **dict.fromkeys(("in", "inch", "inches"), 25_400.0),
}


def in_micrometres(unit: object) -> float | None:
    """Micrometres per `unit`; None for a unit that is no length (`pixel`, empty, unknown)."""
    text = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)
    return _UM.get(text.strip().strip("\0").lower())
