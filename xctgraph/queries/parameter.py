"""Parameters of library queries: what they are, and values read from Python or from text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Literal

from xctgraph.store.errors import InputError, QueryError, nearest
from xctgraph.store.units import length_um

Value = str | int | float
Kind = Literal["string", "integer", "number", "length", "feature"]
Role = Literal["", "sample", "scan", "kind", "gap", "feature"]

UNBOUNDED = 1.7e308
"""Bound that excludes no number. Nulls cannot mark an open bound: Ladybug gives a null parameter no type."""

_VALID = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "length": "a length in um, or with a unit as in '25 um'",
    "feature": "a feature_id, or a uid of the form sample/t/label",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a query.

    Attributes
    ----------
    name
        Name, as in `$name` of the text.
    kind
        `string`, `integer`, `number`, `length` (µm, or text with a unit) or `feature` (feature_id, or uid `sample/t/label`).
    meaning
        One sentence.
    unit
        Unit of the number that is bound.
    default
        Value where none is given; None makes the parameter required.
    default_meaning
        What the default stands for where it is a mark and no ordinary value, e.g. "all samples" for `''`.
    minimum, maximum
        Valid range, both ends included.
    choices
        The only valid values, where there is such a list.
    role
        What the value must name in the store it is asked of (see `checks`).
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    default: Value | None = None
    default_meaning: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    role: Role = ""

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is None

    @property
    def valid(self) -> str:
        """Valid values in words, with the unit."""
        if self.choices:
            return " or ".join(repr(choice) for choice in self.choices)
        text = _VALID[self.kind]
        if self.kind == "feature":
            return text
        if self.kind == "number" and self.unit not in ("", "1"):
            text += f" in {self.unit}"
        low, high = (None if b is None or abs(b) >= UNBOUNDED else f"{b:.10g}" for b in (self.minimum, self.maximum))
        if low is not None and high is not None:
            return f"{text}, {low} to {high}"
        return text + (f", at least {low}" if low is not None else f", at most {high}" if high is not None else "")

    def parse(self, value: object) -> Value:
        """Value to bind; None and, for text, nothing else stand for the default.

        Raises
        ------
        QueryError
            If the value is required and None, of another type, out of range, or none of the choices.
        """
        if value is None:
            if self.default is None:
                raise QueryError(f"parameter {self.name!r} is required: give {self.valid}")
            return self.default
        result = self._convert(value)
        if self.choices and result not in self.choices:
            raise QueryError(f"parameter {self.name} = {value!r} is not valid; {nearest(str(value), self.choices)}")
        if isinstance(result, (int, float)) and result != self.default:
            below = self.minimum is not None and result < self.minimum
            if below or (self.maximum is not None and result > self.maximum):
                raise QueryError(f"parameter {self.name} = {value!r} is out of range: give {self.valid}")
        return result

    def _convert(self, value: object) -> Value:
        try:
            if self.kind == "string":
                return _text(value)
            if self.kind == "integer":
                return _integer(value)
            if self.kind == "number":
                return _number(value)
            if self.kind == "feature":
                return value.strip() if isinstance(value, str) and "/" in value else _integer(value)
            return length_um(value if isinstance(value, (str, float)) else _number(value))
        except (InputError, ValueError, TypeError) as error:
            raise QueryError(f"parameter {self.name} = {value!r} is not valid: give {self.valid}") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (str, Integral, float)):
        raise TypeError
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    return int(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (str, Real)):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number
